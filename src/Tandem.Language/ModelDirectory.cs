using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Moves the parameters of a <see cref="Transformer"/> between memory and safetensors files.</summary>
internal static unsafe class ModelDirectory
{
    private const string WeightsName = "model.safetensors";
    private const string IndexName = "model.safetensors.index.json";

    // Hugging Face's loaders refuse a file that does not say which framework's layout it has.
    public static readonly IReadOnlyDictionary<string, string> Metadata = new Dictionary<string, string> { ["format"] = "pt" };

    public static void Save(Transformer transformer, string directory, StorageType storage)
    {
        SafeTensors.Write(Path.Combine(directory, WeightsName), Tensors(transformer, storage), Metadata);

        // Last, for a directory without it is not taken for a model.
        transformer.Configuration.Save(directory, storage);
        GC.KeepAlive(transformer);
    }

    public static List<SafeTensorData> Tensors(Transformer transformer, StorageType storage) =>
        [.. transformer.Parameters.All.Select(p => SafeTensorData.FromParameter(p, storage))];

    public static Transformer Load(string directory, ParameterStorage storage, LowRankConfiguration? adapters)
    {
        var configuration = TransformerConfiguration.Load(Path.Combine(directory, "config.json"));
        var files = new List<SafeTensorsFile>();
        try
        {
            foreach (string path in WeightFiles(directory))
                files.Add(SafeTensorsFile.Open(path));
            return Load(files, configuration, directory, storage, adapters);
        }
        finally
        {
            files.ForEach(f => f.Dispose());
        }
    }

    public static Transformer Load(
        IReadOnlyList<SafeTensorsFile> files, TransformerConfiguration configuration, string place,
        ParameterStorage storage = ParameterStorage.Trainable, LowRankConfiguration? adapters = null)
    {
        var owners = new Dictionary<string, SafeTensorsFile>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (string tensor in file.Entries.Keys)
            {
                if (!owners.TryAdd(tensor, file))
                    throw Fault(place, $"tensor '{tensor}' is in {owners[tensor].Name} and in {file.Name}");
            }
        }

        // Everything is checked against the files before the parameters are allocated.
        var shapes = configuration.ParameterShapes().ToList();
        foreach (var shape in shapes)
        {
            if (!owners.TryGetValue(shape.Name, out var file))
            {
                if (IsOptional(shape.Name, configuration))
                    continue;
                throw Fault(place, $"tensor '{shape.Name}' is missing");
            }

            long[] expected = shape.IsVector ? [shape.Columns] : [shape.Rows, shape.Columns];
            var entry = file.Entry(shape.Name);
            if (!entry.Shape.SequenceEqual(expected))
            {
                throw Fault(
                    file.Name, $"tensor '{shape.Name}' has shape [{string.Join(", ", entry.Shape)}], config.json asks for [{string.Join(", ", expected)}]");
            }
        }

        var known = shapes.Concat(adapters?.ParameterShapes(configuration) ?? []).Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        if (owners.Keys.FirstOrDefault(name => !known.Contains(name) && !IsIgnored(name)) is { } unexpected)
            throw Fault(owners[unexpected].Name, $"tensor '{unexpected}' has no place in a {configuration.ModelType} model of this config.json");

        var transformer = new Transformer(configuration, storage, adapters);
        try
        {
            foreach (var parameter in transformer.Parameters.All)
            {
                if (owners.TryGetValue(parameter.Name, out var file))
                    file.CopyTo(parameter.Name, parameter);
            }
        }
        catch
        {
            transformer.Dispose();
            throw;
        }

        return transformer;
    }

    /// <summary>Score heads beside a language head are added to models that have been trained without them.</summary>
    private static bool IsOptional(string name, TransformerConfiguration configuration) =>
        name == "score.weight" && configuration.LanguageHead;

    /// <summary>Heads that the configuration does not use, and constants that old checkpoints carry.</summary>
    private static bool IsIgnored(string name) =>
        name is "lm_head.weight" or "score.weight" || name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal);

    private static List<string> WeightFiles(string directory)
    {
        string whole = Path.Combine(directory, WeightsName);
        string index = Path.Combine(directory, IndexName);
        if (File.Exists(whole) || !File.Exists(index))
            return [whole];
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllText(index));
            var names = json.RootElement.GetProperty("weight_map").EnumerateObject()
                .Select(p => p.Value.GetString() ?? "").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
            if (names.Find(n => n.Length == 0 || n != Path.GetFileName(n)) is { } bad)
                throw Fault(index, $"'{bad}' is not the name of a file in this directory");
            return [.. names.Select(n => Path.Combine(directory, n))];
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw Fault(index, error.Message.ReplaceLineEndings(" ").TrimEnd('.'), error);
        }
    }

    private static UserFaultException Fault(string place, string what, Exception? inner = null) =>
        new($"{place}: {what}.", "Fetch or save the model again, or correct config.json.", inner: inner);
}
