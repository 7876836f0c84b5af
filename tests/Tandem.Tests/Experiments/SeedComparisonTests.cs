using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Tensors;

namespace Tandem.Tests.Experiments;

public sealed class SeedComparisonTests
{
    [Fact]
    public void Of_TwoSeeds_AveragesOverSeedsAndLeavesUnscoredItemsOut()
    {
        // Differences 1/2 (the unscored pair is none) and 1/4; Student's t of two values: 12.706 · 0.125.
        var first = new SeedOutcomes("first", [[1, 1, null], [1, 0, 0, 1]]);
        var second = new SeedOutcomes("second", [[1, 0, 1], [0, 0, 0, 1]]);
        SeedComparison comparison = Assert.Single(SeedComparison.Of([(first, second)], new RandomStream(1)));
        Assert.Equal(0.375, comparison.Difference.Value, 12);
        Assert.Equal(0.375 - (12.706 * 0.125), comparison.Difference.Lower, 3);
        Assert.Equal((2, 6), (comparison.Seeds, comparison.Items));

        // Two differences of one sign: 2 of 4 patterns are as extreme.
        Assert.Equal(0.5, comparison.PValue, 12);
        Assert.Equal(ClaimVerdict.Undecided, comparison.Verdict);
    }

    [Fact]
    public void Of_Several_CorrectsByHolm()
    {
        var none = new SeedOutcomes("none", [new double?[8], new double?[8]]);
        SeedOutcomes zeros = Constant("zeros", 0), ones = Constant("ones", 1);
        IReadOnlyList<SeedComparison> all = SeedComparison.Of([(ones, zeros), (zeros, zeros)], new RandomStream(1));
        Assert.Equal(2 * 2 / 65536.0, all[0].PValue, 12);
        Assert.Equal(1, all[1].PValue);
        Assert.Equal(ClaimVerdict.Reproduced, all[0].Verdict);
        Assert.Equal(ClaimVerdict.NotReproduced, all[1].Verdict);
        Assert.Equal(0, Assert.Single(SeedComparison.Of([(none, zeros)], new RandomStream(1))).Items);

        static SeedOutcomes Constant(string name, double value) => new(name, [[.. Enumerable.Repeat((double?)value, 8)], [.. Enumerable.Repeat((double?)value, 8)]]);
    }
}
