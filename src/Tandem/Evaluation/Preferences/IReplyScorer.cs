using Tandem.Language;

namespace Tandem.Evaluation.Preferences;

/// <summary>How good a model finds replies: a reward model, or a policy by its log-probabilities.</summary>
public interface IReplyScorer
{
    /// <summary>How many prompts have lost their beginning so far, since they were too long.</summary>
    int Truncated { get; }

    /// <summary>The score of each reply of each set, higher for better; null where a reply cannot be scored.</summary>
    /// <param name="sets">Prompts with their replies.</param>
    IReadOnlyList<double?[]> Score(IReadOnlyList<ReplySet> sets);
}

/// <summary>A prompt with replies to it.</summary>
/// <param name="Prompt">The turns before the reply.</param>
/// <param name="Replies">The replies.</param>
public sealed record ReplySet(IReadOnlyList<ChatTurn> Prompt, IReadOnlyList<string> Replies);

/// <summary>What a log-probability is divided by before texts of different length are compared.</summary>
public enum ScoreNormalization
{
    /// <summary>Nothing: the probability of the whole text.</summary>
    Sum,

    /// <summary>Its tokens, the end token included.</summary>
    Token,

    /// <summary>The bytes of its text in UTF-8, so that models with different tokenizers are measured alike.</summary>
    Byte,
}
