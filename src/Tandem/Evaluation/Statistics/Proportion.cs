namespace Tandem.Evaluation.Statistics;

/// <summary>
/// Rates of yes/no observations and differences of such rates, with closed-form 95% intervals that stay honest at
/// rates of 0 and 1 and at small n, where a bootstrap collapses to a point.
/// </summary>
public static class Proportion
{
    /// <summary>
    /// The rate with Wilson's (1927) score interval. With nothing observed the interval is [0, 1] around 0.5 and the count is 0.
    /// </summary>
    /// <param name="successes">How many of the observations are a yes; fractions (expected counts) are allowed.</param>
    /// <param name="count">The number of observations.</param>
    /// <exception cref="ArgumentOutOfRangeException">The successes lie outside [0, count].</exception>
    public static Estimate Wilson(double successes, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (!(successes >= 0 && successes <= count))
            throw new ArgumentOutOfRangeException(nameof(successes), successes, $"Successes lie in [0, {count}].");
        if (count == 0)
            return new Estimate(0.5, 0, 1, 0);
        const double Z = Distributions.TwoSided95;
        double rate = successes / count, factor = 1 / (1 + (Z * Z / count));
        double centre = (rate + (Z * Z / (2 * count))) * factor;
        double half = Z * factor * Math.Sqrt((rate * (1 - rate) / count) + (Z * Z / (4.0 * count * count)));
        return new Estimate(rate, successes == 0 ? 0 : Math.Max(0, centre - half), successes == count ? 1 : Math.Min(1, centre + half), count);
    }

    /// <summary>The rate of true values, with Wilson's interval.</summary>
    public static Estimate Wilson(ReadOnlySpan<bool> observations)
    {
        int successes = 0;
        foreach (bool observation in observations)
            successes += observation ? 1 : 0;
        return Wilson(successes, observations.Length);
    }

    /// <summary>
    /// The difference of two rates on the same items, first − second, with Bonett and Price's (2012) interval: a Wald
    /// interval after one observation is added to each discordant cell, so that it keeps a width when no item differs.
    /// </summary>
    /// <param name="first">Whether each item is a yes in the first condition.</param>
    /// <param name="second">Whether each item is a yes in the second condition; the same items in the same order.</param>
    public static Estimate PairedDifference(ReadOnlySpan<bool> first, ReadOnlySpan<bool> second)
    {
        if (first.Length != second.Length)
            throw new ArgumentException($"Paired observations have equal counts, not {first.Length} and {second.Length}.", nameof(second));
        int onlyFirst = 0, onlySecond = 0;
        for (int i = 0; i < first.Length; i++)
        {
            onlyFirst += first[i] && !second[i] ? 1 : 0;
            onlySecond += second[i] && !first[i] ? 1 : 0;
        }

        return PairedDifference(onlyFirst, onlySecond, first.Length);
    }

    /// <summary>As the other overload, from the two discordant counts of <paramref name="count"/> pairs.</summary>
    public static Estimate PairedDifference(int onlyFirst, int onlySecond, int count)
    {
        if (onlyFirst < 0 || onlySecond < 0 || onlyFirst + onlySecond > count)
            throw new ArgumentOutOfRangeException(nameof(onlyFirst), $"Discordant counts {onlyFirst} and {onlySecond} do not fit {count} pairs.");
        if (count == 0)
            return new Estimate(0, -1, 1, 0);
        double p = (onlyFirst + 1.0) / (count + 2), q = (onlySecond + 1.0) / (count + 2);
        double half = Distributions.TwoSided95 * Math.Sqrt((p + q - ((p - q) * (p - q))) / (count + 2));
        return new Estimate(
            (double)(onlyFirst - onlySecond) / count, Math.Max(-1, p - q - half), Math.Min(1, p - q + half), count);
    }
}
