using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>One record of a data set, in one of the typed formats derived from this.</summary>
public abstract record DataRecord
{
    /// <summary>The hash of the content: the same content has the same identifier in every file and run.</summary>
    public required string Id { get; init; }

    /// <summary>The part of the data set that results are reported by, such as a section of RewardBench; empty for none.</summary>
    public string Section { get; init; } = "";

    /// <summary>The finer part inside <see cref="Section"/>, such as a subset of RewardBench; empty for none.</summary>
    public string Subset { get; init; } = "";

    /// <summary>
    /// The data set's own identifier, where its records refer to each other by it, as the ties of RewardBench 2 do; empty for
    /// none. It is not part of <see cref="Id"/>.
    /// </summary>
    public string Key { get; init; } = "";

    /// <summary>Where it was read, for messages: file and line or row.</summary>
    public string Origin { get; init; } = "";
}

/// <summary>Plain text to learn from.</summary>
/// <param name="Text">The text.</param>
public sealed record TextRecord(string Text) : DataRecord;

/// <summary>A prompt with the completion to learn.</summary>
/// <param name="Prompt">What comes before: the turns of a conversation, or one user turn for a plain prompt.</param>
/// <param name="Completion">What the model should say.</param>
public sealed record PromptCompletionRecord(IReadOnlyList<ChatTurn> Prompt, string Completion) : DataRecord;

/// <summary>Two replies to a prompt, of which one is preferred: a two-option item.</summary>
/// <param name="Prompt">The turns before the replies.</param>
/// <param name="Chosen">The preferred reply.</param>
/// <param name="Rejected">The other reply.</param>
public sealed record PreferenceRecord(IReadOnlyList<ChatTurn> Prompt, string Chosen, string Rejected) : DataRecord
{
    /// <summary>By how much the chosen reply is better, on the data set's own scale; null if it does not say.</summary>
    public double? Margin { get; init; }
}

/// <summary>A question with options.</summary>
/// <param name="Context">What the question is about; empty for none.</param>
/// <param name="Question">The question.</param>
/// <param name="Options">The options, two or more, in the data set's order.</param>
/// <param name="Answer">The index of the right option; null where it is withheld.</param>
public sealed record ChoiceRecord(string Context, string Question, IReadOnlyList<string> Options, int? Answer) : DataRecord
{
    /// <summary>The right options where more than one is right, as in TruthfulQA; null for <see cref="Answer"/> alone.</summary>
    public IReadOnlyList<int>? Answers { get; init; }

    /// <summary>The option that breaks a value, as the behaviour that a model-written evaluation asks about; null if unknown.</summary>
    public int? Violation { get; init; }
}

/// <summary>A conversation, all of whose assistant turns may be learnt.</summary>
/// <param name="Turns">The turns in order.</param>
public sealed record ConversationRecord(IReadOnlyList<ChatTurn> Turns) : DataRecord;
