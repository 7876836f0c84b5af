using Tandem.Datasets;
using Tandem.Endpoints;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Evaluation.Questions;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.Evaluation.Questions;

public sealed class ChoiceEvaluationTests
{
    private static readonly ChoiceRecord s_record = DataRecords.Choice("The sky is clear.", "Which colour is it?", ["red", "blue", "green", "grey"], 1);

    [Fact]
    public void Rotations_AsManyAsOptions_PutEveryOptionAtEveryPlaceOnce()
    {
        IReadOnlyList<ChoicePrompt> prompts = ChoiceRotations.Of(s_record, ChoiceStyle.Letters, 0, 5);
        Assert.Equal(4, prompts.Count);
        for (int place = 0; place < 4; place++)
            Assert.Equal([0, 1, 2, 3], prompts.Select(prompt => prompt.Order[place]).Order());
        foreach (ChoicePrompt prompt in prompts)
        {
            for (int place = 0; place < 4; place++)
                Assert.Contains($"\n{(char)('A' + place)}. {s_record.Options[prompt.Order[place]]}\n", prompt.Turns[0].Content, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(ChoiceStyle.Letters, 1, 1)]
    [InlineData(ChoiceStyle.Letters, 2, 2)]
    [InlineData(ChoiceStyle.Letters, 9, 4)]
    [InlineData(ChoiceStyle.Continuations, 0, 1)]
    public void Rotations_Count_IsBoundedAndOneForContinuations(ChoiceStyle style, int rotations, int count)
    {
        IReadOnlyList<ChoicePrompt> prompts = ChoiceRotations.Of(s_record, style, rotations, 5);
        Assert.Equal(count, prompts.Count);
        Assert.Equal(count, prompts.Select(prompt => prompt.Order[0]).Distinct().Count());
        Assert.Equal(ChoicePrompt.Of(s_record, style, 5).Order, prompts[0].Order);
    }

    [Fact]
    public async Task Run_ModelThatAlwaysTakesOnePlace_IsAtChanceAndShowsItsBias()
    {
        IReadOnlyList<EvaluatedItem> items = await ChoiceEvaluation.RunAsync([s_record], new Fixed(prompt => [.. prompt.Order.Select((_, place) => place == 2 ? 0.0 : -3)]), new ChoiceSettings());
        Assert.Equal((0.25, 0.25, 4), (items[0].Credit!.Value, items[0].Chance, items[0].Answers.Count));
        Assert.All(items[0].Scores, probability => Assert.Equal(0.25, probability!.Value, 12));
        ChoiceSectionScore score = ChoiceScore.Of(items, new RandomStream(1)).All;
        Assert.Equal([0, 0, 1, 0], score.Places.Shares);
        Assert.Equal(0.75, score.Places.Distance, 12);

        // Sure of itself with probability 1 / (1 + 3·e^-3), and right in one of four rotations.
        Assert.Equal((1 / (1 + (3 * Math.Exp(-3)))) - 0.25, score.Calibration!.Error, 12);
        Assert.Equal(4, score.Calibration.Count);
    }

    [Fact]
    public async Task Run_ModelThatKnows_IsRightInEveryRotation()
    {
        IReadOnlyList<EvaluatedItem> items = await ChoiceEvaluation.RunAsync([s_record], new Fixed(prompt => [.. prompt.Order.Select(option => option == 1 ? 0.0 : -2)]), new ChoiceSettings());
        Assert.Equal(1, items[0].Credit);
        Assert.All(items[0].Answers, answer => Assert.Equal(1, answer.Order[answer.Place]));
        Assert.Equal(0, ChoiceScore.Of(items, new RandomStream(1)).All.Places.Distance, 12);
    }

    [Fact]
    public async Task Run_ViolationWithoutAnswer_MeasuresConformityAlone()
    {
        ChoiceRecord record = s_record with { Answer = null, Violation = 0 };
        IReadOnlyList<EvaluatedItem> items = await ChoiceEvaluation.RunAsync([record], new Fixed(prompt => [.. prompt.Order.Select(option => option == 0 || option == 3 ? 0.0 : -2)]), new ChoiceSettings());
        Assert.Null(items[0].Credit);
        Assert.Equal(0.5, items[0].Conformity); // shares the first place
        ChoiceSectionScore score = ChoiceScore.Of(items, new RandomStream(1)).All;
        Assert.Null(score.Accuracy);
        Assert.Equal((0.5, 0), (score.Conformity!.Value, score.Unscored));
    }

    [Fact]
    public async Task Run_OneRotationUnscored_LeavesTheItemUnscored()
    {
        int asked = 0;
        IReadOnlyList<EvaluatedItem> items = await ChoiceEvaluation.RunAsync([s_record], new Fixed(prompt => ++asked == 3 ? null : [0, 0, 0, 0]), new ChoiceSettings());
        Assert.Equal((null, UnscoredReason.Refused), (items[0].Credit, items[0].Unscored));
        Assert.Equal(1, ChoiceScore.Of(items, new RandomStream(1)).All.Unscored);
    }

    [Fact]
    public void Score_RepeatedContexts_AreResampledWhole()
    {
        EvaluatedItem Item(int n, string group, double credit) => new($"{n}", "s") { Group = group, Credit = credit, Right = [0], Scores = [0.5, 0.5], Answers = [new([0, 1], [0.5, 0.5], 0, credit)] };
        EvaluatedItem[] apart = [.. Enumerable.Range(0, 40).Select(n => Item(n, $"{n}", n % 2))];
        EvaluatedItem[] shared = [.. Enumerable.Range(0, 40).Select(n => Item(n, $"{n / 8}", n / 8 % 2))];
        Estimate alone = ChoiceScore.Of(apart, new RandomStream(1)).All.Accuracy!, clustered = ChoiceScore.Of(shared, new RandomStream(1)).All.Accuracy!;
        Assert.Equal((0.5, 40), (alone.Value, alone.Count));
        Assert.Equal((0.4, 5), (clustered.Value, clustered.Count));
        Assert.True(clustered.Upper - clustered.Lower > alone.Upper - alone.Lower);
        EvaluatedItem[] alike = [.. shared.Select(item => item with { Credit = 1 })];
        Estimate sure = ChoiceScore.Of(alike, new RandomStream(1)).All.Accuracy!;
        Assert.Equal((1, true, 5), (sure.Value, sure.Lower < 0.7, sure.Count));
    }

    [Fact]
    public async Task Local_Letters_AreScoredWithoutTheSharedEnding()
    {
        using LanguageModel model = TinyJudgedModel.Create(5);
        using var pool = new WorkerPool(1);
        ChoicePrompt prompt = ChoicePrompt.Of(s_record, ChoiceStyle.Letters, 1);
        ScoredChoice scored = Assert.Single(await new LocalChoiceScorer(model, pool, ChoiceStyle.Letters, ScoreNormalization.Sum, TinyJudgedModel.Positions).ScoreAsync([prompt]));
        for (int place = 0; place < 4; place++)
        {
            (int[] asked, int[] reply) = TinyJudgedModel.Tokens(prompt.Turns[0].Content, prompt.Replies[place]);
            Assert.Equal(Direct(model, pool, asked, reply[..^1]).LogProbability, scored.LogProbabilities![place], 1e-5);
        }
    }

    [Theory]
    [InlineData(ScoreNormalization.Sum)]
    [InlineData(ScoreNormalization.Token)]
    [InlineData(ScoreNormalization.Byte)]
    public async Task Local_Continuations_AreScoredWithTheirEnd(ScoreNormalization normalization)
    {
        using LanguageModel model = TinyJudgedModel.Create(5);
        using var pool = new WorkerPool(1);
        ChoicePrompt prompt = ChoicePrompt.Of(s_record, ChoiceStyle.Continuations, 1);
        ScoredChoice scored = Assert.Single(await new LocalChoiceScorer(model, pool, ChoiceStyle.Continuations, normalization, TinyJudgedModel.Positions).ScoreAsync([prompt]));
        for (int place = 0; place < 4; place++)
        {
            (int[] asked, int[] reply) = TinyJudgedModel.Tokens(prompt.Turns[0].Content, prompt.Replies[place]);
            int length = normalization switch { ScoreNormalization.Token => reply.Length, ScoreNormalization.Byte => prompt.Replies[place].Length, _ => 1 };
            Assert.Equal(Direct(model, pool, asked, reply).LogProbability / length, scored.LogProbabilities![place], 1e-5);
        }
    }

    [Fact]
    public async Task Endpoint_WithoutLogProbabilities_TakesTheLetter()
    {
        using var client = new ScriptedChat(text => text.Contains("A. blue", StringComparison.Ordinal) ? "I'm sorry, I can't." : "B");
        var scorer = new EndpointChoiceScorer(new ModelRole("target", client), 2);
        IReadOnlyList<ScoredChoice> scored = await scorer.ScoreAsync(ChoiceRotations.Of(s_record, ChoiceStyle.Letters, 0, 5));
        Assert.Equal(1, scored.Count(choice => choice.Unscored == UnscoredReason.Refused));
        Assert.All(scored.Where(choice => choice.Unscored is null), choice => Assert.Equal(0, choice.LogProbabilities![1]));
        Assert.Equal((0, 1, 3), (scorer.WithProbabilities, scorer.Tally.Counts.Refused, scorer.Tally.Counts.Answered));
    }

    private static ContinuationScore Direct(LanguageModel model, WorkerPool pool, int[] prompt, int[] reply) =>
        ContinuationScorer.Score(model.Transformer, [new ContinuationQuestion(prompt, [reply])], pool)[0][0];

    private sealed class Fixed(Func<ChoicePrompt, double[]?> scores) : IChoiceScorer
    {
        public int Truncated => 0;

        public Task<IReadOnlyList<ScoredChoice>> ScoreAsync(IReadOnlyList<ChoicePrompt> prompts, CancellationToken cancellation = default) =>
            Task.FromResult<IReadOnlyList<ScoredChoice>>([.. prompts.Select(prompt => scores(prompt) is { } values ? new ScoredChoice(values) : new ScoredChoice(null, UnscoredReason.Refused))]);
    }
}
