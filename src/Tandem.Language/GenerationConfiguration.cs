using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// How a model is meant to be decoded: Hugging Face's generation_config.json. Null stands for a value that the file does not
/// give, for which transformers' default holds.
/// </summary>
public sealed record GenerationConfiguration
{
    /// <summary>The name of the file in a model directory.</summary>
    public const string FileName = "generation_config.json";

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Whether tokens are drawn; otherwise the likeliest is taken.</summary>
    public bool DoSample { get; init; }

    /// <summary>What logits are divided by where tokens are drawn; by default 1.</summary>
    public double? Temperature { get; init; }

    /// <summary>How many of the likeliest tokens are drawn from; 0 for all, by default 50.</summary>
    public int? TopK { get; init; }

    /// <summary>The probability that the tokens drawn from hold together; by default 1.</summary>
    public double? TopP { get; init; }

    /// <summary>What the logits of tokens that occurred are made smaller by (arXiv 1909.05858); by default 1, for not at all.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>The token that starts a text, if any.</summary>
    public int? BeginToken { get; init; }

    /// <summary>The tokens at which a text ends.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>The token that other programs fill batches with, if any.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>What else the file holds, as the text of a JSON object, written back on saving; null for none.</summary>
    public string? OtherFields { get; init; }

    /// <summary>Greedy decoding with the special tokens of a model.</summary>
    public static GenerationConfiguration Of(TransformerConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new GenerationConfiguration
        {
            BeginToken = configuration.BeginToken,
            EndTokens = configuration.EndTokens(),
            PaddingToken = configuration.PaddingToken,
        };
    }

    /// <summary>Reads the generation_config.json of a model directory; null where there is none.</summary>
    /// <exception cref="UserFaultException">The file is malformed, or a value out of its range.</exception>
    public static GenerationConfiguration? Load(string directory)
    {
        string path = Path.Combine(directory, FileName);
        return File.Exists(path) ? ConfigurationReader.ReadFile(path, Read) : null;
    }

    /// <summary>Writes generation_config.json into a model directory, atomically.</summary>
    /// <exception cref="UserFaultException">The file cannot be written.</exception>
    public void Save(string directory)
    {
        var json = new JsonObject { ["do_sample"] = DoSample };
        Add("temperature", Temperature);
        Add("top_k", TopK);
        Add("top_p", TopP);
        Add("repetition_penalty", RepetitionPenalty);
        Add("bos_token_id", BeginToken);
        if (EndTokens.Count == 1)
            json["eos_token_id"] = EndTokens[0];
        else if (EndTokens.Count > 1)
            json["eos_token_id"] = new JsonArray([.. EndTokens.Select(token => (JsonNode?)token)]);
        Add("pad_token_id", PaddingToken);
        if (OtherFields is not null)
        {
            foreach (var (name, value) in JsonNode.Parse(OtherFields)!.AsObject())
                json[name] = value?.DeepClone();
        }

        AtomicFile.WriteText(Path.Combine(directory, FileName), json.ToJsonString(s_indented) + "\n");

        void Add<T>(string name, T? value)
            where T : struct
        {
            if (value is { } given)
                json[name] = JsonValue.Create(given);
        }
    }

    /// <summary>The sampler that these values ask for.</summary>
    /// <exception cref="UserFaultException">A value is out of its range.</exception>
    public Sampler CreateSampler() => DoSample
        ? new Sampler(Temperature ?? 1, TopK ?? 50, TopP ?? 1, RepetitionPenalty ?? 1)
        : new Sampler(repetitionPenalty: RepetitionPenalty ?? 1);

    /// <inheritdoc/>
    public bool Equals(GenerationConfiguration? other) =>
        other is not null && DoSample == other.DoSample && Temperature == other.Temperature && TopK == other.TopK && TopP == other.TopP
        && RepetitionPenalty == other.RepetitionPenalty && BeginToken == other.BeginToken && PaddingToken == other.PaddingToken
        && OtherFields == other.OtherFields && EndTokens.SequenceEqual(other.EndTokens);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(DoSample, Temperature, TopK, TopP, RepetitionPenalty, EndTokens.Count, OtherFields);

    private static GenerationConfiguration Read(ConfigurationReader json)
    {
        var read = new GenerationConfiguration
        {
            DoSample = json.Boolean("do_sample") ?? false,
            Temperature = json.Double("temperature"),
            TopK = json.Integer("top_k"),
            TopP = json.Double("top_p"),
            RepetitionPenalty = json.Double("repetition_penalty"),
            BeginToken = json.Integer("bos_token_id"),
            EndTokens = json.Integers("eos_token_id") ?? [],
            PaddingToken = json.Integer("pad_token_id"),
            OtherFields = json.Others(name => name is "do_sample" or "temperature" or "top_k" or "top_p" or "repetition_penalty"
                or "bos_token_id" or "eos_token_id" or "pad_token_id"),
        };
        try
        {
            _ = read.CreateSampler();
        }
        catch (UserFaultException fault)
        {
            throw new UserFaultException($"{json.Place}: {fault.Message}", "Correct the file or remove it.", FaultKind.Usage, fault);
        }

        return read;
    }
}
