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
    /// The outcome of a judge's verdicts over the two orders of a pair: the mean of 1 for the better reply, 0 for the other
    /// and ½ for a tie. A verdict that is missing in either order leaves the item unscored, for one order alone measures the
    /// judge's taste in positions too.
    /// </summary>
    /// <param name="section">The part of the data set.</param>
    /// <param name="verdicts">Both verdicts.</param>
    public static PreferenceOutcome OfVerdicts(string section, PairVerdicts verdicts)
    {
        ArgumentNullException.ThrowIfNull(verdicts);
        return new PreferenceOutcome(section, (Credit(verdicts.ChosenFirst) + Credit(verdicts.RejectedFirst)) / 2);

        static double? Credit(Verdict verdict) => verdict switch
        {
            Verdict.Chosen => 1,
            Verdict.Rejected => 0,
            Verdict.Tie => 0.5,
            _ => null,
        };
    }
}

/// <summary>What a judge says of a pair.</summary>
public enum Verdict
{
    /// <summary>The better reply.</summary>
    Chosen,

    /// <summary>The other reply.</summary>
    Rejected,

    /// <summary>Both alike.</summary>
    Tie,

    /// <summary>Nothing that counts: refused, unparsed or failed.</summary>
    Missing,
}

/// <summary>A judge's verdicts on a pair shown in both orders.</summary>
/// <param name="ChosenFirst">The verdict when the better reply stands first.</param>
/// <param name="RejectedFirst">The verdict when it stands second.</param>
public sealed record PairVerdicts(Verdict ChosenFirst, Verdict RejectedFirst)
{
    /// <summary>Whether both verdicts exist and name the same reply, or both a tie.</summary>
    public bool Agree => ChosenFirst == RejectedFirst && ChosenFirst != Verdict.Missing;
}
