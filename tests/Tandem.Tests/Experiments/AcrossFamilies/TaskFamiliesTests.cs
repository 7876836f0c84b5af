using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Experiments.AcrossFamilies;

namespace Tandem.Tests.Experiments.AcrossFamilies;

public sealed class TaskFamiliesTests
{
    private static readonly double[] Clear = [0.10, 0.11, 0.12, 0.11];
    private static readonly double[] Noise = [0.10, -0.11, 0.09, -0.08];

    private static readonly Func<IReadOnlyList<double>, double[]> Less = values => [.. values.Select(v => -v)];

    private static ClaimVerdict SameBest(params (string Family, string Best, double[] FirstLessSecond)[] families) => FamilyVerdicts.SameBest(
        families.ToDictionary(f => f.Family, f => f.Best),
        ScheduleComparison.Together([.. families.Select(f => new ScheduleComparison(f.Family, "a", "b", f.FirstLessSecond))]));

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    public void Schedules_AnyCycles_VisitEveryItemOnceForEachLesson(int cycles)
    {
        foreach (TrainingSchedule schedule in TrainingSchedule.Compared(100, cycles))
        {
            for (int item = 0; item < 100; item++)
            {
                Stretch[] with = [.. schedule.Stretches.Where(s => s.From <= item && item < s.To)];
                Assert.Equal(2, with.Sum(s => s.Visits));
                bool both = with.Length == 1 && with[0].Lesson == Lesson.Both;
                Assert.True(both || with.Select(s => s.Lesson).SequenceEqual([Lesson.Competence, Lesson.Alignment]));
            }
        }
    }

    // t = 2 / (1 / √3) with two degrees of freedom: p = 1 − t / √(2 + t²).
    [Fact]
    public void PairedT_ThreeDifferences_IsTheClosedFormOfTwoDegreesOfFreedom() => Assert.Equal(
        1 - (Math.Sqrt(12) / Math.Sqrt(14)), ScheduleComparison.PairedT([1, 2, 3]), 1e-9);

    [Fact]
    public void Together_SeveralComparisons_CorrectsByHolm()
    {
        double alone = ScheduleComparison.PairedT(Clear);
        IReadOnlyList<ScheduleComparison> all = ScheduleComparison.Together(
            [new("f", "a", "b", Clear), new("g", "a", "b", Noise), new("h", "a", "b", Noise)]);
        Assert.Equal(3 * alone, all[0].PValue!.Value, 1e-12);
        Assert.True(all[0].IsAhead);
        Assert.False(all[1].IsAhead || all[1].IsBehind);
    }

    [Fact]
    public void Together_OneSeed_DecidesNothing()
    {
        ScheduleComparison only = ScheduleComparison.Together([new("f", "a", "b", [0.5])])[0];
        Assert.Null(only.PValue);
        Assert.False(only.IsAhead || only.IsBehind);
        Assert.Equal(ClaimVerdict.Undecided, SameBest(("f", "a", [0.5]), ("g", "b", [-0.5])));
    }

    [Fact]
    public void SameBest_Families_FollowsTheRule()
    {
        Assert.Equal(ClaimVerdict.Reproduced, SameBest(("f", "a", Clear), ("g", "a", Clear)));
        Assert.Equal(ClaimVerdict.Partly, SameBest(("f", "a", Clear), ("g", "a", Noise)));
        Assert.Equal(ClaimVerdict.NotReproduced, SameBest(("f", "a", Clear), ("g", "b", Less(Clear))));
        Assert.Equal(ClaimVerdict.Undecided, SameBest(("f", "a", Clear), ("g", "b", Noise)));
    }

    [Fact]
    public void AllAhead_Comparisons_FollowsTheRule()
    {
        ClaimVerdict Of(params double[][] all) => FamilyVerdicts.AllAhead(
            ScheduleComparison.Together([.. all.Select((d, i) => new ScheduleComparison($"f{i}", "a", "b", d))]));
        Assert.Equal(ClaimVerdict.Reproduced, Of(Clear, Clear));
        Assert.Equal(ClaimVerdict.Partly, Of(Clear, Noise));
        Assert.Equal(ClaimVerdict.Undecided, Of(Clear, Less(Clear)));
        Assert.Equal(ClaimVerdict.NotReproduced, Of(Less(Clear), Noise));
        Assert.Equal(ClaimVerdict.Undecided, Of(Noise, Noise));
    }
}
