using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Experiments.Elicitation;
using Tandem.Experiments.Pretraining;

namespace Tandem.Tests.Experiments;

public sealed class AcrossSeedsTests
{
    private static readonly Estimate Above = new(0.1, 0.05, 0.15, 3);
    private static readonly Estimate Below = new(-0.1, -0.15, -0.05, 3);
    private static readonly Estimate Wide = new(0.1, -0.3, 0.5, 3);

    [Fact]
    public void FallsFromPeak_ThePeakOfTheOthers_IsUsed()
    {
        // The others of seeds 1 and 2 peak at place 1, those of seed 3 too; seed 3's own peak, place 0, is not looked at.
        double[][] curves = [[0.1, 0.5, 0.4], [0.2, 0.6, 0.3], [0.7, 0.4, 0.5]];
        Assert.Equal([1, 1, 1], AcrossSeeds.ChosenByOthers(curves));
        IReadOnlyList<double> falls = AcrossSeeds.FallsFromPeak(curves);
        Assert.Equal([0.1, 0.3, -0.1], falls.Select(fall => Math.Round(fall, 12)));
        Assert.Empty(AcrossSeeds.FallsFromPeak([[0.1, 0.5]]));
    }

    [Fact]
    public void Correlation_HandComputed_Agrees()
    {
        // Deviations (−1, 0, 1) and (−1, 1, 0): product 1, squares 2 and 2.
        Assert.Equal(0.5, AcrossSeeds.Correlation([1, 2, 3], [0, 2, 1])!.Value, 12);
        Assert.Equal(-1, AcrossSeeds.Correlation([1, 2, 4], [-2, -4, -8])!.Value, 12);
        Assert.Null(AcrossSeeds.Correlation([1, 2], [1, 2]));
        Assert.Null(AcrossSeeds.Correlation([1, 1, 1], [1, 2, 3]));
    }

    [Fact]
    public void Mean_OneSeed_KeepsTheIntervalOverItems()
    {
        Assert.Equal(Wide, AcrossSeeds.Mean([Wide]));
        Assert.Null(AcrossSeeds.Mean((IReadOnlyList<Estimate>)[]));
        Assert.Null(AcrossSeeds.Mean([0.5, null]));
    }

    [Fact]
    public void Mean_TwoSeeds_CoversSeedsAndItems()
    {
        // Seeds that agree leave the items' part; seeds 0.2 apart add 12.706 · 0.1 to it (t with one degree of freedom), in squares.
        Assert.Equal(0.05, AcrossSeeds.Mean([Above, Above])!.Upper - 0.1, 12);
        Estimate mean = AcrossSeeds.Mean([Above, Below])!;
        Assert.Equal(0, mean.Value, 12);
        Assert.Equal(Math.Sqrt((1.2706 * 1.2706) + (0.05 * 0.05)), mean.Upper, 4);
    }

    [Fact]
    public void LargestLessOthers_OneStep_IsTheJumpBeyondAllOtherChanges()
    {
        double[] jump = [0, 0.1, 0.6, 0.7], smooth = [0, 0.2, 0.4, 0.6];
        Assert.Equal([0.3, 0.3], PretrainingFindings.LargestLessOthers([jump, jump]).Select(value => Math.Round(value, 12)));
        Assert.Equal([-0.2, -0.2], PretrainingFindings.LargestLessOthers([smooth, smooth]).Select(value => Math.Round(value, 12)));
    }

    [Fact]
    public void Slowing_CurveThatFlattens_IsPositive()
    {
        // From 0.1 to 0.5 by step 20 of 40, then to 0.6.
        Assert.Equal(0.3, PretrainingFindings.Slowing([10, 20, 30, 40], [0.1, 0.5, 0.5, 0.6]), 12);
        Assert.Equal(0, PretrainingFindings.Slowing([0, 25, 50], [0, 0.25, 0.5]), 12);
    }

    [Fact]
    public void LabelsNeeded_Curve_IsInterpolatedOrItsFirstPlace()
    {
        Assert.Equal(7, ElicitationFindings.LabelsNeeded([5, 6, 8, 10], [0.1, 0.3, 0.6, 0.5], 0.9), 12);
        Assert.Equal(5, ElicitationFindings.LabelsNeeded([5, 7], [0.5, 0.5], 0.9), 12);
    }
}
