using FsCheck;
using FsCheck.Fluent;
using Tandem.Signals;
using Tandem.Tensors;

namespace Tandem.Tests.Signals;

public sealed class SourceDiversityTests
{
    [Fact]
    public void EffectiveCount_IndependentAndCopiedSources_AreTheLimits()
    {
        Assert.Equal(5, ErrorCorrelation.EffectiveCount(5, 0));
        Assert.Equal(1, ErrorCorrelation.EffectiveCount(5, 1), 12);
        Assert.Equal(2, ErrorCorrelation.EffectiveCount(3, 0.25), 12);
    }

    [Fact]
    public void EffectiveCount_AnyCorrelation_LiesBetweenOneAndN() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<NormalFloat>(),
            correlation => Enumerable.Range(1, 9).All(n =>
                ErrorCorrelation.EffectiveCount(n, correlation.Item) is var effective && effective >= 1 - 1e-12 && effective <= n))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Measure_Copies_CorrelateFully()
    {
        bool?[] errors = Flip(0.3, 200, 1);
        ErrorCorrelationMeasurement measured = ErrorCorrelation.Measure([errors, errors, errors], new RandomStream(1));
        Assert.Equal(1, measured.Mean.Value, 12);
        Assert.Equal(1, measured.EffectiveSources.Value, 12);
        Assert.Equal(0, measured.UndefinedPairs);
    }

    [Fact]
    public void Measure_IndependentSources_HaveNearlyNEffective()
    {
        ErrorCorrelationMeasurement measured = ErrorCorrelation.Measure(
            [Flip(0.3, 2000, 1), Flip(0.4, 2000, 2), Flip(0.2, 2000, 3)], new RandomStream(1), 200);
        Assert.True(measured.Mean.Contains(0), $"{measured.Mean}");
        Assert.InRange(measured.EffectiveSources.Value, 2.8, 3);
        Assert.True(measured.EffectiveSources.Lower <= measured.EffectiveSources.Value && measured.EffectiveSources.Value <= measured.EffectiveSources.Upper);
    }

    [Fact]
    public void Measure_SharedFaultInTenItems_IsThePhiCoefficient()
    {
        // Errors on items {0,1,2} and {0,1,5} of 10: phi = (10·2 − 3·3) / (3·7) = 11/21.
        ErrorCorrelationMeasurement measured = ErrorCorrelation.Measure([On(0, 1, 2), On(0, 1, 5)], new RandomStream(1));
        Assert.Equal(11 / 21.0, measured.Matrix[0][1], 12);
        Assert.Equal(measured.Matrix[1][0], measured.Matrix[0][1]);
        Assert.Equal(10, measured.Mean.Count);
    }

    [Fact]
    public void Measure_SourceThatNeverErrs_IsLeftOutOfTheMean()
    {
        ErrorCorrelationMeasurement measured = ErrorCorrelation.Measure([On(0, 1, 2), On(0, 1, 5), On()], new RandomStream(1));
        Assert.Equal(2, measured.UndefinedPairs);
        Assert.Equal(11 / 21.0, measured.Mean.Value, 12);
        Assert.Equal(0, measured.Matrix[2][0]);
    }

    [Fact]
    public void SourceMargin_IndependentSources_AddLessAndLess()
    {
        (List<SourceVote> votes, int[] truth, _) = DawidSkeneTests.Simulate(1500, [0.6, 0.6, 0.6, 0.6, 0.6], 2);
        SourceMarginMeasurement margin = SourceMargin.Measure(DawidSkeneTests.ToLabels(votes, 1500, 5, 4), Acceptable(truth), new RandomStream(1));
        double[] accuracy = [.. margin.AccuracyBySize.Select(estimate => estimate.Value)];
        Assert.InRange(accuracy[0], 0.58, 0.62);
        Assert.Equal(accuracy[0], accuracy[1], 12); // two votes tie when they differ
        Assert.True(accuracy[2] > accuracy[1] + 0.05 && accuracy[4] > accuracy[3]);
        Assert.Equal(accuracy[4] - accuracy[3], margin.MarginOfLast!.Value, 12);
    }

    [Fact]
    public void SourceMargin_CopiedSource_AddsNothing()
    {
        (List<SourceVote> votes, int[] truth, _) = DawidSkeneTests.Simulate(200, [0.7], 2);
        SourceLabels source = DawidSkeneTests.ToLabels(votes, 200, 1, 4)[0];
        SourceMarginMeasurement margin = SourceMargin.Measure([source, source, source], Acceptable(truth), new RandomStream(1));
        Assert.Equal(0, margin.MarginOfLast!.Value, 12);
    }

    [Fact]
    public void SourceGate_DeadJudge_IsDroppedWithItsReason()
    {
        (List<SourceVote> votes, int[] truth, _) = DawidSkeneTests.Simulate(300, [0.6, 0.25], 7);
        IReadOnlyList<SourceVerdict> verdicts = SourceGate.Judge(DawidSkeneTests.ToLabels(votes, 300, 2, 4), Acceptable(truth));
        Assert.True(verdicts[0].Kept);
        Assert.False(verdicts[1].Kept);
        Assert.Equal(0.25, verdicts[1].Chance);
        Assert.Contains("not above chance (0.25)", verdicts[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void SourceGate_ScoresAllAlike_AbstainsAndIsDropped()
    {
        SourceLabels flat = new("flat", SupervisionQuestion.Choice, [[0.25f, 0.25f, 0.25f, 0.25f]]);
        SourceVerdict verdict = SourceGate.Judge([flat], Acceptable([0]))[0];
        Assert.False(verdict.Kept);
        Assert.Equal("flat answered none of 1 held-out items.", verdict.Reason);
    }

    [Fact]
    public void SourceGate_JudgeThatNeverSaysViolation_IsDroppedThoughMostlyRight()
    {
        bool[][] violates = [.. Enumerable.Range(0, 100).Select(i => new[] { i % 2 == 0, false, false, false })];
        SourceLabels silent = new("silent", SupervisionQuestion.Violation, [.. violates.Select(_ => new float[4])]);
        SourceLabels useful = new("useful", SupervisionQuestion.Violation, [.. violates.Select((row, i) => row.Select(flag => flag != (i % 7 == 0) ? 0.9f : 0.1f).ToArray())]);
        IReadOnlyList<SourceVerdict> verdicts = SourceGate.JudgeViolations([silent, useful], violates);
        Assert.False(verdicts[0].Kept);
        Assert.Equal(0.5, verdicts[0].Accuracy.Value, 12);
        Assert.True(verdicts[1].Kept);
    }

    private static bool?[] Flip(double rate, int count, ulong seed)
    {
        var random = new RandomStream(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (bool?)random.NextBoolean(rate))];
    }

    private static bool?[] On(params int[] items) => [.. Enumerable.Range(0, 10).Select(i => (bool?)items.Contains(i))];

    private static bool[][] Acceptable(int[] truth) => [.. truth.Select(right => Enumerable.Range(0, 4).Select(k => k == right).ToArray())];
}
