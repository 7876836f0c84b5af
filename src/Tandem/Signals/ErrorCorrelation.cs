using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Signals;

/// <summary>How far sources err together, on calibration items.</summary>
/// <param name="Matrix">Correlation of the error indicators, [source][source]; 1 on the diagonal, 0 where it is undefined.</param>
/// <param name="Mean">ρ̄: the mean over pairs with a defined correlation, with a bootstrap interval over items; the count is the number of items.</param>
/// <param name="EffectiveSources">n_eff = N / (1 + (N−1) ρ̄), with the interval of ρ̄ mapped along.</param>
/// <param name="UndefinedPairs">Pairs left out of the mean: one of the two is always right or always wrong on their shared items.</param>
public sealed record ErrorCorrelationMeasurement(
    IReadOnlyList<IReadOnlyList<double>> Matrix, Estimate Mean, Estimate EffectiveSources, int UndefinedPairs);

/// <summary>
/// Diversity of sources by the correlation of their errors. n_eff is the design effect of equally correlated
/// observations (Kish 1965); its use for supervisors is ours, for the paper (arXiv 2503.07660) names no diversity metric.
/// </summary>
public static class ErrorCorrelation
{
    /// <summary>Measures the sources' errors.</summary>
    /// <param name="errors">Per source and item, whether the source is wrong; null where it abstains (left out pair by pair).</param>
    /// <param name="random">The source of the bootstrap over items.</param>
    /// <param name="replicates">The number of resamples.</param>
    public static ErrorCorrelationMeasurement Measure(
        IReadOnlyList<IReadOnlyList<bool?>> errors, RandomStream random, int replicates = 500)
    {
        int sources = errors.Count, items = sources == 0 ? 0 : errors[0].Count;
        if (sources == 0 || items == 0 || errors.Any(row => row.Count != items))
            throw new ArgumentException("Errors are given per source for the same items, at least one of each.", nameof(errors));
        int[] all = Enumerable.Range(0, items).ToArray();
        double[][] matrix = new double[sources][];
        int undefined = 0;
        for (int a = 0; a < sources; a++)
        {
            matrix[a] = new double[sources];
            matrix[a][a] = 1;
            for (int b = 0; b < a; b++)
            {
                double correlation = Correlation(errors[a], errors[b], all);
                undefined += double.IsNaN(correlation) ? 1 : 0;
                matrix[a][b] = matrix[b][a] = double.IsNaN(correlation) ? 0 : correlation;
            }
        }

        Estimate mean = undefined == sources * (sources - 1) / 2
            ? new Estimate(0, -1, 1, 0)
            : Bootstrap.Of(items, units => MeanCorrelation(errors, units), random, replicates);
        var effective = new Estimate(
            EffectiveCount(sources, mean.Value), EffectiveCount(sources, mean.Upper), EffectiveCount(sources, mean.Lower), mean.Count);
        return new ErrorCorrelationMeasurement(matrix, mean, effective, undefined);
    }

    /// <summary>
    /// n_eff = N / (1 + (N−1) ρ̄), ρ̄ kept within [0, 1]: N for independent sources, 1 for copies. Sources that err
    /// against each other are counted as independent, not as more than they are.
    /// </summary>
    public static double EffectiveCount(int sources, double meanCorrelation)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sources);
        return sources / (1 + ((sources - 1) * Math.Clamp(meanCorrelation, 0, 1)));
    }

    private static double MeanCorrelation(IReadOnlyList<IReadOnlyList<bool?>> errors, ReadOnlySpan<int> units)
    {
        double sum = 0;
        int pairs = 0;
        for (int a = 0; a < errors.Count; a++)
        {
            for (int b = 0; b < a; b++)
            {
                double correlation = Correlation(errors[a], errors[b], units);
                if (double.IsNaN(correlation))
                    continue;
                sum += correlation;
                pairs++;
            }
        }

        return pairs == 0 ? double.NaN : sum / pairs;
    }

    // Pearson's correlation of two 0/1 sequences (phi) on items that both answer.
    private static double Correlation(IReadOnlyList<bool?> first, IReadOnlyList<bool?> second, ReadOnlySpan<int> units)
    {
        double n = 0, a = 0, b = 0, both = 0;
        foreach (int unit in units)
        {
            if (first[unit] is not { } x || second[unit] is not { } y)
                continue;
            n++;
            a += x ? 1 : 0;
            b += y ? 1 : 0;
            both += x && y ? 1 : 0;
        }

        double variances = a * (n - a) * b * (n - b);
        return variances > 0 ? ((n * both) - (a * b)) / Math.Sqrt(variances) : double.NaN;
    }
}
