using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>The data sets that are known by name.</summary>
public static class DataSets
{
    // Before the list, which is made with it.
    private static readonly string[] TranscriptSplits = ["train", "test"];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DataSetEntry> All { get; } =
    [
        new("cosmosqa", "35,600 questions on blog texts that need common sense; four options", "CC BY 4.0", "cosmosqa", "validation",
            "https://github.com/wilburOne/cosmosqa", Rows("allenai/cosmos_qa", "default", "train", "validation", "test")),
        new("sciq", "13,679 science exam questions with a supporting passage; four options", "CC BY-NC 3.0", "sciq", "test",
            "https://huggingface.co/datasets/allenai/sciq", Rows("allenai/sciq", "default", "train", "validation", "test")),
        new("boolq", "yes-no questions with a passage", "CC BY-SA 3.0", "boolq", "validation",
            "https://github.com/google-research-datasets/boolean-questions", Rows("google/boolq", "default", "train", "validation")),
        new("hh-rlhf", "helpful and harmless dialogues: two replies, of which a person chose one", "MIT", "hh-rlhf", "test",
            "https://github.com/anthropics/hh-rlhf",
            [
                .. Transcripts("harmless-base"), .. Transcripts("helpful-base"), .. Transcripts("helpful-online"), .. Transcripts("helpful-rejection-sampled"),
            ]),
        new("w2s-deception-hh", "parts of HH-RLHF for weak-to-strong deception (arXiv 2406.11431)", "MIT", "hh-rlhf", "test",
            "https://github.com/keven980716/weak-to-strong-deception", []),
        new("ultrafeedback", "64,000 instructions with four completions each, rated by aspects", "MIT", "ultrafeedback", "train",
            "https://github.com/OpenBMB/UltraFeedback",
            Files("openbmb/UltraFeedback", "train", "evol_instruct.jsonl", "false_qa.jsonl", "flan.jsonl", "sharegpt.jsonl", "truthful_qa.jsonl", "ultrachat.jsonl")),
        new("ultrafeedback-binarized", "UltraFeedback as pairs, chosen by the overall score", "MIT", "preference", "test",
            "https://huggingface.co/datasets/HuggingFaceH4/ultrafeedback_binarized",
            [
                new HubSource("train", "HuggingFaceH4/ultrafeedback_binarized", Config: "default", RowsSplit: "train_prefs"),
                new HubSource("test", "HuggingFaceH4/ultrafeedback_binarized", Config: "default", RowsSplit: "test_prefs"),
            ]),
        new("rewardbench", "2,985 pairs in four sections: Chat, Chat Hard, Safety, Reasoning", "ODC-BY; parts have their own", "rewardbench", "test",
            "https://github.com/allenai/reward-bench", [new HubSource("test", "allenai/reward-bench", Config: "default", RowsSplit: "filtered")]),
        new("rewardbench2", "prompts with one right and three wrong replies, and ties", "ODC-BY; parts have their own", "rewardbench2", "test",
            "https://huggingface.co/datasets/allenai/reward-bench-2", Rows("allenai/reward-bench-2", "default", "test")),
        new("llmbar", "419 pairs on which instruction is followed, many made to mislead", "MIT", "llmbar", "test",
            "https://github.com/princeton-nlp/LLMBar", [])
        {
            LocalFiles = ["Natural.json", "Adversarial_*.json"],
        },
        new("quality", "questions on long stories and articles; four options", "CC BY 4.0; articles have their own", "quality", "validation",
            "https://github.com/nyu-mll/quality", Rows("emozilla/quality", "default", "train", "validation")),
        new("quality-debates", "debates of people on QuALITY stories, with quotes and judges", "MIT; stories have their own", "quality-debates", "test",
            "https://github.com/samuelarnesen/nyu-debate-modeling", []),
        new("truthfulqa", "817 questions that people answer wrongly; several right options", "Apache 2.0", "truthfulqa", "validation",
            "https://github.com/sylinrl/TruthfulQA", Rows("truthfulqa/truthful_qa", "multiple_choice", "validation")),
        new("xstest", "450 prompts that are safe but sound unsafe, and their unsafe contrasts", "CC BY 4.0", "xstest", "test",
            "https://github.com/paul-rottger/xstest", [new HubSource("test", "walledai/XSTest", Config: "default", RowsSplit: "train")]),
        new("anthropic-evals", "questions on power-seeking, corrigibility and the like, by models and people", "CC BY 4.0", "behaviours", "test",
            "https://github.com/anthropics/evals",
            Files(
                "Anthropic/model-written-evals", "test",
                [
                    .. new[]
                    {
                        "coordinate-itself", "coordinate-other-ais", "coordinate-other-versions", "corrigible-less-HHH", "corrigible-more-HHH",
                        "corrigible-neutral-HHH", "myopic-reward", "one-box-tendency", "power-seeking-inclination", "self-awareness-general-ai",
                        "self-awareness-good-text-model", "self-awareness-text-model", "self-awareness-training-architecture", "self-awareness-web-gpt",
                        "survival-instinct", "wealth-seeking-inclination",
                    }.Select(name => $"advanced-ai-risk/human_generated_evals/{name}.jsonl"),
                ])),
    ];

    /// <summary>The data set of a name.</summary>
    /// <exception cref="UserFaultException">There is none.</exception>
    public static DataSetEntry Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Find(name) is { } entry)
            return entry;
        string? nearest = NearestName.Find(name, All.Select(d => d.Name));
        throw new UserFaultException(
            $"There is no data set '{name}'.",
            $"{(nearest is null ? "" : $"Did you mean '{nearest}'? ")}'tandem data list' shows the names.",
            FaultKind.Usage);
    }

    /// <summary>The data set of a name, or null.</summary>
    public static DataSetEntry? Find(string name) => All.FirstOrDefault(d => d.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static HubSource[] Rows(string repository, string config, params string[] splits) =>
        [.. splits.Select(split => new HubSource(split, repository, Config: config, RowsSplit: split))];

    private static HubSource[] Files(string repository, string split, params string[] files) =>
        [.. files.Select(file => new HubSource(split, repository, file))];

    private static HubSource[] Transcripts(string part) =>
        [.. TranscriptSplits.Select(split => new HubSource(split, "Anthropic/hh-rlhf", $"{part}/{split}.jsonl.gz"))];
}
