using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.Experiments;

/// <summary>How experiments condense what they measured under several seeds, and how they judge effects.</summary>
internal static class AcrossSeeds
{
    /// <summary>
    /// The mean over seeds. All seeds answer the same items, so that to the t interval over seeds the mean distance of the
    /// seeds' own limits, which cover items, is added in squares. Of one seed its own estimate; null without any.
    /// </summary>
    public static Estimate? Mean(IReadOnlyList<Estimate> seeds)
    {
        if (seeds.Count == 0)
            return null;
        if (SeedMean.Of([.. seeds.Select(seed => seed.Value)]) is not { } mean)
            return seeds[0];
        double below = seeds.Average(seed => seed.Value - seed.Lower), above = seeds.Average(seed => seed.Upper - seed.Value), half = mean.Upper - mean.Value;
        return mean with
        {
            Lower = mean.Value - Math.Sqrt((half * half) + (below * below)),
            Upper = mean.Value + Math.Sqrt((half * half) + (above * above)),
        };
    }

    /// <summary>The mean over the seeds that have a value, with its t interval; null for fewer than two.</summary>
    public static Estimate? Mean(IEnumerable<double?> seeds) => SeedMean.Of([.. seeds.OfType<double>()]);

    /// <summary>
    /// How far the last of several measurements lies below the highest one: per seed, the place of the highest is that of
    /// the mean over the other seeds, so that no seed's chance picks its own peak. Empty for fewer than two seeds.
    /// </summary>
    /// <param name="curves">One value per measurement, [seed][measurement].</param>
    public static IReadOnlyList<double> FallsFromPeak(IReadOnlyList<IReadOnlyList<double>> curves) =>
        [.. ChosenByOthers(curves).Select((peak, seed) => curves[seed][peak] - curves[seed][^1])];

    /// <summary>For each seed the place of the largest mean over the other seeds, the first of equals; empty for fewer than two seeds.</summary>
    /// <param name="curves">[seed][place].</param>
    public static IReadOnlyList<int> ChosenByOthers(IReadOnlyList<IReadOnlyList<double>> curves) => curves.Count < 2 ? [] :
    [
        .. Enumerable.Range(0, curves.Count).Select(seed => Enumerable.Range(0, curves[seed].Count)
            .MaxBy(place => Enumerable.Range(0, curves.Count).Where(other => other != seed).Sum(other => curves[other][place]))),
    ];

    /// <summary>Pearson's correlation; null for fewer than three pairs or where one side does not vary.</summary>
    public static double? Correlation(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        if (first.Count < 3 || first.Count != second.Count)
            return null;
        double meanFirst = first.Average(), meanSecond = second.Average(), product = 0, squaresFirst = 0, squaresSecond = 0;
        for (int i = 0; i < first.Count; i++)
        {
            double a = first[i] - meanFirst, b = second[i] - meanSecond;
            product += a * b;
            squaresFirst += a * a;
            squaresSecond += b * b;
        }

        return squaresFirst > 0 && squaresSecond > 0 ? product / Math.Sqrt(squaresFirst * squaresSecond) : null;
    }

    /// <summary>An estimate in a sentence; what has none is said to have none.</summary>
    public static string Text(Estimate? estimate) => estimate?.ToText() ?? "no interval";
}
