using Tandem.Tensors;

namespace Tandem.Evaluation.Statistics;

/// <summary>The outcome of a significance test.</summary>
/// <param name="Statistic">The test's statistic.</param>
/// <param name="PValue">The two-sided p-value.</param>
/// <param name="Count">The number of pairs.</param>
public sealed record SignificanceResult(double Statistic, double PValue, int Count);

/// <summary>McNemar's (1947) test that two conditions have the same rate of yes on the same items.</summary>
public static class McNemarTest
{
    /// <summary>Below this many discordant pairs the exact binomial p-value is reported, above it the χ² one.</summary>
    public const int ExactBelow = 100;

    /// <summary>Tests two conditions on the same items.</summary>
    public static SignificanceResult Of(ReadOnlySpan<bool> first, ReadOnlySpan<bool> second)
    {
        if (first.Length != second.Length)
            throw new ArgumentException($"Paired observations have equal counts, not {first.Length} and {second.Length}.", nameof(second));
        int onlyFirst = 0, onlySecond = 0;
        for (int i = 0; i < first.Length; i++)
        {
            onlyFirst += first[i] && !second[i] ? 1 : 0;
            onlySecond += second[i] && !first[i] ? 1 : 0;
        }

        return Of(onlyFirst, onlySecond, first.Length);
    }

    /// <summary>Tests from the two discordant counts. The statistic is χ² = (b − c)² / (b + c), without continuity correction.</summary>
    public static SignificanceResult Of(int onlyFirst, int onlySecond, int count)
    {
        int discordant = onlyFirst + onlySecond;
        if (discordant == 0)
            return new SignificanceResult(0, 1, count);
        double statistic = (double)(onlyFirst - onlySecond) * (onlyFirst - onlySecond) / discordant;
        double p = discordant < ExactBelow
            ? Math.Min(1, 2 * Distributions.BinomialCumulative(Math.Min(onlyFirst, onlySecond), discordant, 0.5))
            : 2 * Distributions.NormalCumulative(-Math.Sqrt(statistic));
        return new SignificanceResult(statistic, p, count);
    }
}

/// <summary>Fisher's (1935) randomization test that paired differences are symmetric about 0: their signs are flipped at random.</summary>
public static class PairedPermutationTest
{
    /// <summary>Up to this many non-zero differences all sign patterns are counted; beyond it they are sampled.</summary>
    public const int ExactUpTo = 18;

    /// <summary>
    /// Tests two conditions on the same items; the statistic is the mean difference first − second. Sampled p-values
    /// count the observed pattern among the samples, (b + 1) / (m + 1), so that they are never 0 (Phipson and Smyth 2010).
    /// </summary>
    public static SignificanceResult Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second, RandomStream random, int samples = 10_000)
    {
        double[] all = Differences(first, second);
        double[] differences = all.Where(d => d != 0).ToArray();
        if (differences.Length == 0)
            return new SignificanceResult(0, 1, all.Length);
        double observed = differences.Sum();
        // Sums that are equal on paper differ in their last bits with the order of addition.
        double limit = Math.Abs(observed) - (1e-9 * differences.Sum(Math.Abs));
        double p = differences.Length <= ExactUpTo
            ? ExactShare(differences, limit)
            : (SampledHits(differences, limit, random, samples) + 1.0) / (samples + 1.0);
        return new SignificanceResult(observed / all.Length, p, all.Length);
    }

    internal static double[] Differences(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        if (first.Length != second.Length)
            throw new ArgumentException($"Paired measurements have equal counts, not {first.Length} and {second.Length}.", nameof(second));
        double[] differences = new double[first.Length];
        for (int i = 0; i < differences.Length; i++)
            differences[i] = first[i] - second[i];
        return differences;
    }

    private static double ExactShare(double[] differences, double limit)
    {
        long hits = 0, patterns = 1L << differences.Length;
        for (long pattern = 0; pattern < patterns; pattern++)
        {
            double sum = 0;
            for (int i = 0; i < differences.Length; i++)
                sum += (pattern >> i & 1) == 0 ? differences[i] : -differences[i];
            hits += Math.Abs(sum) >= limit ? 1 : 0;
        }

        return (double)hits / patterns;
    }

    private static int SampledHits(double[] differences, double limit, RandomStream random, int samples)
    {
        int hits = 0;
        for (int sample = 0; sample < samples; sample++)
        {
            double sum = 0;
            ulong bits = 0;
            for (int i = 0; i < differences.Length; i++)
            {
                if (i % 64 == 0)
                    bits = random.NextUInt64();
                sum += (bits & 1) == 0 ? differences[i] : -differences[i];
                bits >>= 1;
            }

            hits += Math.Abs(sum) >= limit ? 1 : 0;
        }

        return hits;
    }
}

/// <summary>Holm's (1979) step-down correction of p-values for the number of comparisons: it bounds the chance of any false finding.</summary>
public static class HolmCorrection
{
    /// <summary>The adjusted p-values, in the order given: reject where they are at most the wanted level.</summary>
    public static double[] Adjust(ReadOnlySpan<double> pValues)
    {
        double[] values = pValues.ToArray();
        int[] order = Enumerable.Range(0, values.Length).OrderBy(i => values[i]).ToArray();
        double[] adjusted = new double[values.Length];
        double largest = 0;
        for (int rank = 0; rank < order.Length; rank++)
        {
            largest = Math.Max(largest, Math.Min(1, (values.Length - rank) * values[order[rank]]));
            adjusted[order[rank]] = largest;
        }

        return adjusted;
    }
}

/// <summary>A result over several seeds.</summary>
public static class SeedMean
{
    /// <summary>
    /// The mean over seeds with Student's (1908) t interval; the count is the number of seeds. Null for fewer than two
    /// seeds, which have no interval. For two arms on the same seeds, pass the differences.
    /// </summary>
    public static Estimate? Of(ReadOnlySpan<double> values)
    {
        if (values.Length < 2)
            return null;
        double mean = 0, squares = 0;
        foreach (double value in values)
            mean += value / values.Length;
        foreach (double value in values)
            squares += (value - mean) * (value - mean);
        double error = Math.Sqrt(squares / (values.Length - 1) / values.Length);
        double half = Distributions.StudentQuantile(0.975, values.Length - 1) * error;
        return new Estimate(mean, mean - half, mean + half, values.Length);
    }
}
