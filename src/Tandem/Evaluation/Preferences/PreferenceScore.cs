using Tandem.Evaluation.Statistics;

namespace Tandem.Evaluation.Preferences;

/// <summary>How a judge did on a set of preference items, by section.</summary>
/// <param name="Sections">The sections in the order of their first item.</param>
/// <param name="All">All items as one section.</param>
public sealed record PreferenceScore(IReadOnlyList<SectionScore> Sections, SectionScore All)
{
    /// <summary>Counts outcomes.</summary>
    public static PreferenceScore Of(IReadOnlyList<PreferenceOutcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        return new PreferenceScore(
            [.. outcomes.GroupBy(outcome => outcome.Section).Select(group => SectionScore.Of(group.Key, [.. group]))],
            SectionScore.Of("all", outcomes));
    }
}

/// <summary>How a judge did on one section.</summary>
/// <param name="Name">The section.</param>
/// <param name="Items">The number of items, unscored ones included.</param>
/// <param name="Unscored">The number of items without a judgement. They are neither right nor wrong.</param>
/// <param name="Accuracy">The share of credit among scored items, with Wilson's interval; its count is that of scored items.</param>
public sealed record SectionScore(string Name, int Items, int Unscored, Estimate Accuracy)
{
    /// <summary>Counts the outcomes of one section.</summary>
    public static SectionScore Of(string name, IReadOnlyList<PreferenceOutcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        int scored = outcomes.Count(outcome => outcome.Credit is not null);
        double credit = Math.Clamp(outcomes.Sum(outcome => outcome.Credit ?? 0), 0, scored);
        return new SectionScore(name, outcomes.Count, outcomes.Count - scored, Proportion.Wilson(credit, scored));
    }

    /// <summary>
    /// The mean over all items when an unscored one counts as a guess, as the published scripts have it: ½ of a pair, ¼ of
    /// four replies.
    /// </summary>
    /// <param name="guess">What a guess is worth.</param>
    public double WithGuesses(double guess) =>
        Items == 0 ? double.NaN : ((Accuracy.Count * Accuracy.Value) + (Unscored * guess)) / Items;
}
