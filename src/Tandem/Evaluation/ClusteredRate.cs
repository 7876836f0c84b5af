using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Evaluation;

/// <summary>Rates of items of which some share a context.</summary>
internal static class ClusteredRate
{
    /// <summary>
    /// The mean: with Wilson's interval where every group has one item, else with that of a bootstrap over groups. Where
    /// every group has the same rate, resamples do not differ, and Wilson's interval over groups is given.
    /// </summary>
    /// <param name="values">One value in [0, 1] for each item, with its group.</param>
    /// <param name="random">The source of the resamples.</param>
    public static Estimate Of(IReadOnlyList<(double Value, string Group)> values, RandomStream random)
    {
        int[] clusters = Numbers(values.Select(value => value.Group));
        int groups = clusters.Length == 0 ? 0 : clusters.Max() + 1;
        double sum = values.Sum(value => value.Value);
        if (groups == values.Count)
            return Proportion.Wilson(Math.Clamp(sum, 0, groups), groups);
        Estimate estimate = Bootstrap.ClusterMean([.. values.Select(value => value.Value)], clusters, random);
        return estimate.Lower < estimate.Upper ? estimate : Proportion.Wilson(Math.Clamp(estimate.Value * groups, 0, groups), groups);
    }

    /// <summary>A number for each distinct text, from 0 in the order of appearance. Items without a group stand alone.</summary>
    public static int[] Numbers(IEnumerable<string> groups)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        int next = 0;
        return [.. groups.Select(group => group.Length == 0 ? next++ : numbers.TryGetValue(group, out int number) ? number : numbers[group] = next++)];
    }
}
