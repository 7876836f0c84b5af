using Tandem.Language;

namespace Tandem.Evaluation.Preferences;

/// <summary>How good a model finds replies: a reward model, or a policy by its log-probabilities.</summary>
public interface IReplyScorer
{
    /// <summary>The score of each reply of each set, higher for better; null where a reply cannot be scored.</summary>
    /// <param name="sets">Prompts with their replies.</param>
    IReadOnlyList<double?[]> Score(IReadOnlyList<ReplySet> sets);
}

/// <summary>A prompt with replies to it.</summary>
/// <param name="Prompt">The turns before the reply.</param>
/// <param name="Replies">The replies.</param>
public sealed record ReplySet(IReadOnlyList<ChatTurn> Prompt, IReadOnlyList<string> Replies);
