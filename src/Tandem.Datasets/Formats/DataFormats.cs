using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>The layouts that can be read, and how one is recognized.</summary>
public static class DataFormats
{
    /// <summary>The name that asks for recognition from the first rows.</summary>
    public const string Automatic = "auto";

    private const int RowsLookedAt = 8;

    /// <summary>All layouts: first those that many data sets share.</summary>
    public static IReadOnlyList<DataFormat> All { get; } =
    [
        new("text", "text", typeof(TextRecord), new TextFormat(),
            r => r.Has("text") && !r.Has("messages") && !r.Has("prompt") && !r.Has("chosen"), general: true),
        new("prompt-completion", "prompt, completion: texts or lists of turns", typeof(PromptCompletionRecord), new PromptCompletionFormat(),
            r => HasAll(r, "prompt", "completion"), general: true),
        new("preference", "chosen, rejected, with prompt or with the prompt in both; texts or lists of turns", typeof(PreferenceRecord), new PreferenceFormat(),
            r => HasAll(r, "chosen", "rejected"), general: true),
        new("conversation", "messages (role, content) or conversations (from, value)", typeof(ConversationRecord), new ConversationFormat(),
            r => (r.Has("messages") || r.Is("conversations", JsonValueKind.Array)) && !r.Has("chosen"), general: true),
        new("choice", "question, options or choices, answer (index, letter or text), context", typeof(ChoiceRecord), new ChoiceFormat(), ChoiceFormat.Recognizes, general: true),
        new("cosmosqa", "context, question, answer0 to answer3, label", typeof(ChoiceRecord), new CosmosQaFormat(),
            r => HasAll(r, "context", "question", "answer0", "answer1", "answer2", "answer3")),
        new("sciq", "question, correct_answer, distractor1 to distractor3, support", typeof(ChoiceRecord), new SciQFormat(),
            r => HasAll(r, "question", "correct_answer", "distractor1")),
        new("boolq", "question, passage, answer (true or false)", typeof(ChoiceRecord), new BoolQFormat(),
            r => HasAll(r, "question", "passage", "answer") && !r.Has("options") && !r.Has("choices")),
        new("hh-rlhf", "chosen, rejected: transcripts of Human: and Assistant:", typeof(PreferenceRecord), new TranscriptFormat(),
            r => !r.Has("prompt") && TranscriptFormat.Recognizes(r)),
        new("ultrafeedback", "instruction, completions with scores and annotations", typeof(PreferenceRecord), new UltraFeedbackFormat(), UltraFeedbackFormat.Recognizes),
        new("rewardbench", "prompt, chosen, rejected, subset", typeof(PreferenceRecord), new RewardBenchFormat(), RewardBenchFormat.Recognizes),
        new("rewardbench2", "prompt, chosen and rejected as lists of replies, subset", typeof(ChoiceRecord), new RewardBench2Format(), RewardBench2Format.Recognizes),
        new("llmbar", "input, output_1, output_2, label", typeof(PreferenceRecord), new LlmBarFormat(), r => HasAll(r, "input", "output_1", "output_2")),
        new("quality", "article, questions with options and gold_label", typeof(ChoiceRecord), new QualityFormat(), QualityFormat.Recognizes),
        new("quality-debates", "background_text, question, positions, correct_index, speeches", typeof(DebateRecord), new QualityDebatesFormat(), QualityDebatesFormat.Recognizes),
        new("truthfulqa", "Question, Best Answer, Correct Answers, Incorrect Answers; several right options", typeof(ChoiceRecord), new TruthfulQaFormat(oneRight: false), TruthfulQaFormat.Recognizes),
        new("truthfulqa-mc1", "the same with the best answer as the one right option", typeof(ChoiceRecord), new TruthfulQaFormat(oneRight: true), null),
        new("xstest", "prompt, type, label (safe or unsafe)", typeof(PromptRecord), new XsTestFormat(), r => HasAll(r, "prompt", "type", "focus")),
        new("behaviours", "question, answer_matching_behavior, answer_not_matching_behavior", typeof(ChoiceRecord), new BehaviourFormat(),
            r => HasAll(r, "question", "answer_matching_behavior")),
    ];

    /// <summary>The layout of a name.</summary>
    /// <exception cref="UserFaultException">There is none.</exception>
    public static DataFormat Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return All.FirstOrDefault(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw Unknown(name);
    }

    /// <summary>The layout that the first rows have; one of a particular set goes before one that many share.</summary>
    /// <param name="rows">The rows; the first eight are looked at.</param>
    /// <exception cref="UserFaultException">None, or more than one, fits them.</exception>
    public static DataFormat Detect(IEnumerable<DataRow> rows)
    {
        DataRow[] first = [.. rows.Take(RowsLookedAt)];
        if (first.Length == 0)
            throw new ArgumentException("A layout cannot be recognized without rows.", nameof(rows));
        DataFormat[] fitting = [.. All.Where(f => f.Recognizes is not null && first.All(f.Recognizes))];
        DataFormat[] particular = [.. fitting.Where(f => !f.General)];
        if (particular.Length > 0)
            fitting = particular;
        if (fitting.Length == 1)
            return fitting[0];
        string fields = string.Join(", ", first[0].Fields.Take(20));
        if (fitting.Length > 1)
        {
            throw first[0].Fault(
                $"the fields {fields} fit {fitting.Length} formats",
                $"Choose one with --format: {string.Join("; ", fitting.Select(f => $"{f.Name} ({f.Description})"))}.");
        }

        throw first[0].Fault(
            $"no format fits the first {first.Length} rows, whose fields are {(fields.Length <= 400 ? fields : fields[..400] + "…")}",
            $"Rename the fields to those of a format, or choose one with --format: {string.Join(", ", All.Select(f => f.Name))}.");
    }

    private static bool HasAll(DataRow row, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (!row.Has(name))
                return false;
        }

        return true;
    }

    private static UserFaultException Unknown(string name)
    {
        string? nearest = NearestName.Find(name, All.Select(f => f.Name));
        return new UserFaultException(
            $"There is no format '{name}'.",
            $"{(nearest is null ? "" : $"Did you mean '{nearest}'? ")}The formats are {string.Join(", ", All.Select(f => f.Name))}.",
            FaultKind.Usage);
    }
}
