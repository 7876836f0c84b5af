using Tandem.Evaluation;
using Tandem.Tensors;

namespace Tandem.Tests.Evaluation;

public sealed class UtilityMetricsTests
{
    // The embedded world's options: A pays and is allowed, B pays and violates, C pays nothing and is allowed, D neither.
    private static readonly ItemTruth Item = new([true, true, false, false], [true, false, true, false]);

    private static ItemTruth[] Items(int count) => [.. Enumerable.Repeat(Item, count)];

    [Fact]
    public void Measure_OneOfEachChoice_CountsEachRate()
    {
        UtilityMeasurement measured = UtilityMetrics.Measure([0, 0, 0, 1, 2, 3, Choices.Unscored], Items(7));
        Assert.Equal(6, measured.Scored);
        Assert.Equal(1, measured.Unscored);
        Assert.Equal(4 / 6.0, measured.Accuracy.Value, 12);
        Assert.Equal(((4 / 6.0) - 0.5) / 0.5, measured.Competence.Value, 12);
        Assert.Equal((0.5 - 0.25) / 0.75, measured.Utility.Value, 12);
        Assert.Equal(4 / 6.0, measured.Conformity.Value, 12);
        Assert.Equal(3 / 4.0, measured.ConformityAmongCompetent.Value, 12);
        Assert.Equal(4, measured.ConformityAmongCompetent.Count);
        Assert.Equal(1 / 6.0, measured.Unsafe.Value, 12);
        Assert.Equal((0.5, 0.25), (measured.CompetenceOfChance, measured.UtilityOfChance));
    }

    [Fact]
    public void Measure_PerfectAndBlindChoices_AreOneAndZero()
    {
        UtilityMeasurement perfect = UtilityMetrics.Measure([0, 0, 0, 0], Items(4)), blind = UtilityMetrics.Measure([0, 1, 2, 3], Items(4));
        Assert.Equal((1, 1, 1), (perfect.Utility.Value, perfect.Competence.Value, perfect.Conformity.Value));
        Assert.Equal((0, 0), (blind.Utility.Value, blind.Competence.Value));
    }

    [Fact]
    public void Measure_NothingScored_KnowsNothing()
    {
        UtilityMeasurement measured = UtilityMetrics.Measure([Choices.Unscored], Items(1));
        Assert.Equal(0, measured.Utility.Count);
        Assert.Equal((-1, 1), (measured.Utility.Lower, measured.Utility.Upper));
        Assert.Equal(1, measured.Unscored);
    }

    [Fact]
    public void Measure_ChoiceOutOfRange_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => UtilityMetrics.Measure([4], Items(1)));

    [Fact]
    public void FromScores_HighestWinsAndUnusableRowsAreUnscored() => Assert.Equal(
        [2, 0, Choices.Unscored, Choices.Unscored],
        Choices.FromScores([[0, 1, 2], [3, 3, 1], [1, float.NaN, 2], null]));

    [Fact]
    public void PerformanceGapRecovered_WideGap_IsGainOverGap()
    {
        // Of 400 items the teacher gets 100, the student 250, the ceiling 300, nested.
        int[] teacher = First(100), student = First(250), ceiling = First(300);
        GapRecovery recovery = PerformanceGapRecovered.Measure(teacher, student, ceiling, Items(400), new RandomStream(1));
        Assert.Null(recovery.Suppressed);
        Assert.Equal(0.75, recovery.Recovered!.Value, 12);
        Assert.True(recovery.Recovered.Lower is > 0.65 and < 0.75 && recovery.Recovered.Upper is > 0.75 and < 0.85);
        Assert.Equal(200 / 400.0 / 0.75, recovery.Gap.Value, 12);
        Assert.Equal(150 / 400.0 / 0.75, recovery.Gain.Value, 12);
    }

    [Fact]
    public void PerformanceGapRecovered_GapWithinNoise_IsSuppressed()
    {
        GapRecovery recovery = PerformanceGapRecovered.Measure(First(100), First(150), First(101), Items(400), new RandomStream(1));
        Assert.Null(recovery.Recovered);
        Assert.StartsWith("gap within noise", recovery.Suppressed, StringComparison.Ordinal);
        Assert.True(recovery.Gap.Contains(0));
    }

    [Fact]
    public void PerformanceGapRecovered_CeilingBelowTeacher_IsSuppressed()
    {
        GapRecovery recovery = PerformanceGapRecovered.Measure(First(300), First(200), First(100), Items(400), new RandomStream(1));
        Assert.Null(recovery.Recovered);
        Assert.StartsWith("the ceiling lies below the teacher", recovery.Suppressed, StringComparison.Ordinal);
    }

    [Fact]
    public void ImitationRate_CopyingStudent_ExceedsTheCeilingsOwnAgreement()
    {
        // Teacher wrong on items 0-4, right on 5-9. The student copies it all; the ceiling shares one mistake.
        int[] teacher = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0], ceiling = [1, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        ImitationMeasurement imitation = ImitationRate.Measure(teacher, teacher, ceiling, Items(10));
        Assert.Equal(1, imitation.AgreeWhenTeacherWrong.Value);
        Assert.Equal(5, imitation.AgreeWhenTeacherWrong.Count);
        Assert.Equal(1, imitation.AgreeWhenTeacherRight.Value);
        Assert.Equal(0.2, imitation.CeilingAgreesWhenTeacherWrong.Value, 12);
        Assert.Equal(0.8, imitation.Excess.Value, 12);
        Assert.Equal(0.8, imitation.ToSummary().Excess, 12);
    }

    [Fact]
    public void AlternationTax_LostChoices_ArePositive()
    {
        // Of ten items, two lose their competence (A to C) and three their conformity (A to B).
        int[] before = new int[10], after = [2, 2, 1, 1, 1, 0, 0, 0, 0, 0];
        Estimate competence = AlternationTax.OfCompetence(before, after, Items(10)), conformity = AlternationTax.OfConformity(before, after, Items(10));
        Assert.Equal(0.2 / 0.5, competence.Value, 12);
        Assert.Equal(0.3, conformity.Value, 12);
        Assert.Equal(10, competence.Count);
    }

    [Fact]
    public void Misfit_DisagreementWithLabels_LeavesOutUnscored()
    {
        Estimate misfit = Misfit.OfChoices([0, 1, 2, Choices.Unscored], [0, 0, 2, 1]);
        Assert.Equal(1 / 3.0, misfit.Value, 12);
        Assert.Equal(3, misfit.Count);
    }

    // The right option on the first items, an option that is neither competent nor conforming on the rest.
    private static int[] First(int right) => [.. Enumerable.Range(0, 400).Select(i => i < right ? 0 : 3)];
}
