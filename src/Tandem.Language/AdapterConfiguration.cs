using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>What an adapter directory of PEFT says of itself: adapter_config.json (github.com/huggingface/peft, LoraConfig).</summary>
public sealed record AdapterConfiguration
{
    /// <summary>The name of the file in an adapter directory.</summary>
    public const string FileName = "adapter_config.json";

    // Fields that change nothing of what is computed with the file's weights.
    private static readonly HashSet<string> s_harmless = new(StringComparer.Ordinal)
    {
        "peft_version", "revision", "inference_mode", "auto_mapping", "runtime_config", "megatron_core", "qalora_group_size",
    };

    private static readonly HashSet<string> s_read = new(StringComparer.Ordinal)
    {
        "peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "target_modules", "bias",
        "use_rslora", "modules_to_save", "init_lora_weights",
    };

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>The adapters.</summary>
    public required LowRankConfiguration Adapters { get; init; }

    /// <summary>The model that they were trained over, if it is said: a directory or a name of the Hub.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Whether the model scores sequences in place of predicting tokens: task_type SEQ_CLS, not CAUSAL_LM.</summary>
    public bool IsClassifier { get; init; }

    /// <summary>Whether score.weight is among the weights: modules_to_save.</summary>
    public bool HasScoreHeads { get; init; }

    /// <summary>Reads adapter_config.json.</summary>
    /// <param name="directory">The adapter directory.</param>
    /// <exception cref="UserFaultException">The file is absent or malformed, or asks for what is not supported.</exception>
    public static AdapterConfiguration Load(string directory) =>
        ConfigurationReader.ReadFile(Path.Combine(directory, FileName), Read);

    /// <summary>Reads the text of an adapter_config.json.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">Where it comes from: faults begin with it.</param>
    /// <exception cref="UserFaultException">See <see cref="Load"/>.</exception>
    public static AdapterConfiguration Parse(string json, string place = FileName) => ConfigurationReader.Read(json, place, Read);

    /// <summary>The text of adapter_config.json.</summary>
    public string ToJson()
    {
        var targets = Enum.GetValues<LowRankTargets>().Where(t => uint.IsPow2((uint)t) && Adapters.Targets.HasFlag(t));
        var json = new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = IsClassifier ? "SEQ_CLS" : "CAUSAL_LM",
            ["base_model_name_or_path"] = BaseModel,
            ["r"] = Adapters.Rank,
            ["lora_alpha"] = Adapters.Alpha,
            ["lora_dropout"] = Adapters.Dropout,
            ["target_modules"] = new JsonArray([.. targets.Select(target => (JsonNode?)LowRankConfiguration.NameOf(target))]),
            ["bias"] = "none",
            ["use_rslora"] = Adapters.RankStabilized,
            ["use_dora"] = false,
            ["fan_in_fan_out"] = false,
            ["init_lora_weights"] = true,
            ["inference_mode"] = true,
            ["layers_to_transform"] = null,
            ["layers_pattern"] = null,
            ["modules_to_save"] = HasScoreHeads ? new JsonArray("score") : null,
            ["rank_pattern"] = new JsonObject(),
            ["alpha_pattern"] = new JsonObject(),
            ["revision"] = null,
        };
        return json.ToJsonString(s_indented) + "\n";
    }

    private static AdapterConfiguration Read(ConfigurationReader json)
    {
        json.Expect("peft_type", "LORA");
        if (!json.Has("peft_type"))
            throw json.Fault("peft_type", "missing; supported: LORA");
        json.Expect("bias", "none");
        string? task = json.Text("task_type");
        if (task is not (null or "CAUSAL_LM" or "SEQ_CLS"))
            throw json.Fault("task_type", $"'{task}'; supported: CAUSAL_LM, SEQ_CLS");

        // Other ways to initialize change the base model's weights too.
        if (json.IsText("init_lora_weights") && json.Text("init_lora_weights") is { } initialization && initialization != "gaussian")
            throw json.Fault("init_lora_weights", $"'{initialization}'; supported: true, false, gaussian");
        foreach (string name in json.Names.Where(name => !s_read.Contains(name) && !s_harmless.Contains(name)))
            json.ExpectInactive(name);
        IReadOnlyList<string> saved = json.Texts("modules_to_save") ?? [];
        if (saved.FirstOrDefault(module => module is not ("score" or "classifier")) is { } other)
            throw json.Fault("modules_to_save", $"'{other}'; supported: score");
        var adapters = new LowRankConfiguration
        {
            // Where they are absent, PEFT's defaults stand.
            Rank = json.Integer("r") ?? 8,
            Alpha = json.Number("lora_alpha") ?? 8,
            Dropout = json.Number("lora_dropout") ?? 0,
            RankStabilized = json.Boolean("use_rslora") ?? false,
            Targets = ReadTargets(json),
        };
        try
        {
            adapters.Validate();
        }
        catch (UserFaultException fault)
        {
            throw new UserFaultException($"{json.Place}: {fault.Message}", "Choose another adapter.", FaultKind.Usage, fault);
        }

        return new AdapterConfiguration
        {
            Adapters = adapters,
            BaseModel = json.Text("base_model_name_or_path"),
            IsClassifier = task == "SEQ_CLS",

            // PEFT saves a classifier's head whether it is listed or not.
            HasScoreHeads = task == "SEQ_CLS" || saved.Contains("score"),
        };
    }

    private static LowRankTargets ReadTargets(ConfigurationReader json)
    {
        IReadOnlyList<string> names = json.Texts("target_modules") ?? throw json.Missing("target_modules");
        if (json.IsText("target_modules") && names[0] == "all-linear")
            return LowRankTargets.All;
        LowRankTargets targets = LowRankTargets.None;
        foreach (string name in names)
        {
            LowRankTargets target = LowRankConfiguration.Named(name);
            if (target == LowRankTargets.None || json.IsText("target_modules"))
                throw json.Fault("target_modules", $"'{name}'; supported: a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear");
            targets |= target;
        }

        return targets;
    }
}
