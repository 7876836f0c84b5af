using Tandem.Datasets;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Evaluation.Preferences;

/// <summary>An item with replies of which some are better than the others: a preference, or a question whose options are replies.</summary>
/// <param name="Record">The record.</param>
/// <param name="Prompt">The turns before the replies.</param>
/// <param name="Replies">The replies; of a preference the chosen one and the rejected one.</param>
/// <param name="Right">The indices of the better replies.</param>
public sealed record ReplyItem(DataRecord Record, IReadOnlyList<ChatTurn> Prompt, IReadOnlyList<string> Replies, IReadOnlyList<int> Right)
{
    /// <summary>Whether it belongs to the domain of RewardBench 2 in which every right reply must be above every wrong one.</summary>
    public bool IsTies => Record is ChoiceRecord { Section: RewardBenchTwo.Ties, Key: var key } && (key.StartsWith("ref:", StringComparison.Ordinal) || key.StartsWith("tied:", StringComparison.Ordinal));

    /// <summary>The replies that are not right.</summary>
    public IEnumerable<int> Wrong => Enumerable.Range(0, Replies.Count).Except(Right);

    /// <summary>The item of a record; null for a question whose right option is withheld, or that has no wrong one.</summary>
    /// <param name="record">A preference or a question.</param>
    /// <exception cref="UserFaultException">It is neither.</exception>
    public static ReplyItem? Of(DataRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        switch (record)
        {
            case PreferenceRecord preference:
                return new ReplyItem(record, preference.Prompt, [preference.Chosen, preference.Rejected], [0]);
            case ChoiceRecord choice:
                IReadOnlyList<int> right = choice.Answers ?? (choice.Answer is { } answer ? [answer] : []);
                string text = choice.Context.Length == 0 ? choice.Question : $"{choice.Context}\n\n{choice.Question}";
                return right.Count == 0 || right.Count == choice.Options.Count ? null : new ReplyItem(record, [new ChatTurn(ChatRole.User, text)], choice.Options, right);
            default:
                throw new UserFaultException(
                    $"{record.Origin} is a {record.GetType().Name}, which has no replies to compare.", "Use preferences or questions with options.", FaultKind.Usage);
        }
    }
}
