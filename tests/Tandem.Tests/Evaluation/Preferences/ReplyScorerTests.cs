using Tandem.Evaluation.Preferences;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.Evaluation.Preferences;

public sealed class ReplyScorerTests
{
    private static readonly ReplySet[] s_sets =
    [
        new([new ChatTurn(ChatRole.User, "What is red?")], ["A rose.", "The sky, on most days."]),
        new([new ChatTurn(ChatRole.User, "Count.")], ["1 2 3", "no", "four"]),
        new([new ChatTurn(ChatRole.User, "Say nothing of length that fits.")], [new string('x', TinyJudgedModel.Positions), "short"]),
    ];

    [Fact]
    public void RewardModel_BatchedReplies_HaveTheScoresOfEachAlone()
    {
        using LanguageModel model = TinyJudgedModel.Create(5, score: true);
        using var pool = new WorkerPool(1);
        IReadOnlyList<double?[]> batched = new RewardModelScorer(model, pool, TinyJudgedModel.Positions).Score(s_sets);
        IReadOnlyList<double?[]> apart = new RewardModelScorer(model, pool, TinyJudgedModel.Positions, batchTokens: 1).Score(s_sets);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(batched[i], apart[i]);
            Assert.Distinct(batched[i]);
            for (int k = 0; k < s_sets[i].Replies.Count; k++)
                Assert.Equal(Alone(model, pool, s_sets[i].Prompt[0].Content, s_sets[i].Replies[k]), batched[i][k]!.Value, 1e-6);
        }

        Assert.Equal([null, null], batched[2]);
    }

    [Fact]
    public void RewardModel_LanguageModel_IsAFault()
    {
        using LanguageModel model = TinyJudgedModel.Create(5);
        using var pool = new WorkerPool(1);
        Assert.Throws<UserFaultException>(() => new RewardModelScorer(model, pool, 64).Score(s_sets));
    }

    [Theory]
    [InlineData(ScoreNormalization.Sum)]
    [InlineData(ScoreNormalization.Token)]
    [InlineData(ScoreNormalization.Byte)]
    public void LogRatio_TwoModels_IsTheDifferenceOfTheirScoresByHand(ScoreNormalization normalization)
    {
        using LanguageModel policy = TinyJudgedModel.Create(5), reference = TinyJudgedModel.Create(6);
        using var pool = new WorkerPool(1);
        IReadOnlyList<double?[]> ratios = new LogProbabilityScorer(policy, reference, pool, TinyJudgedModel.Positions, normalization).Score(s_sets);
        for (int i = 0; i < 2; i++)
        {
            for (int k = 0; k < s_sets[i].Replies.Count; k++)
            {
                (int[] prompt, int[] reply) = TinyJudgedModel.Tokens(s_sets[i].Prompt[0].Content, s_sets[i].Replies[k]);
                double difference = Score(policy, pool, prompt, reply) - Score(reference, pool, prompt, reply);
                int length = normalization switch
                {
                    ScoreNormalization.Token => reply.Length,
                    ScoreNormalization.Byte => s_sets[i].Replies[k].Length,
                    _ => 1,
                };
                Assert.Equal(difference / length, ratios[i][k]!.Value, 1e-5);
            }
        }

        Assert.Equal([null, null], ratios[2]);
    }

    [Fact]
    public void LogRatio_AdaptersAgainstTheirBase_AreTheDifferenceOfBoth()
    {
        using LanguageModel policy = TinyJudgedModel.Create(5, adapters: new LowRankConfiguration { Rank = 2, Alpha = 8 });
        foreach (Parameter parameter in policy.Transformer.Parameters.All.Where(p => p.Name.Contains(".lora_", StringComparison.Ordinal)))
        {
            var random = new RandomStream(9).Fork(parameter.Name);
            for (int i = 0; i < parameter.Tensor.Values.Length; i++)
                parameter.Tensor.Values[i] = (float)(0.3 * random.NextGaussian());
        }

        using var pool = new WorkerPool(1);
        double adapted = new LogProbabilityScorer(policy, null, pool, 64).Score(s_sets[..1])[0][0]!.Value;
        double ratio = new LogProbabilityScorer(policy, policy, pool, 64).Score(s_sets[..1])[0][0]!.Value;
        Assert.True(policy.Transformer.UsesAdapters);
        policy.Transformer.UsesAdapters = false;
        double plain = new LogProbabilityScorer(policy, null, pool, 64).Score(s_sets[..1])[0][0]!.Value;
        Assert.NotEqual(0, ratio);
        Assert.Equal(adapted - plain, ratio, 12);
    }

    [Fact]
    public void LogProbability_PromptThatIsTooLong_LosesItsBeginningAndIsCounted()
    {
        using LanguageModel policy = TinyJudgedModel.Create(5);
        using var pool = new WorkerPool(1);
        var scorer = new LogProbabilityScorer(policy, null, pool, 16);
        double cut = scorer.Score([new([new ChatTurn(ChatRole.User, "forgotten, but the end counts")], ["yes"])])[0][0]!.Value;
        Assert.Equal(1, scorer.Truncated);
        (int[] prompt, int[] reply) = TinyJudgedModel.Tokens("forgotten, but the end counts", "yes");
        Assert.Equal(Score(policy, pool, prompt[^(16 - reply.Length)..], reply), cut, 1e-6);
    }

    private static double Score(LanguageModel model, WorkerPool pool, int[] prompt, int[] reply) =>
        ContinuationScorer.Score(model.Transformer, [new ContinuationQuestion(prompt, [reply])], pool)[0][0].LogProbability;

    private static double Alone(LanguageModel model, WorkerPool pool, string prompt, string reply)
    {
        (int[] first, int[] second) = TinyJudgedModel.Tokens(prompt, reply);
        using var tape = new Tape(pool);
        tape.Begin(recording: false);
        var batch = new TokenBatch();
        batch.Add([.. first, .. second]);
        return model.Transformer.Scores(tape, model.Transformer.HiddenOf(tape, batch, [first.Length + second.Length - 1])).Values[0];
    }
}
