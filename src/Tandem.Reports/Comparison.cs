using Tandem.Evaluation;

namespace Tandem.Reports;

/// <summary>
/// Differences and means of estimates whose items are not at hand. Used only for what the report says in words and for
/// aggregation over seeds; paired differences that the run measured itself are shown as they are.
/// </summary>
internal static class Comparison
{
    // Two-sided 95% quantiles of Student's t for 1 to 30 degrees of freedom.
    private static readonly double[] StudentQuantiles =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
        2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
        2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];

    /// <summary>
    /// <paramref name="to"/> less <paramref name="from"/>, with the interval recovered from theirs (square-and-add,
    /// Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8&lt;873). It takes the two as independent, which is
    /// cautious where both were measured on the same items.
    /// </summary>
    public static Estimate Difference(Estimate from, Estimate to)
    {
        double value = to.Value - from.Value;
        double below = Hypotenuse(to.Value - to.Lower, from.Upper - from.Value);
        double above = Hypotenuse(to.Upper - to.Value, from.Value - from.Lower);
        return new Estimate(value, value - below, value + above, Math.Min(from.Count, to.Count));
    }

    /// <summary>The sign that the interval shows: 1 above zero, −1 below, 0 when it contains zero or is not a number.</summary>
    public static int Direction(Estimate difference) =>
        difference.Lower > 0 ? 1 : difference.Upper < 0 ? -1 : 0;

    /// <summary>
    /// The mean over seeds with Student's t interval and the number of seeds as n. A single seed keeps the interval
    /// of its own items, which does not speak of other seeds.
    /// </summary>
    public static Estimate? OverSeeds(IReadOnlyList<Estimate> estimates)
    {
        if (estimates.Count == 0)
            return null;
        return estimates.Count == 1 ? estimates[0] : Mean([.. estimates.Select(e => e.Value)]);
    }

    /// <summary>The mean of two or more values with Student's t interval.</summary>
    public static Estimate Mean(IReadOnlyList<double> values)
    {
        int n = values.Count;
        double mean = values.Sum() / n;
        double variance = values.Sum(v => (v - mean) * (v - mean)) / (n - 1);
        double quantile = n - 2 < StudentQuantiles.Length ? StudentQuantiles[n - 2] : 1.96 + (2.4 / (n - 1));
        double half = quantile * Math.Sqrt(variance / n);
        return new Estimate(mean, mean - half, mean + half, n);
    }

    private static double Hypotenuse(double a, double b) => Math.Sqrt((a * a) + (b * b));
}
