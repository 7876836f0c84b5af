using Tandem.Tensors;

namespace Tandem.Evaluation.Statistics;

/// <summary>How a bootstrap turns replicates into an interval.</summary>
public enum BootstrapInterval
{
    /// <summary>Bias-corrected and accelerated (Efron 1987): second-order correct; the default.</summary>
    BiasCorrectedAccelerated,

    /// <summary>The 2.5% and 97.5% quantiles of the replicates (Efron 1979).</summary>
    Percentile,
}

/// <summary>A statistic of a resample, given by the indices of the units drawn (with repetition).</summary>
/// <param name="units">Indices in [0, number of units).</param>
public delegate double ResampleStatistic(ReadOnlySpan<int> units);

/// <summary>
/// Seeded bootstrap: units (items, pairs or clusters) are drawn with replacement. The same data and stream give the
/// same interval. Yes/no rates are better served by <see cref="Proportion"/>.
/// </summary>
public static class Bootstrap
{
    /// <summary>The number of replicates unless asked otherwise.</summary>
    public const int DefaultReplicates = 2000;

    // Beyond this many units the jackknife of the acceleration deletes groups: group influences add up, so the
    // acceleration keeps its expectation.
    private const int JackknifeGroups = 400;

    /// <summary>The mean of independent values.</summary>
    public static Estimate Mean(
        ReadOnlySpan<double> values,
        RandomStream random,
        int replicates = DefaultReplicates,
        BootstrapInterval interval = BootstrapInterval.BiasCorrectedAccelerated)
    {
        double[] copy = values.ToArray();
        return Of(
            copy.Length,
            units =>
            {
                double sum = 0;
                foreach (int unit in units)
                    sum += copy[unit];
                return sum / units.Length;
            },
            random,
            replicates,
            interval);
    }

    /// <summary>
    /// The mean of values that come in clusters (questions about one story, items of one episode): whole clusters are
    /// drawn, so that items that stand and fall together do not narrow the interval. The count is the number of clusters.
    /// </summary>
    /// <param name="values">One value per item.</param>
    /// <param name="clusters">The cluster of each item; any numbering.</param>
    /// <param name="random">The source of the resamples.</param>
    /// <param name="replicates">The number of resamples.</param>
    /// <param name="interval">How the interval is read off.</param>
    public static Estimate ClusterMean(
        ReadOnlySpan<double> values,
        ReadOnlySpan<int> clusters,
        RandomStream random,
        int replicates = DefaultReplicates,
        BootstrapInterval interval = BootstrapInterval.BiasCorrectedAccelerated)
    {
        if (values.Length != clusters.Length)
            throw new ArgumentException($"Each value has one cluster: {values.Length} values, {clusters.Length} clusters.", nameof(clusters));
        var positions = new Dictionary<int, int>();
        var sums = new List<double>();
        var counts = new List<int>();
        for (int i = 0; i < values.Length; i++)
        {
            if (!positions.TryGetValue(clusters[i], out int position))
            {
                positions.Add(clusters[i], position = sums.Count);
                sums.Add(0);
                counts.Add(0);
            }

            sums[position] += values[i];
            counts[position]++;
        }

        return Of(
            sums.Count,
            units =>
            {
                double sum = 0, count = 0;
                foreach (int unit in units)
                {
                    sum += sums[unit];
                    count += counts[unit];
                }

                return sum / count;
            },
            random,
            replicates,
            interval);
    }

    /// <summary>The mean difference first − second of measurements paired by item; pass clusters to draw whole clusters of pairs.</summary>
    public static Estimate PairedDifference(
        ReadOnlySpan<double> first,
        ReadOnlySpan<double> second,
        RandomStream random,
        ReadOnlySpan<int> clusters = default,
        int replicates = DefaultReplicates)
    {
        double[] differences = PairedPermutationTest.Differences(first, second);
        return clusters.IsEmpty
            ? Mean(differences, random, replicates)
            : ClusterMean(differences, clusters, random, replicates);
    }

    /// <summary>
    /// A ratio of two sums over the same items, Σ numerator / Σ denominator, resampled jointly. Resamples whose
    /// denominator is not positive are left out; the caller decides first whether the denominator is safely above 0.
    /// </summary>
    /// <param name="numerator">Each item's part of the numerator.</param>
    /// <param name="denominator">Each item's part of the denominator, in the same order.</param>
    /// <param name="random">The source of the resamples.</param>
    /// <param name="replicates">The number of resamples.</param>
    /// <exception cref="ArgumentException">The sum of the denominator is not positive.</exception>
    public static Estimate PairedRatio(
        ReadOnlySpan<double> numerator, ReadOnlySpan<double> denominator, RandomStream random, int replicates = DefaultReplicates)
    {
        if (numerator.Length != denominator.Length)
            throw new ArgumentException($"Paired parts have equal counts, not {numerator.Length} and {denominator.Length}.", nameof(denominator));
        double[] top = numerator.ToArray(), bottom = denominator.ToArray();
        double denominatorSum = bottom.Sum();
        if (!(denominatorSum > 0))
            throw new ArgumentException($"The denominator's sum is {denominatorSum}: a ratio needs one above 0.", nameof(denominator));
        return Of(
            top.Length,
            units =>
            {
                double above = 0, below = 0;
                foreach (int unit in units)
                {
                    above += top[unit];
                    below += bottom[unit];
                }

                return below > 0 ? above / below : double.NaN;
            },
            random,
            replicates);
    }

    /// <summary>Any statistic of units drawn with replacement. Replicates without a value (NaN) are left out.</summary>
    /// <param name="count">The number of units, at least 1.</param>
    /// <param name="statistic">The statistic of a resample; called with 0, 1, …, count − 1 for the value itself.</param>
    /// <param name="random">The source of the resamples.</param>
    /// <param name="replicates">The number of resamples.</param>
    /// <param name="interval">How the interval is read off.</param>
    public static Estimate Of(
        int count,
        ResampleStatistic statistic,
        RandomStream random,
        int replicates = DefaultReplicates,
        BootstrapInterval interval = BootstrapInterval.BiasCorrectedAccelerated)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(replicates, 100);
        int[] units = Enumerable.Range(0, count).ToArray();
        double value = statistic(units);
        var drawn = new List<double>(replicates);
        for (int i = 0; i < replicates; i++)
        {
            for (int j = 0; j < units.Length; j++)
                units[j] = random.NextInt32(count);
            double replicate = statistic(units);
            if (!double.IsNaN(replicate))
                drawn.Add(replicate);
        }

        drawn.Sort();
        if (drawn.Count == 0 || drawn[0] == drawn[^1])
            return new Estimate(value, value, value, count);
        double low = 0.025, high = 0.975;
        if (interval == BootstrapInterval.BiasCorrectedAccelerated)
            (low, high) = Adjust(value, drawn, Acceleration(count, statistic));
        return new Estimate(value, Quantile(drawn, low), Quantile(drawn, high), count);
    }

    /// <summary>
    /// The acceleration of BCa: a sixth of the skewness of the statistic's jackknife influences (Efron and Tibshirani 1993, eq. 14.15).
    /// Above 400 units the jackknife deletes groups of neighbours.
    /// </summary>
    public static double Acceleration(int count, ResampleStatistic statistic)
    {
        int groups = Math.Min(count, JackknifeGroups);
        var values = new List<double>(groups);
        int[] kept = new int[count];
        for (int group = 0; group < groups && groups > 1; group++)
        {
            int from = (int)((long)group * count / groups), to = (int)((long)(group + 1) * count / groups), length = 0;
            for (int i = 0; i < count; i++)
            {
                if (i < from || i >= to)
                    kept[length++] = i;
            }

            double value = statistic(kept.AsSpan(0, length));
            if (!double.IsNaN(value))
                values.Add(value);
        }

        if (values.Count == 0)
            return 0;
        double mean = values.Average(), squares = 0, cubes = 0;
        foreach (double value in values)
        {
            double influence = mean - value;
            squares += influence * influence;
            cubes += influence * influence * influence;
        }

        return squares > 0 ? cubes / (6 * Math.Pow(squares, 1.5)) : 0;
    }

    private static (double Low, double High) Adjust(double value, List<double> sorted, double acceleration)
    {
        int below = 0, equal = 0;
        foreach (double replicate in sorted)
        {
            below += replicate < value ? 1 : 0;
            equal += replicate == value ? 1 : 0;
        }

        // Half of the ties count as below: rates are discrete. Kept off 0 and 1, where the correction is infinite.
        double share = Math.Clamp((below + (0.5 * equal)) / sorted.Count, 0.5 / sorted.Count, 1 - (0.5 / sorted.Count));
        double bias = Distributions.NormalQuantile(share);
        return (Level(bias - Distributions.TwoSided95), Level(bias + Distributions.TwoSided95));

        double Level(double z) => Distributions.NormalCumulative(bias + (z / (1 - (acceleration * z))));
    }

    private static double Quantile(List<double> sorted, double probability)
    {
        double position = probability * (sorted.Count - 1);
        int index = Math.Clamp((int)Math.Floor(position), 0, sorted.Count - 1);
        int next = Math.Min(index + 1, sorted.Count - 1);
        return sorted[index] + ((position - index) * (sorted[next] - sorted[index]));
    }
}
