using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Language;

namespace Tandem.Tests.Evaluation.Preferences;

public sealed class PreferenceEvaluationTests
{
    private static readonly ChatTurn[] s_prompt = [new(ChatRole.User, "q")];

    [Theory]
    [InlineData(2.0, 1.0, 1.0, null)]
    [InlineData(1.0, 1.0, 0.0, null)]
    [InlineData(null, 1.0, null, UnscoredReason.TooLong)]
    [InlineData(double.NaN, 1.0, null, UnscoredReason.NotFinite)]
    public void ByScores_Pair_IsRightOnlyIfStrictlyHigher(double? chosen, double? rejected, double? credit, UnscoredReason? unscored)
    {
        ReplyItem item = ReplyItem.Of(DataRecords.Preference(s_prompt, "good", "bad"))!;
        EvaluatedItem evaluated = Assert.Single(PreferenceEvaluation.ByScores([item], new Table(new() { ["good"] = chosen, ["bad"] = rejected })));
        Assert.Equal((credit, unscored, 0.5), (evaluated.Credit, evaluated.Unscored, evaluated.Chance));
    }

    [Fact]
    public void ByScores_PairWhoseSecondOptionIsRight_TakesTheRightOne()
    {
        ReplyItem item = ReplyItem.Of(DataRecords.Choice("", "q", ["bad", "good"], 1))!;
        Assert.Equal(1, PreferenceEvaluation.ByScores([item], new Table(new() { ["good"] = 2, ["bad"] = 1 }))[0].Credit);
    }

    [Fact]
    public void ByScores_FourReplies_ShareTheFirstPlace()
    {
        ReplyItem item = ReplyItem.Of(DataRecords.Choice("", "q", ["a", "b", "c", "d"], 1))!;
        Assert.Equal(0.5, PreferenceEvaluation.ByScores([item], new Table(new() { ["a"] = 1, ["b"] = 2, ["c"] = 2, ["d"] = 0 }))[0].Credit);
    }

    [Fact]
    public void Published_RewardBench2_PairsTheTiesByTheirKeys()
    {
        ChoiceRecord Ties(string key, string question, string[] right, string[] wrong) =>
            DataRecords.Choice("", question, [.. right, .. wrong], 0) with { Section = RewardBenchTwo.Ties, Key = key, Answers = [.. Enumerable.Range(0, right.Length)] };
        ChoiceRecord[] records =
        [
            Ties("ref:7", "one", ["a"], ["x"]), Ties("tied:7", "many", ["b", "c"], ["y"]), Ties("tied:8", "alone", ["d", "e"], ["z"]),
            DataRecords.Choice("", "q", ["good", "r", "s", "t"], 0) with { Section = "Focus", Key = "12" },
        ];
        var scorer = new Table(new() { ["a"] = 3, ["x"] = 1, ["b"] = 5, ["c"] = 4, ["y"] = 2, ["d"] = 1, ["e"] = 3, ["z"] = 2, ["good"] = 1, ["r"] = 0, ["s"] = 0, ["t"] = 0 });
        IReadOnlyList<EvaluatedItem> items = PreferenceEvaluation.ByScores([.. records.Select(record => ReplyItem.Of(record)!)], scorer);
        Assert.Equal([1, 1, 0, 1], items.Select(item => item.Credit!.Value));

        // The pair 7: both right, margin 2 above the spread 1, and min(2, 2) too; tanh(2 / 1 - 1).
        BenchmarkScore score = PublishedScore.Of("rewardbench2", items)!;
        BenchmarkSectionScore ties = score.Sections.Single(section => section.Name == RewardBenchTwo.Ties);
        Assert.Equal((1, 1 + (0.01 * Math.Tanh(1))), (ties.Accuracy!.Count, ties.Accuracy.Value));
        Assert.Equal((1 + 1 + (0.01 * Math.Tanh(1))) / 2, score.Overall!.Value, 12);
    }

    [Fact]
    public void Published_RewardBench_CountsSubsetsAndTheirOtherName()
    {
        EvaluatedItem[] items = [new("1", "Chat") { Subset = "mt-bench-medium", Credit = 1 }, new("2", "Chat") { Subset = "mt-bench-easy", Credit = 0 }];
        Assert.Equal(40 / 68.0, PublishedScore.Of("rewardbench", items)!.Overall!.Value, 12);
        Assert.Null(PublishedScore.Of("rewardbench", [items[0] with { Subset = "my-own" }]));
        Assert.Null(PublishedScore.Of("llmbar", items));
    }

    private sealed class Table(Dictionary<string, double?> scores) : IReplyScorer
    {
        public int Truncated => 0;

        public IReadOnlyList<double?[]> Score(IReadOnlyList<ReplySet> sets) => [.. sets.Select(set => set.Replies.Select(reply => scores[reply]).ToArray())];
    }
}
