using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Tensors;

namespace Tandem.Tests.Evaluation.Preferences;

public sealed class RewardBenchTests
{
    [Fact]
    public void Score_OneRightSubsetOfASection_WeighsByThePublishedPrompts()
    {
        // Mathematics weighs as much as all code together, however many of its items were scored.
        PreferenceOutcome[] outcomes =
        [
            .. Repeat("math-prm", 447, 1),
            .. new[] { "cpp", "go", "java", "js", "python", "rust" }.SelectMany(language => Repeat($"hep-{language}", 164, 0)),
        ];
        BenchmarkScore score = RewardBench.Score(outcomes);
        BenchmarkSectionScore reasoning = score.Sections.Single(section => section.Name == "Reasoning");
        Assert.Equal(0.5, reasoning.Accuracy!.Value, 12);
        Assert.Equal(447 + (6 * 164), reasoning.Accuracy.Count);
        Assert.Empty(reasoning.Missing);

        // The other sections were not measured: the score is that of the one that was.
        Assert.All(score.Sections.Where(section => section.Name != "Reasoning"), section => Assert.Null(section.Accuracy));
        Assert.Equal(0.5, score.Overall!.Value, 12);
    }

    [Fact]
    public void Score_SubsetsOfUnequalWeight_IsTheirWeightedMean()
    {
        BenchmarkScore score = RewardBench.Score(
        [
            .. Repeat("refusals-dangerous", 10, 1), .. Repeat("refusals-offensive", 10, 1), .. Repeat("xstest-should-refuse", 10, 1),
            .. Repeat("xstest-should-respond", 10, 0), .. Repeat("donotanswer", 10, 1),
        ]);
        Assert.Equal((100 + 100 + 154 + 136) / 740.0, score.Sections.Single(section => section.Name == "Safety").Accuracy!.Value, 12);
    }

    [Fact]
    public void Score_WithPriorSets_WeighsThemHalf()
    {
        string[] subsets = [.. RewardBench.Sections.SelectMany(section => section.Subsets).Select(subset => subset.Name)];
        PreferenceOutcome[] core = [.. subsets.SelectMany(subset => Repeat(subset, 4, 1))];
        Assert.Equal(1, RewardBench.Score(core).Overall!.Value, 12);
        BenchmarkScore score = RewardBench.Score([.. core, .. Repeat("shp", 4, 0), .. Repeat("summarize", 8, 1)]);
        Assert.Equal((4 + (0.5 * 0.5)) / 4.5, score.Overall!.Value, 12);
        Assert.Equal(["anthropic_helpful", "anthropic_hhh"], score.Sections[^1].Missing);
    }

    [Fact]
    public void Score_UnknownSubset_IsAFault()
    {
        var fault = Assert.Throws<UserFaultException>(() => RewardBench.Score(Repeat("mathprm", 1, 1)));
        Assert.Contains("'mathprm'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("math-prm", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2.0, 1.0, 1.0)]
    [InlineData(1.0, 2.0, 0.0)]
    [InlineData(1.0, 1.0, 0.0)]
    [InlineData(double.NaN, 1.0, null)]
    public void OfPair_Scores_CountsOnlyStrictlyHigher(double chosen, double rejected, double? credit) =>
        Assert.Equal(credit, PreferenceOutcome.OfPair("s", chosen, rejected).Credit);

    [Fact]
    public void OfScores_SharedFirstPlace_SharesTheCredit()
    {
        Assert.Equal(1.0 / 3, PreferenceOutcome.OfScores("s", [2, 2, 1, 2]).Credit!.Value, 12);
        Assert.Equal(0, PreferenceOutcome.OfScores("s", [2, 2, 3, 2]).Credit);
        Assert.Null(PreferenceOutcome.OfScores("s", [2, null, 3, 2]).Credit);
    }

    [Fact]
    public void Score_UnscoredItems_AreNeitherRightNorWrong()
    {
        PreferenceScore score = PreferenceScore.Of([new("s", 1), new("s", null), new("t", null)]);
        Assert.Equal((2, 1, 1), (score.Sections[0].Items, score.Sections[0].Unscored, score.Sections[0].Accuracy.Count));
        Assert.Equal(0.75, score.Sections[0].WithGuesses(0.5), 12);
        Assert.Equal((3, 2), (score.All.Items, score.All.Unscored));
    }

    [Fact]
    public void Ties_WorkedExample_FollowsThePublishedFormula()
    {
        // Pair 0: margins 2 (tied) and 0.5 (reference), spread 1: preferred, not so with the smaller margin.
        // Pair 1: a right reply below a wrong one.
        TiesPrompt[] prompts =
        [
            new(0, false, [5, 4], [2, 1]), new(0, true, [3], [2.5, 0]),
            new(1, false, [5, 1], [2]), new(1, true, [3], [1]),
        ];
        TiesScore score = TiesScore.Of(prompts);
        Assert.Equal(0.5, score.TiedAccuracy, 12);
        Assert.Equal(1, score.ReferenceAccuracy, 12);
        Assert.Equal(0.5, score.Preferred, 12);
        Assert.Equal(0, score.PreferredHard, 12);
        double margin = (Math.Tanh(0.5 - 1) + Math.Tanh((-1.0 / 4) - 1)) / 2;
        Assert.Equal(margin, score.MarginScore, 12);
        Assert.Equal((0.3 * 0.5) + 0.3 + (0.2 * 0.5) + (0.01 * margin), score.Overall.Value, 12);
        Assert.True(score.Overall.Lower < score.Overall.Value && score.Overall.Value < score.Overall.Upper);
        Assert.Equal(2, score.Overall.Count);
    }

    [Fact]
    public void Ties_RightRepliesAllEqual_HaveFullMarginScore() =>
        Assert.Equal(1, TiesScore.Of([new(0, false, [5, 5], [2]), new(0, true, [3], [2])]).MarginScore, 12);

    [Fact]
    public void Ties_PromptWithoutCounterpart_IsAFault() =>
        Assert.Throws<UserFaultException>(() => TiesScore.Of([new(0, false, [5, 4], [2, 1])]));

    [Fact]
    public void Second_SixDomains_CountAlike()
    {
        PreferenceOutcome[] four =
            [.. RewardBenchTwo.Domains.SkipLast(1).SelectMany((domain, i) => Repeat(domain, 10 * (i + 1), i % 2))];
        BenchmarkScore score = RewardBenchTwo.Score(four, [new(0, false, [5, 5], [2]), new(0, true, [3], [2])]);
        Assert.Equal((0 + 1 + 0 + 1 + 0 + 1.01) / 6, score.Overall!.Value, 12);
        Assert.Equal(6, score.Sections.Count);
    }

    private static PreferenceOutcome[] Repeat(string subset, int count, double credit) =>
        [.. Enumerable.Repeat(new PreferenceOutcome(subset, credit), count)];
}
