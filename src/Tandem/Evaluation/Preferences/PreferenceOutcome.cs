using Tandem.Endpoints;

namespace Tandem.Evaluation.Preferences;

/// <summary>What a judge made of a preference item whose better reply is known.</summary>
/// <param name="Section">The part of the data set that the item belongs to.</param>
/// <param name="Credit">
/// 1 for the better reply, 0 for a worse one, between them where several share the first place; null for an item without
/// a judgement: refused, unparsed, failed or not a number.
/// </param>
public sealed record PreferenceOutcome(string Section, double? Credit)
{
    /// <summary>
    /// The outcome of scores, one for each reply: 1 shared among the replies of the highest score if the better one is among
    /// them. So RewardBench 2 counts its best-of-4 items (arXiv 2506.01937).
    /// </summary>
    /// <param name="section">The part of the data set.</param>
    /// <param name="scores">The score of each reply; null or not finite for none.</param>
    /// <param name="better">The index of the better reply.</param>
    public static PreferenceOutcome OfScores(string section, IReadOnlyList<double?> scores, int better = 0)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentOutOfRangeException.ThrowIfNegative(better);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(better, scores.Count);
        if (scores.Any(score => score is not { } value || !double.IsFinite(value)))
            return new PreferenceOutcome(section, null);
        double highest = scores.Max()!.Value;
        return new PreferenceOutcome(section, scores[better] == highest ? 1.0 / scores.Count(score => score == highest) : 0);
    }

    /// <summary>
    /// The outcome of the scores of a pair: 1 only if the better reply scores strictly higher. So RewardBench counts reward
    /// models and log-probability ratios (arXiv 2403.13787): a model that scores everything alike gets nothing.
    /// </summary>
    /// <param name="section">The part of the data set.</param>
    /// <param name="chosen">The score of the better reply; null or not finite for none.</param>
    /// <param name="rejected">The score of the other reply.</param>
    public static PreferenceOutcome OfPair(string section, double? chosen, double? rejected) =>
        chosen is { } better && rejected is { } worse && double.IsFinite(better) && double.IsFinite(worse)
            ? new PreferenceOutcome(section, better > worse ? 1 : 0)
            : new PreferenceOutcome(section, null);

    /// <summary>
    /// The outcome of a judge's verdict over the two orders of a pair: 1 for the better reply, 0 for the other, ½ for a tie. A
    /// comparison that is not answered in either order is unscored, for one order alone measures the judge's taste in
    /// places too.
    /// </summary>
    /// <param name="section">The part of the data set.</param>
    /// <param name="verdict">The verdict on the better reply, as the first, and the other.</param>
    public static PreferenceOutcome OfVerdict(string section, Asked<Verdict> verdict)
    {
        ArgumentNullException.ThrowIfNull(verdict);
        return new PreferenceOutcome(section, !verdict.IsAnswered ? null : verdict.Value switch { Verdict.First => 1, Verdict.Second => 0, _ => 0.5 });
    }
}
