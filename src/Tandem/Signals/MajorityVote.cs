using Tandem.Evaluation.Statistics;

namespace Tandem.Signals;

/// <summary>
/// One source, one vote. Votes and not mean scores: a source with large scores would outvote the others. Ties go to the
/// option with the larger sum of probabilities, then to the first.
/// </summary>
public static class MajorityVote
{
    /// <summary>Combines the labels of one or more sources for the same items and question.</summary>
    public static CombinedLabels Combine(IReadOnlyList<SourceLabels> sources)
    {
        int items = CheckSources(sources);
        bool violations = sources[0].Question == SupervisionQuestion.Violation;
        var posteriors = new double[]?[items];
        int[] choices = violations ? [] : new int[items];
        for (int i = 0; i < items; i++)
        {
            int options = sources.Select(source => source.Rows[i]?.Length ?? 0).Max();
            posteriors[i] = violations ? ViolationShares(sources, i, options) : Shares(sources, i, options);
            if (!violations)
                choices[i] = Winner(sources, posteriors[i], i);
        }

        return new CombinedLabels
        {
            Combination = "majority",
            Question = sources[0].Question,
            Posteriors = posteriors,
            Choices = choices,
            Sources = [.. sources.Select(source => violations ? ViolationQuality(source, posteriors) : Quality(source, choices))],
        };
    }

    internal static int CheckSources(IReadOnlyList<SourceLabels> sources)
    {
        if (sources.Count == 0)
            throw new ArgumentException("There is no source to combine.", nameof(sources));
        foreach (SourceLabels source in sources)
        {
            if (source.Rows.Count != sources[0].Rows.Count || source.Question != sources[0].Question)
                throw new ArgumentException($"{source.Source} and {sources[0].Source} did not label the same items and question.", nameof(sources));
        }

        for (int i = 0; i < sources[0].Rows.Count; i++)
        {
            if (sources.Select(source => source.Rows[i]?.Length).OfType<int>().Distinct().Count() > 1)
                throw new ArgumentException($"The sources differ in the number of options of item {i}.", nameof(sources));
        }

        return sources[0].Rows.Count;
    }

    private static double[]? Shares(IReadOnlyList<SourceLabels> sources, int item, int options)
    {
        double[] shares = new double[options];
        int votes = 0;
        foreach (SourceLabels source in sources)
        {
            int vote = source.Vote(item);
            if (vote == SourceLabels.Abstained)
                continue;
            shares[vote]++;
            votes++;
        }

        return votes == 0 ? null : [.. shares.Select(share => share / votes)];
    }

    private static double[]? ViolationShares(IReadOnlyList<SourceLabels> sources, int item, int options)
    {
        double[] shares = new double[options];
        bool any = false;
        for (int option = 0; option < options; option++)
        {
            int[] votes = [.. sources.Select(source => source.ViolationVote(item, option)).Where(vote => vote != SourceLabels.Abstained)];
            any |= votes.Length > 0;
            shares[option] = votes.Length == 0 ? 0.5 : votes.Average();
        }

        return any ? shares : null;
    }

    private static int Winner(IReadOnlyList<SourceLabels> sources, double[]? shares, int item)
    {
        if (shares == null)
            return SourceLabels.Abstained;
        double most = shares.Max();
        return Enumerable.Range(0, shares.Length)
            .Where(option => shares[option] == most)
            .MaxBy(option => sources.Sum(source => source.Rows[item]?[option] ?? 0));
    }

    private static SourceQuality Quality(SourceLabels source, int[] choices)
    {
        int agreed = 0, votes = 0;
        for (int i = 0; i < choices.Length; i++)
        {
            int vote = source.Vote(i);
            votes += vote == SourceLabels.Abstained ? 0 : 1;
            agreed += vote != SourceLabels.Abstained && vote == choices[i] ? 1 : 0;
        }

        return new SourceQuality(source.Source, Proportion.Wilson(agreed, votes), choices.Length - votes);
    }

    private static SourceQuality ViolationQuality(SourceLabels source, double[]?[] posteriors)
    {
        int cells = 0, abstained = 0;
        int[] count = new int[2], agreed = new int[2];
        for (int i = 0; i < posteriors.Length; i++)
        {
            for (int option = 0; option < (posteriors[i]?.Length ?? 0); option++)
            {
                cells++;
                int vote = source.ViolationVote(i, option), label = posteriors[i]![option] > 0.5 ? 1 : 0;
                abstained += vote == SourceLabels.Abstained ? 1 : 0;
                count[label] += vote == SourceLabels.Abstained ? 0 : 1;
                agreed[label] += vote == label ? 1 : 0;
            }
        }

        return new SourceQuality(
            source.Source,
            Proportion.Wilson(agreed[0] + agreed[1], cells - abstained),
            abstained,
            Proportion.Wilson(agreed[1], count[1]),
            Proportion.Wilson(agreed[0], count[0]));
    }
}
