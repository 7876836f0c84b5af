using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <content>Reading and writing of Hugging Face's config.json.</content>
public sealed partial record TransformerConfiguration
{
    internal const string FileName = "config.json";
    private const string SupportedTypes = "qwen2, qwen3, llama";

    // Score heads beside a language head have no name in Hugging Face's layout; its tools ignore a key they do not know.
    private const string ScoreHeadsKey = "tandem_score_heads";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // What ToJson writes from the record itself; everything else is kept as it is.
    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "hidden_act", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters",
        "max_position_embeddings", "tie_word_embeddings", "torch_dtype", "dtype", "attention_bias", "mlp_bias",
        "bos_token_id", "eos_token_id", "pad_token_id", "num_labels", ScoreHeadsKey,
    };

    /// <summary>Reads config.json.</summary>
    /// <param name="path">The file, or the model directory that holds it.</param>
    /// <exception cref="UserFaultException">The file is absent or malformed, or describes a model that is not supported.</exception>
    public static TransformerConfiguration Load(string path)
    {
        if (Directory.Exists(path))
            path = Path.Combine(path, FileName);
        return ConfigurationReader.ReadFile(path, Read).Validate(path);
    }

    /// <summary>Reads the text of a config.json.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">Where it comes from: faults begin with it.</param>
    /// <exception cref="UserFaultException">See <see cref="Load"/>.</exception>
    public static TransformerConfiguration Parse(string json, string place = FileName) =>
        ConfigurationReader.Read(json, place, Read).Validate(place);

    /// <summary>Writes generation_config.json (greedy decoding) and then config.json into a model directory, each atomically.</summary>
    /// <param name="directory">The model directory; created if missing.</param>
    /// <param name="storage">The type that the weights beside it are stored as.</param>
    public void Save(string directory, StorageType storage = StorageType.F32)
    {
        GenerationConfiguration.Of(this).Save(directory);
        AtomicFile.WriteText(Path.Combine(directory, FileName), ToJson(storage));
    }

    /// <summary>The text of config.json.</summary>
    public string ToJson(StorageType storage = StorageType.F32)
    {
        string family = ModelType switch
        {
            "qwen2" => "Qwen2",
            "qwen3" => "Qwen3",
            _ => "Llama",
        };
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(family + (LanguageHead ? "ForCausalLM" : "ForSequenceClassification")),
            ["model_type"] = ModelType,
            ["vocab_size"] = VocabularySize,
            ["hidden_size"] = HiddenSize,
            ["intermediate_size"] = IntermediateSize,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KeyValueHeads,
            ["head_dim"] = HeadSize,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = RmsNormEpsilon,
            ["max_position_embeddings"] = MaximumPositions,
            ["tie_word_embeddings"] = TieWordEmbeddings,
            [UsesNewerNames ? "dtype" : "torch_dtype"] = storage switch
            {
                StorageType.F16 => "float16",
                StorageType.BF16 => "bfloat16",
                _ => "float32",
            },
        };
        if (ModelType != "qwen2")
            json["attention_bias"] = AttentionBias;
        if (ModelType == "llama")
            json["mlp_bias"] = false;
        AddRotation(json);
        if (BeginToken is { } begin)
            json["bos_token_id"] = begin;
        if (EndToken is { } end)
            json["eos_token_id"] = end;
        if (PaddingToken is { } padding)
            json["pad_token_id"] = padding;
        if (LanguageHead && ScoreHeads > 0)
            json[ScoreHeadsKey] = ScoreHeads;
        if (!LanguageHead)
        {
            // Hugging Face counts the rows of score.weight by these names.
            var labels = Enumerable.Range(0, ScoreHeads).ToList();
            json["id2label"] = new JsonObject(labels.Select(i => KeyValuePair.Create($"{i}", (JsonNode?)$"LABEL_{i}")));
            json["label2id"] = new JsonObject(labels.Select(i => KeyValuePair.Create($"LABEL_{i}", (JsonNode?)i)));
        }

        AddOthers(json);
        return json.ToJsonString(Indented) + "\n";
    }

    /// <summary>The tokens that end a text: <see cref="EndToken"/>, with further ones that config.json lists after it.</summary>
    public IReadOnlyList<int> EndTokens()
    {
        if (EndToken is not { } end)
            return [];
        JsonArray? listed = OtherFields is null ? null : JsonNode.Parse(OtherFields)!["eos_token_id"] as JsonArray;
        return listed is { Count: > 0 } && listed[0]!.GetValue<int>() == end ? [.. listed.Select(token => token!.GetValue<int>())] : [end];
    }

    private void AddRotation(JsonObject json)
    {
        JsonObject target = UsesNewerNames ? [] : json;
        target["rope_theta"] = RotaryBase;
        if (UsesNewerNames)
            json["rope_parameters"] = target;
        if (RotaryScaling is not { } scaling)
        {
            if (UsesNewerNames)
                target["rope_type"] = "default";
            return;
        }

        if (!UsesNewerNames)
            json["rope_scaling"] = target = [];
        target["rope_type"] = "llama3";
        target["factor"] = scaling.Factor;
        target["low_freq_factor"] = scaling.LowFrequencyFactor;
        target["high_freq_factor"] = scaling.HighFrequencyFactor;
        target["original_max_position_embeddings"] = scaling.OriginalMaximumPositions;
    }

    // A value that the record has changed since it was read is not brought back.
    private void AddOthers(JsonObject json)
    {
        if (OtherFields is null)
            return;
        foreach (var (name, value) in JsonNode.Parse(OtherFields)!.AsObject())
        {
            bool applies = name switch
            {
                "eos_token_id" => value is JsonArray { Count: > 0 } ends && ends[0]!.GetValue<int>() == EndToken,
                "id2label" or "label2id" => LanguageHead || (value is JsonObject labels && labels.Count == ScoreHeads),
                _ => true,
            };
            if (applies)
                json[name] = value?.DeepClone();
        }
    }

    private static TransformerConfiguration Read(ConfigurationReader json)
    {
        string modelType = json.Text("model_type") ?? throw json.Fault("model_type", $"missing; supported: {SupportedTypes}");
        if (modelType is not ("qwen2" or "qwen3" or "llama"))
            throw json.Fault("model_type", $"'{modelType}'; supported: {SupportedTypes}");
        UnsupportedFields.Refuse(json);
        int hidden = json.Integer("hidden_size") ?? throw json.Missing("hidden_size");
        int heads = json.Integer("num_attention_heads") ?? throw json.Missing("num_attention_heads");

        // Where it is absent, the family's default of transformers stands.
        int? headSize = json.Integer("head_dim") ?? (modelType == "qwen3" ? 128 : null);
        if (headSize is null && (heads <= 0 || hidden % heads != 0))
            throw json.Fault("num_attention_heads", $"{heads}, which does not divide hidden_size {hidden}, and head_dim is absent");
        if (headSize <= 0)
            throw json.Fault("head_dim", $"{headSize}; allowed: even, at least 2");

        bool classifier = IsClassifier(json);
        bool bias = modelType == "qwen2" || json.Boolean("attention_bias") == true;

        // Newer versions of transformers nest rope_theta and the scaling in rope_parameters.
        ConfigurationReader? nested = json.Child("rope_parameters");
        int scoreHeads = classifier
            ? json.Child("id2label")?.Count ?? json.Integer("num_labels") ?? 2
            : json.Integer(ScoreHeadsKey) ?? 0;
        return new TransformerConfiguration
        {
            ModelType = modelType,
            AttentionBias = bias,
            OutputBias = bias && modelType != "qwen2",
            VocabularySize = json.Integer("vocab_size") ?? throw json.Missing("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = json.Integer("intermediate_size") ?? throw json.Missing("intermediate_size"),
            Layers = json.Integer("num_hidden_layers") ?? throw json.Missing("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = json.Integer("num_key_value_heads") ?? heads,
            HeadSize = headSize ?? 0,
            RmsNormEpsilon = json.Number("rms_norm_eps") ?? 1e-6f,
            RotaryBase = nested?.Number("rope_theta") ?? json.Number("rope_theta") ?? 10000f,
            RotaryScaling = ReadScaling(json.Child("rope_scaling")) ?? ReadScaling(nested),
            TieWordEmbeddings = json.Boolean("tie_word_embeddings") ?? false,
            MaximumPositions = json.Integer("max_position_embeddings") ?? (modelType == "llama" ? 2048 : 32768),
            LanguageHead = !classifier,
            ScoreHeads = scoreHeads,
            BeginToken = json.Integer("bos_token_id"),
            EndToken = json.Integers("eos_token_id") is [var first, ..] ? first : null,
            PaddingToken = json.Integer("pad_token_id"),
            UsesNewerNames = nested is not null || json.Has("dtype"),
            OtherFields = json.Others(name => name switch
            {
                "eos_token_id" => !json.IsList(name),
                "id2label" or "label2id" => classifier && HasPlainLabels(json, scoreHeads),
                _ => Known.Contains(name),
            }),
        };
    }

    private static bool IsClassifier(ConfigurationReader json)
    {
        string architecture = json.FirstText("architectures") ?? "";
        bool classifier = architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal);
        if (classifier || architecture.Length == 0 || architecture.EndsWith("ForCausalLM", StringComparison.Ordinal))
            return classifier;
        throw json.Fault("architectures", $"'{architecture}'; supported: those that end in ForCausalLM or ForSequenceClassification");
    }

    // The names that ToJson gives.
    private static bool HasPlainLabels(ConfigurationReader json, int count)
    {
        var labels = json.Child("id2label");
        return labels is null || Enumerable.Range(0, Math.Min(count, labels.Count)).All(i => labels.IsText($"{i}") && labels.Text($"{i}") == $"LABEL_{i}");
    }

    private static RotaryScaling? ReadScaling(ConfigurationReader? json)
    {
        string? type = json?.Text("rope_type") ?? json?.Text("type");
        if (json is null || type is null or "default")
            return null;
        if (type != "llama3")
            throw json.Fault("rope_type", $"'{type}'; supported: default, llama3");
        return new RotaryScaling(
            json.Number("factor") ?? throw json.Missing("factor"),
            json.Number("low_freq_factor") ?? throw json.Missing("low_freq_factor"),
            json.Number("high_freq_factor") ?? throw json.Missing("high_freq_factor"),
            json.Integer("original_max_position_embeddings") ?? throw json.Missing("original_max_position_embeddings"));
    }
}
