using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <content>Reading and writing of Hugging Face's config.json and generation_config.json.</content>
public sealed partial record TransformerConfiguration
{
    // Score heads beside a language head have no name in Hugging Face's layout; its tools ignore a key they do not know.
    private const string ScoreHeadsKey = "tandem_score_heads";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Reads config.json.</summary>
    /// <param name="path">The file, or the model directory that holds it.</param>
    /// <exception cref="UserFaultException">The file is absent or malformed, or describes a model that is not supported.</exception>
    public static TransformerConfiguration Load(string path)
    {
        if (Directory.Exists(path))
            path = Path.Combine(path, "config.json");
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the path of the model directory.", inner: error);
        }
    }

    /// <summary>Reads the text of a config.json.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">Where it comes from: faults begin with it.</param>
    /// <exception cref="UserFaultException">See <see cref="Load"/>.</exception>
    public static TransformerConfiguration Parse(string json, string place = "config.json")
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true, AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            throw new UserFaultException(
                $"{place} is not valid JSON: {error.Message.ReplaceLineEndings(" ")}", "Correct the file.", FaultKind.Usage, error);
        }

        using (document)
            return Read(new ConfigurationReader(document.RootElement, place)).Validate(place);
    }

    /// <summary>Writes config.json into a model directory, atomically.</summary>
    /// <param name="directory">The model directory; created if missing.</param>
    /// <param name="storage">The type that the weights beside it are stored as.</param>
    public void Save(string directory, StorageType storage = StorageType.F32)
    {
        AtomicFile.WriteText(Path.Combine(directory, "config.json"), ToJson(storage));
        var generation = new JsonObject { ["do_sample"] = false };
        AddSpecialTokens(generation);
        AtomicFile.WriteText(Path.Combine(directory, "generation_config.json"), generation.ToJsonString(Indented) + "\n");
    }

    /// <summary>The text of config.json.</summary>
    public string ToJson(StorageType storage = StorageType.F32)
    {
        string family = ModelType == "qwen2" ? "Qwen2" : "Llama";
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
            ["rope_theta"] = RotaryBase,
            ["max_position_embeddings"] = MaximumPositions,
            ["tie_word_embeddings"] = TieWordEmbeddings,
            ["use_cache"] = true,
            ["torch_dtype"] = storage switch
            {
                StorageType.F16 => "float16",
                StorageType.BF16 => "bfloat16",
                _ => "float32",
            },
        };
        if (ModelType == "llama")
        {
            json["attention_bias"] = false;
            json["mlp_bias"] = false;
        }

        if (RotaryScaling is { } scaling)
        {
            json["rope_scaling"] = new JsonObject
            {
                ["rope_type"] = "llama3",
                ["factor"] = scaling.Factor,
                ["low_freq_factor"] = scaling.LowFrequencyFactor,
                ["high_freq_factor"] = scaling.HighFrequencyFactor,
                ["original_max_position_embeddings"] = scaling.OriginalMaximumPositions,
            };
        }

        AddSpecialTokens(json);
        if (LanguageHead && ScoreHeads > 0)
            json[ScoreHeadsKey] = ScoreHeads;
        if (!LanguageHead)
        {
            // Hugging Face counts the rows of score.weight by these names.
            var labels = Enumerable.Range(0, ScoreHeads).ToList();
            json["id2label"] = new JsonObject(labels.Select(i => KeyValuePair.Create($"{i}", (JsonNode?)$"LABEL_{i}")));
            json["label2id"] = new JsonObject(labels.Select(i => KeyValuePair.Create($"LABEL_{i}", (JsonNode?)i)));
        }

        return json.ToJsonString(Indented) + "\n";
    }

    private void AddSpecialTokens(JsonObject json)
    {
        if (BeginToken is { } begin)
            json["bos_token_id"] = begin;
        if (EndToken is { } end)
            json["eos_token_id"] = end;
        if (PaddingToken is { } padding)
            json["pad_token_id"] = padding;
    }

    private static TransformerConfiguration Read(ConfigurationReader json)
    {
        string modelType = json.Text("model_type") ?? throw json.Fault("model_type", "missing; supported: qwen2, llama");
        if (modelType is not ("qwen2" or "llama"))
            throw json.Fault("model_type", $"'{modelType}'; supported: qwen2, llama");
        json.Expect("hidden_act", "silu");
        json.ExpectFalse("mlp_bias");
        json.ExpectFalse("use_sliding_window");
        if (modelType == "llama")
            json.ExpectFalse("attention_bias");

        int hidden = json.Integer("hidden_size") ?? throw json.Missing("hidden_size");
        int heads = json.Integer("num_attention_heads") ?? throw json.Missing("num_attention_heads");
        int? headSize = json.Integer("head_dim");
        if (headSize is null && (heads <= 0 || hidden % heads != 0))
            throw json.Fault("num_attention_heads", $"{heads}, which does not divide hidden_size {hidden}, and head_dim is absent");
        if (headSize <= 0)
            throw json.Fault("head_dim", $"{headSize}; allowed: even, at least 2");

        string architecture = json.FirstText("architectures") ?? "";
        bool classifier = architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal);

        // Newer versions of transformers nest rope_theta and the scaling in rope_parameters.
        var rotary = json.Child("rope_parameters") ?? json;
        return new TransformerConfiguration
        {
            ModelType = modelType,
            AttentionBias = modelType == "qwen2",
            VocabularySize = json.Integer("vocab_size") ?? throw json.Missing("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = json.Integer("intermediate_size") ?? throw json.Missing("intermediate_size"),
            Layers = json.Integer("num_hidden_layers") ?? throw json.Missing("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = json.Integer("num_key_value_heads") ?? heads,
            HeadSize = headSize ?? 0,
            RmsNormEpsilon = json.Number("rms_norm_eps") ?? 1e-6f,
            RotaryBase = rotary.Number("rope_theta") ?? json.Number("rope_theta") ?? 10000f,
            RotaryScaling = ReadScaling(json.Child("rope_scaling") ?? json.Child("rope_parameters")),
            TieWordEmbeddings = json.Boolean("tie_word_embeddings") ?? false,
            MaximumPositions = json.Integer("max_position_embeddings") ?? (modelType == "llama" ? 2048 : 32768),
            LanguageHead = !classifier,
            ScoreHeads = classifier
                ? json.Child("id2label")?.Count ?? json.Integer("num_labels") ?? 2
                : json.Integer(ScoreHeadsKey) ?? 0,
            BeginToken = json.Integer("bos_token_id"),
            EndToken = json.FirstInteger("eos_token_id"),
            PaddingToken = json.Integer("pad_token_id"),
        };
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
