using System.Text.Json;
using System.Text.RegularExpressions;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>The memory that a model takes in one way of keeping it, in bytes.</summary>
/// <param name="Storage">How its own parameters are kept.</param>
/// <param name="Load">The weights.</param>
/// <param name="Score">The weights, and what a forward pass over <see cref="ModelSummary.SampleTokens"/> tokens keeps: an estimate.</param>
/// <param name="Train">What AdamW trains with, activations left out: weights, gradients and two moments of all parameters, or of adapters of rank 8 beside frozen weights.</param>
public sealed record ModelMemory(ParameterStorage Storage, long Load, long Score, long Train);

/// <summary>What a model's folder holds.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="ModelType">The family, as in config.json; empty if it does not say.</param>
/// <param name="Unsupported">Why Tandem cannot run it; null if it can.</param>
/// <param name="Parameters">The number of parameters in its weights.</param>
/// <param name="WeightBytes">The length of its weights in bytes.</param>
/// <param name="WeightTypes">The element types of its weights.</param>
/// <param name="Tokenizer">Whether it has a tokenizer.json.</param>
/// <param name="ChatTemplate">Whether it has a chat template.</param>
/// <param name="Licence">Its licence, as its README or its LICENSE says; null if they do not.</param>
public sealed partial record ModelSummary(
    string Folder, string ModelType, string? Unsupported, long Parameters, long WeightBytes, IReadOnlyList<string> WeightTypes,
    bool Tokenizer, bool ChatTemplate, string? Licence)
{
    /// <summary>The tokens of the forward pass that <see cref="ModelMemory.Score"/> is about.</summary>
    public const int SampleTokens = 1024;

    private static readonly string[] LicenceFiles = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"];

    private const long LargestKeptLogits = 64L << 20;

    /// <summary>The shape, if Tandem can run it.</summary>
    public TransformerConfiguration? Configuration { get; private init; }

    /// <summary>The memory it takes, by way of keeping it; none if Tandem cannot run it.</summary>
    public IReadOnlyList<ModelMemory> Memory { get; private init; } = [];

    /// <summary>Reads the headers of a model's files; its weights stay on disk.</summary>
    /// <param name="folder">The folder, as <see cref="ModelLocation.Resolve"/> gives it.</param>
    /// <exception cref="UserFaultException">It has no config.json, or weights that are malformed.</exception>
    public static ModelSummary Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            throw new UserFaultException($"{folder} is not a model's folder: it has no config.json.", "Name one that has, or organization/name.", FaultKind.Usage);
        TransformerConfiguration? configuration = null;
        string? unsupported = null;
        try
        {
            configuration = TransformerConfiguration.Load(path);
        }
        catch (UserFaultException fault)
        {
            unsupported = fault.Message;
        }

        long parameters = 0, bytes = 0;
        var types = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            using SafeTensorsFile weights = SafeTensorsFile.Open(file);
            foreach (SafeTensorEntry entry in weights.Entries.Values)
            {
                parameters += entry.Count;
                bytes += entry.ByteCount;
                types.Add(entry.Type.ToString());
            }
        }

        return new ModelSummary(
            Path.GetFullPath(folder), ModelTypeOf(path), unsupported, parameters, bytes, [.. types],
            File.Exists(Path.Combine(folder, "tokenizer.json")), HasChatTemplate(folder), LicenceOf(folder))
        {
            Configuration = configuration,
            Memory = configuration is null ? [] : [.. Enum.GetValues<ParameterStorage>().Select(s => MemoryOf(configuration, s))],
        };
    }

    private static ModelMemory MemoryOf(TransformerConfiguration configuration, ParameterStorage storage)
    {
        long parameters = configuration.ParameterCount;
        long load = parameters * (storage == ParameterStorage.FrozenBFloat16 ? 2 : 4);
        long width = (2L * configuration.HiddenSize) + (2L * configuration.HeadSize * (configuration.Heads + configuration.KeyValueHeads));
        long logits = configuration.LanguageHead ? Math.Min(LargestKeptLogits, 4L * SampleTokens * configuration.VocabularySize) : 0;
        long activations = (4L * SampleTokens * configuration.Layers * width) + logits;
        long query = (long)configuration.Heads * configuration.HeadSize, key = (long)configuration.KeyValueHeads * configuration.HeadSize;
        long hidden = configuration.HiddenSize, inner = configuration.IntermediateSize;

        // An adapter of a projection from m to n has Rank · (m + n) values: q and o, k and v, gate, up and down.
        long adapters = configuration.Layers * new LowRankConfiguration().Rank * ((2 * (hidden + query)) + (2 * (hidden + key)) + (3 * (hidden + inner)));
        long train = storage == ParameterStorage.Trainable ? 16 * parameters : load + (16 * adapters);
        return new ModelMemory(storage, load, load + activations, train);
    }

    private static string ModelTypeOf(string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return HubText.Clean(HubListing.Text(json.RootElement, "model_type") ?? "");
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static bool HasChatTemplate(string folder)
    {
        if (File.Exists(Path.Combine(folder, "chat_template.jinja")) || File.Exists(Path.Combine(folder, "chat_template.json")))
            return true;
        string path = Path.Combine(folder, "tokenizer_config.json");
        try
        {
            if (!File.Exists(path))
                return false;
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return HubListing.Property(json.RootElement, "chat_template") is { ValueKind: not JsonValueKind.Null };
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The licence of the README's front matter, else the first line of the LICENSE file.</summary>
    private static string? LicenceOf(string folder)
    {
        string readme = Path.Combine(folder, "README.md");
        if (File.Exists(readme))
        {
            string[] head = [.. File.ReadLines(readme).Take(200)];
            int end = head.Length > 0 && head[0].Trim() == "---" ? Array.FindIndex(head, 1, line => line.Trim() == "---") : -1;
            Match named = end < 0 ? Match.Empty : LicenceLine().Match(string.Join('\n', head[1..end]));
            if (named.Success)
                return HubText.Clean(named.Groups[1].Value.Trim('"', '\''));
        }

        string? file = LicenceFiles.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists);
        return file is null ? null : HubText.Clean(File.ReadLines(file).FirstOrDefault(line => line.Trim().Length > 0) ?? "");
    }

    [GeneratedRegex(@"^license:[ \t]*(\S+)", RegexOptions.Multiline)]
    private static partial Regex LicenceLine();
}
