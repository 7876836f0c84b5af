using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Tests.Evaluation.Statistics;

public sealed class ProportionTests
{
    // Newcombe (1998), "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 857-872, table I, method 3.
    [Theory]
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0.0000, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void Wilson_NewcombesExamples_GivesThePublishedIntervals(int successes, int count, double lower, double upper)
    {
        Estimate estimate = Proportion.Wilson(successes, count);
        Assert.Equal((double)successes / count, estimate.Value, 12);
        Assert.Equal(lower, estimate.Lower, 4);
        Assert.Equal(upper, estimate.Upper, 4);
        Assert.Equal(count, estimate.Count);
    }

    [Fact]
    public void Wilson_AllSuccesses_MirrorsNone()
    {
        Estimate all = Proportion.Wilson(20, 20), none = Proportion.Wilson(0, 20);
        Assert.Equal(1 - none.Upper, all.Lower, 12);
        Assert.Equal(1, all.Upper);
    }

    [Fact]
    public void Wilson_NothingObserved_KnowsNothing() => Assert.Equal(new Estimate(0.5, 0, 1, 0), Proportion.Wilson(0, 0));

    [Theory]
    [InlineData(-1, 10)]
    [InlineData(11, 10)]
    [InlineData(double.NaN, 10)]
    public void Wilson_ImpossibleCounts_Throws(double successes, int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Proportion.Wilson(successes, count));

    [Theory]
    [InlineData(0.05, 60)]
    [InlineData(0.3, 100)]
    [InlineData(0.9, 40)]
    public void Wilson_SimulatedRates_CoversAbout95Percent(double rate, int count)
    {
        var random = new RandomStream(11);
        int covered = 0;
        const int Trials = 4000;
        for (int trial = 0; trial < Trials; trial++)
        {
            int successes = 0;
            for (int i = 0; i < count; i++)
                successes += random.NextBoolean(rate) ? 1 : 0;
            covered += Proportion.Wilson(successes, count).Contains(rate) ? 1 : 0;
        }

        Assert.InRange((double)covered / Trials, 0.92, 0.985);
    }

    // Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in
    // Medicine 17, 873-890, table II, method 10.
    [Theory]
    [InlineData(56, 70, 48, 80, 0.0524, 0.3339)]
    [InlineData(9, 10, 3, 10, 0.1705, 0.8090)]
    [InlineData(6, 7, 2, 7, 0.0582, 0.8062)]
    public void Minus_NewcombesExamples_GivesThePublishedIntervals(int a, int m, int b, int n, double lower, double upper)
    {
        Estimate difference = Proportion.Wilson(a, m).Minus(Proportion.Wilson(b, n));
        Assert.Equal(lower, difference.Lower, 4);
        Assert.Equal(upper, difference.Upper, 4);
    }

    [Theory]
    [InlineData(0.02, 0.02)]
    [InlineData(0.2, 0.05)]
    public void PairedDifference_SimulatedPairs_CoversAtLeastAbout95Percent(double onlyFirstRate, double onlySecondRate)
    {
        var random = new RandomStream(5);
        int covered = 0;
        const int Trials = 4000, Count = 80;
        for (int trial = 0; trial < Trials; trial++)
        {
            int first = 0, second = 0;
            for (int i = 0; i < Count; i++)
            {
                double u = random.NextDouble();
                first += u < onlyFirstRate ? 1 : 0;
                second += u >= onlyFirstRate && u < onlyFirstRate + onlySecondRate ? 1 : 0;
            }

            covered += Proportion.PairedDifference(first, second, Count).Contains(onlyFirstRate - onlySecondRate) ? 1 : 0;
        }

        // Conservative where discordant pairs are rare.
        Assert.True((double)covered / Trials >= 0.93, $"covered {covered} of {Trials}");
    }

    [Fact]
    public void PairedDifference_IdenticalConditions_KeepsAWidth()
    {
        Estimate difference = Proportion.PairedDifference(0, 0, 50);
        Assert.Equal(0, difference.Value);
        Assert.True(difference.Lower < -0.01 && difference.Upper > 0.01);
    }

    [Fact]
    public void Map_NegativeScale_SwapsTheLimits() =>
        Assert.Equal(new Estimate(-0.5, -1, 0, 9), new Estimate(0.5, 0, 1, 9).Map(-1));

    [Fact]
    public void ToText_Estimate_ShowsIntervalAndCount() =>
        Assert.Equal("0.83 [0.80, 0.86] n=500", new Estimate(0.83, 0.8, 0.86, 500).ToText());
}
