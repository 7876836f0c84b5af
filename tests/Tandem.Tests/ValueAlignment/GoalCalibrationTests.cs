using Tandem.Evaluation;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.ValueAlignment;

namespace Tandem.Tests.ValueAlignment;

public sealed class GoalCalibrationTests
{
    [Fact]
    public void Fit_ASecondBestThatAlwaysPays_IsHeldCompetent()
    {
        // Two of four options pay; the model knows which of the two is better, and neither from the two that pay nothing by less.
        GoalCalibration calibration = GoalCalibration.Fit(
            Goals([.. Enumerable.Range(0, 200).Select(_ => new[] { 0.8, 0.18, 0.01, 0.01 })]),
            [.. Enumerable.Repeat(new ItemTruth([true, true, false, false], [true, true, true, true]), 200)]);
        double[] competence = calibration.Competence([0.8, 0.18, 0.01, 0.01]);
        Assert.InRange(competence[1], 0.9, 1);
        Assert.InRange(competence[2], 0, 0.1);
        Assert.True(competence[0] >= competence[1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Fit_GoalsThatKnowNothing_ComeOutAsTheShareThatIsCompetent(ulong seed)
    {
        var random = new RandomStream(seed);
        double[][] goals = [.. Enumerable.Range(0, 1000).Select(_ => Distribution(random))];
        ItemTruth[] truth = [.. goals.Select(_ => new ItemTruth([.. Enumerable.Range(0, 4).Select(_ => random.NextBoolean(0.3))], [true, true, true, true]))];
        GoalCalibration calibration = GoalCalibration.Fit(Goals(goals), truth);
        Assert.All(calibration.Competence([0.7, 0.1, 0.1, 0.1]), p => Assert.InRange(p, 0.2, 0.4));
    }

    [Fact]
    public void Fit_GoalsThatAreAlwaysRight_StaysFinite()
    {
        GoalCalibration calibration = GoalCalibration.Fit(
            Goals([.. Enumerable.Range(0, 500).Select(_ => new[] { 1.0, 0.0 })]), [.. Enumerable.Repeat(new ItemTruth([true, false], [true, true]), 500)]);
        Assert.True(double.IsFinite(calibration.Intercept) && double.IsFinite(calibration.Slope));
        Assert.True(calibration.Competence([1, 0])[0] > 0.99);
    }

    private static double[] Distribution(RandomStream random)
    {
        double[] weights = [.. Enumerable.Range(0, 4).Select(_ => Math.Exp(random.NextGaussian()))];
        return [.. weights.Select(w => w / weights.Sum())];
    }

    private static CombinedLabels Goals(IReadOnlyList<double[]?> posteriors) => new()
    {
        Combination = "stacked",
        Question = SupervisionQuestion.Competence,
        Posteriors = posteriors,
        Choices = [],
        Sources = [],
    };
}
