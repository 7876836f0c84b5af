using System.Numerics;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Signals;

/// <summary>What each further source adds.</summary>
/// <param name="AccuracyBySize">Accuracy of the majority of 1, 2, …, N sources, averaged over the subsets of that size.</param>
/// <param name="MarginOfLast">Accuracy of N sources less that of N − 1, paired by item; null for a single source.</param>
public sealed record SourceMarginMeasurement(IReadOnlyList<Estimate> AccuracyBySize, Estimate? MarginOfLast);

/// <summary>Marginal accuracy of the N-th source: what the last one adds to the majority, whichever one is last (definition ours).</summary>
public static class SourceMargin
{
    // All subsets up to here (2^10), random orders beyond.
    private const int ExactUpTo = 10;
    private const int Orders = 64;

    /// <summary>Measures majorities of growing size on items with truth. A tie counts with the share of right options in it.</summary>
    /// <param name="sources">The sources' labels: choices, not violation judgements.</param>
    /// <param name="acceptable">Per item and option, whether the option is right.</param>
    /// <param name="random">The source of the subsets beyond ten sources, and of the bootstrap.</param>
    public static SourceMarginMeasurement Measure(
        IReadOnlyList<SourceLabels> sources, IReadOnlyList<IReadOnlyList<bool>> acceptable, RandomStream random)
    {
        int items = MajorityVote.CheckSources(sources);
        if (items == 0 || acceptable.Count != items)
            throw new ArgumentException($"{items} items are labelled, the truth of {acceptable.Count} is given.", nameof(acceptable));
        if (sources.Count > 63)
            throw new ArgumentException($"There are {sources.Count} sources; at most 63 are compared.", nameof(sources));
        List<ulong> subsets = Subsets(sources.Count, random);
        double[][] bySize = [.. Enumerable.Range(0, sources.Count).Select(_ => new double[items])];
        for (int i = 0; i < items; i++)
        {
            int[] votes = [.. sources.Select(source => source.Vote(i))];
            int[] count = new int[sources.Count];
            foreach (ulong subset in subsets)
            {
                int size = BitOperations.PopCount(subset) - 1;
                count[size]++;
                bySize[size][i] += ShareRight(votes, subset, acceptable[i]);
            }

            for (int size = 0; size < sources.Count; size++)
                bySize[size][i] /= count[size];
        }

        return new SourceMarginMeasurement(
            [.. bySize.Select(values => Bootstrap.Mean(values, random))],
            sources.Count < 2 ? null : Bootstrap.PairedDifference(bySize[^1], bySize[^2], random));
    }

    private static List<ulong> Subsets(int sources, RandomStream random)
    {
        if (sources <= ExactUpTo)
            return [.. Enumerable.Range(1, (1 << sources) - 1).Select(subset => (ulong)subset)];
        var subsets = new List<ulong>();
        int[] order = Enumerable.Range(0, sources).ToArray();
        for (int i = 0; i < Orders; i++)
        {
            random.Shuffle<int>(order);
            ulong subset = 0;
            foreach (int source in order)
                subsets.Add(subset |= 1UL << source);
        }

        return subsets;
    }

    private static double ShareRight(int[] votes, ulong subset, IReadOnlyList<bool> acceptable)
    {
        Span<int> counts = stackalloc int[acceptable.Count];
        int most = 0;
        for (int s = 0; s < votes.Length; s++)
        {
            if ((subset >> s & 1) == 1 && votes[s] != SourceLabels.Abstained)
                most = Math.Max(most, ++counts[votes[s]]);
        }

        // With no vote at all every option ties.
        int tied = 0, right = 0;
        for (int option = 0; option < counts.Length; option++)
        {
            if (counts[option] != most)
                continue;
            tied++;
            right += acceptable[option] ? 1 : 0;
        }

        return (double)right / tied;
    }
}
