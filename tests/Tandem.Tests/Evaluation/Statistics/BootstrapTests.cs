using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Tests.Evaluation.Statistics;

public sealed class BootstrapTests
{
    // Efron and Tibshirani (1993), "An Introduction to the Bootstrap", table 14.1: spatial test A of 26 children.
    private static readonly double[] SpatialTest =
        [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41];

    private static double Variance(ReadOnlySpan<int> units)
    {
        double mean = 0, squares = 0;
        foreach (int unit in units)
            mean += SpatialTest[unit] / units.Length;
        foreach (int unit in units)
            squares += (SpatialTest[unit] - mean) * (SpatialTest[unit] - mean) / units.Length;
        return squares;
    }

    [Fact]
    public void Of_EfronsVariance_GivesThePublishedAccelerationAndEnclosesTheNarrowerInterval()
    {
        // Section 14.3: plug-in variance 171.5, acceleration .061, 90% BCa interval (115.8, 259.6) against (100.8, 233.9)
        // by percentiles. The 95% limits lie outside of these, and BCa's to the right of the percentile ones.
        Estimate bca = Bootstrap.Of(26, Variance, new RandomStream(1), 20_000);
        Estimate percentile = Bootstrap.Of(26, Variance, new RandomStream(1), 20_000, BootstrapInterval.Percentile);
        Assert.Equal(171.5, bca.Value, 1);
        Assert.Equal(0.061, Bootstrap.Acceleration(26, Variance), 3);
        Assert.InRange(bca.Lower, 95, 115.8);
        Assert.InRange(bca.Upper, 259.6, 305);
        Assert.True(bca.Lower > percentile.Lower && bca.Upper > percentile.Upper);
    }

    [Fact]
    public void Of_SameSeed_SameInterval() => Assert.Equal(
        Bootstrap.Mean(SpatialTest, new RandomStream(3)), Bootstrap.Mean(SpatialTest, new RandomStream(3)));

    [Fact]
    public void Mean_SkewedValues_CoversAbout95Percent()
    {
        var random = new RandomStream(21);
        int covered = 0;
        const int Trials = 400;
        double[] values = new double[60];
        for (int trial = 0; trial < Trials; trial++)
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = -Math.Log(1 - random.NextDouble());
            covered += Bootstrap.Mean(values, random.Fork("trial", (ulong)trial), 600).Contains(1) ? 1 : 0;
        }

        Assert.InRange((double)covered / Trials, 0.89, 0.98);
    }

    [Fact]
    public void ClusterMean_ItemsThatStandAndFallTogether_WidensTheInterval()
    {
        var random = new RandomStream(4);
        double[] values = new double[300];
        int[] clusters = new int[300];
        for (int i = 0; i < values.Length; i++)
            (values[i], clusters[i]) = (i % 10 == 0 ? (random.NextBoolean(0.5) ? 1 : 0) : values[i - 1], i / 10);
        Estimate naive = Bootstrap.Mean(values, new RandomStream(9)), honest = Bootstrap.ClusterMean(values, clusters, new RandomStream(9));
        Assert.Equal(naive.Value, honest.Value, 12);
        Assert.Equal(30, honest.Count);
        Assert.InRange(honest.StandardError() / naive.StandardError(), 2.3, 4.2); // √10 in expectation
    }

    [Fact]
    public void PairedDifference_CorrelatedPairs_IsNarrowerThanUnpaired()
    {
        var random = new RandomStream(8);
        double[] first = new double[200], second = new double[200];
        for (int i = 0; i < 200; i++)
        {
            double shared = random.NextGaussian();
            (first[i], second[i]) = (shared + 0.5 + (0.1 * random.NextGaussian()), shared + (0.1 * random.NextGaussian()));
        }

        Estimate paired = Bootstrap.PairedDifference(first, second, new RandomStream(2));
        Estimate unpaired = Bootstrap.Mean(first, new RandomStream(2)).Minus(Bootstrap.Mean(second, new RandomStream(3)));
        Assert.InRange(paired.Value, 0.45, 0.55);
        Assert.True(paired.StandardError() < 0.3 * unpaired.StandardError());
    }

    [Fact]
    public void PairedRatio_KnownRatio_CoversAbout95Percent()
    {
        var random = new RandomStream(17);
        int covered = 0;
        const int Trials = 300;
        double[] top = new double[150], bottom = new double[150];
        for (int trial = 0; trial < Trials; trial++)
        {
            for (int i = 0; i < top.Length; i++)
            {
                bottom[i] = 1 + (0.5 * random.NextGaussian());
                top[i] = (0.6 * bottom[i]) + (0.3 * random.NextGaussian());
            }

            covered += Bootstrap.PairedRatio(top, bottom, random.Fork("trial", (ulong)trial), 600).Contains(0.6) ? 1 : 0;
        }

        Assert.InRange((double)covered / Trials, 0.90, 0.985);
    }

    [Fact]
    public void PairedRatio_DenominatorAtZero_Throws() =>
        Assert.Throws<ArgumentException>(() => Bootstrap.PairedRatio([1, 0], [1, -1], new RandomStream(1)));

    [Fact]
    public void Mean_ConstantValues_IsAPoint() =>
        Assert.Equal(new Estimate(2, 2, 2, 3), Bootstrap.Mean([2, 2, 2], new RandomStream(1)));
}
