using FsCheck;
using FsCheck.Fluent;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports.Tests;

public sealed class NarrativeTests
{
    [Fact]
    public void Of_ChangeWithinItsInterval_ClaimsNoDirection()
    {
        RunSummary run = WithCompetence(SampleRun.Rate(0.50, 200), SampleRun.Rate(0.55, 200));

        string text = Words(run);

        Assert.Contains("which is within noise", text, StringComparison.Ordinal);
        Assert.DoesNotContain("rose", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.40, 0.60, "Competence rose from 0.40 to 0.60")]
    [InlineData(0.60, 0.40, "Competence fell from 0.60 to 0.40")]
    public void Of_ClearChange_SaysItsDirection(double from, double to, string expected) =>
        Assert.Contains(expected, Words(WithCompetence(SampleRun.Rate(from, 2000), SampleRun.Rate(to, 2000))), StringComparison.Ordinal);

    [Theory]
    [InlineData(0.80, 0.70, true)]
    [InlineData(0.70, 0.80, false)]
    [InlineData(0.80, 0.79, false)]
    public void Of_ModelInForceConformsLess_WarnsOfIt(double from, double to, bool warned)
    {
        string text = Words(With((m, end) => m with { Conformity = SampleRun.Rate(end ? to : from, 2000) }));
        Assert.Equal(warned, text.Contains("conforms less than the first one: 0.80, then 0.70", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_RolledBackGeneration_IsNotTheModelInForce()
    {
        ArmSummary arm = SampleRun.Arm("fixed-large", 1);

        string text = Words(SampleRun.Empty() with { Arms = [arm] });

        Assert.Contains($"to {Figures.Rate(arm.Generations[2].AfterAlignment!.Competence.Value)} (", text, StringComparison.Ordinal);
        Assert.Contains("Generation 3 was rolled back", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_EveryAttemptRolledBack_SaysThatTheFirstModelStays()
    {
        ArmSummary arm = SampleRun.Arm("fixed-large", 1);
        GenerationSummary back = arm.Generations[3];
        GenerationSummary[] attempts = [.. new[] { 1, 1, 2, 2 }.Select(index => back with { Index = index })];

        string text = Words(SampleRun.Empty() with { Arms = [arm with { Generations = [arm.Generations[0], .. attempts] }] });

        Assert.Contains("Two generations, four attempts", text, StringComparison.Ordinal);
        Assert.Contains("none was promoted, and the initial model with 39k parameters stays in force", text, StringComparison.Ordinal);
        Assert.Contains("Four of four attempts were rolled back. Rules that failed: conformity, lower bound in four and hazards mended on held-out mutations in four.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("rose", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Label_SecondTryOfAGeneration_IsToldApart()
    {
        ArmSummary arm = SampleRun.Arm("adaptive", 1);
        arm = arm with { Generations = [arm.Generations[0], arm.Generations[1], arm.Generations[1], arm.Generations[2]] };

        Assert.Equal(["0", "1", "1b", "2"], Enumerable.Range(0, 4).Select(i => Reading.Label(arm, i)));
    }

    [Fact]
    public void Of_HazardsOpenAndRecurring_NamesThem()
    {
        string text = Words(SampleRun.Single());

        Assert.Contains("four are mended, one is not: late-permission/2", text, StringComparison.Ordinal);
        Assert.Contains("owner-forbids/2 came back in a later generation", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ArmsWithUnequalCompute_Cautions()
    {
        RunSummary run = SampleRun.Full(1);
        run = run with { Arms = [.. run.Arms.Select(a => a.Name == "fixed-small" ? a with { TrainingFlops = 2 * a.TrainingFlops } : a)] };

        Assert.Contains("did not spend equal compute", Words(run), StringComparison.Ordinal);
        Assert.DoesNotContain("did not spend equal compute", Words(SampleRun.Full(1)), StringComparison.Ordinal);
    }

    [Fact]
    public void Lineage_MendedThenFoundAgain_Recurred()
    {
        HazardLine line = Reading.Lineage(SampleRun.Arm("adaptive", 1)).Single(l => l.Id == "owner-forbids/2");

        Assert.Equal([HazardState.Mended, HazardState.RecurredMended], line.Found.OrderBy(f => f.Key).Select(f => f.Value.State));
    }

    [Fact]
    public void Lineage_MendedOnlyInARolledBackAttempt_DidNotRecur()
    {
        ArmSummary arm = SampleRun.Arm("adaptive", 1);
        GenerationSummary undone = arm.Generations[1] with { Gate = new GateSummary(false, []) };
        arm = arm with { Generations = [arm.Generations[0], undone, arm.Generations[2]] };

        HazardLine line = Reading.Lineage(arm).Single(l => l.Id == "owner-forbids/2");
        string text = Words(SampleRun.Empty() with { Arms = [arm] });

        Assert.Equal([HazardState.Mended, HazardState.Mended], line.Found.OrderBy(f => f.Key).Select(f => f.Value.State));
        Assert.DoesNotContain("came back", text, StringComparison.Ordinal);
        Assert.Contains("one showed only in attempts that were rolled back", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Difference_Estimates_MatchesNewcombesExample()
    {
        // 56/70 against 48/80 with Wilson limits: Newcombe 1998, table II, method 10.
        Estimate difference = Comparison.Difference(Wilson(48, 80), Wilson(56, 70));

        Assert.Equal(0.2, difference.Value, 12);
        Assert.Equal(0.0524, difference.Lower, 4);
        Assert.Equal(0.3339, difference.Upper, 4);
    }

    [Fact]
    public void Mean_ThreeValues_HasStudentsInterval()
    {
        Estimate mean = Comparison.Mean([1, 2, 3]);

        Assert.Equal((2.0, 3), (mean.Value, mean.Count));
        Assert.Equal(2 - 2.4843, mean.Lower, 3);
    }

    [Fact]
    public void Rate_AnyNumber_HasNoAsciiMinusAndNoNegativeZero() =>
        Prop.ForAll<double>(value =>
        {
            string text = Figures.Rate(value);
            return !text.Contains('-', StringComparison.Ordinal) && text != "−0.00" && !text.Contains("NaN", StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Clean_AnyText_IsWellFormedXml() =>
        Prop.ForAll<string?>(text => System.Xml.XmlConvert.VerifyXmlChars(Markup.Clean(text ?? string.Empty)) is not null).QuickCheckThrowOnFailure();

    private static Estimate Wilson(int hits, int n)
    {
        const double z = 1.959964;
        double p = (double)hits / n, center = p + (z * z / (2 * n)), half = z * Math.Sqrt((p * (1 - p) / n) + (z * z / (4.0 * n * n))), scale = 1 + (z * z / n);
        return new Estimate(p, (center - half) / scale, (center + half) / scale, n);
    }

    private static string Words(RunSummary run) => string.Join("\n", Narrative.Of(run).Select(s => s.Text));

    private static RunSummary WithCompetence(Estimate from, Estimate to) => With((m, end) => m with { Competence = end ? to : from });

    private static RunSummary With(Func<ModelMeasurement, bool, ModelMeasurement> change)
    {
        ArmSummary arm = SampleRun.Arm("adaptive", 1);
        GenerationSummary first = arm.Generations[0], last = arm.Generations[1];
        return SampleRun.Empty() with
        {
            Arms =
            [
                arm with
                {
                    Generations =
                    [
                        first with { AfterAlignment = change(first.AfterAlignment!, false) },
                        last with { AfterAlignment = change(last.AfterAlignment!, true) },
                    ],
                },
            ],
        };
    }
}
