using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;
using Tandem.Training.Optimization;

namespace Tandem.Training.Tests;

public sealed class FineTuningRunTests : IDisposable
{
    private static readonly FineTuningConfiguration Quick = new()
    {
        Epochs = 2,
        BatchExamples = 8,
        MicroBatchTokens = 40,
        WarmupSteps = 2,
        Optimizer = new OptimizerConfiguration { LearningRate = 1e-2 },
    };

    private readonly WorkerPool _pool = new(2);

    [Fact]
    public void Run_Supervision_LearnsToCopy()
    {
        using Transformer model = TinyModel.Create(width: 32);
        FineTuningResult result = Train(model, new SupervisedObjective(), TextTasks.Copies(1500, 1), Quick with { BatchExamples = 16 });
        Assert.True(result.LastLoss < 0.2 * result.FirstLoss, $"{result.FirstLoss} to {result.LastLoss}");
        Assert.Equal(188, result.Steps);
        Assert.True(result.TokensPerSecond > 0);
    }

    [Fact]
    public void Run_Preference_RaisesTheMarginOfHeldOutPairs()
    {
        using Transformer model = TinyModel.Create(), reference = model.Clone();
        var objective = new PreferenceObjective(new PreferenceConfiguration { Beta = 0.5f }, PreferenceReference.Frozen(reference));
        Train(model, objective, TextTasks.Preferences(300, 1), Quick);
        using ObjectiveStep<PreferenceExample> test = ObjectiveStep<PreferenceExample>.Take(model, objective, TextTasks.Preferences(100, 2), _pool);
        Assert.True(test.Metrics[0] > 0.9, $"accuracy {test.Metrics[0]}");
        Assert.True(test.Metrics[1] > 0.5, $"margin {test.Metrics[1]}");
    }

    [Fact]
    public void Run_RewardModel_RanksHeldOutPairs()
    {
        using Transformer model = TinyModel.Create();
        Train(model, new RewardObjective(0.01f), TextTasks.Preferences(300, 1), Quick);
        using ObjectiveStep<PreferenceExample> test =
            ObjectiveStep<PreferenceExample>.Take(model, new RewardObjective(0.01f), TextTasks.Preferences(100, 2), _pool);
        Assert.True(test.Metrics[0] > 0.9, $"accuracy {test.Metrics[0]}");
    }

    [Theory]
    [InlineData(ChoiceScoring.OptionLogProbability, WeakLoss.CrossEntropy)]
    [InlineData(ChoiceScoring.OptionScore, WeakLoss.Confidence)]
    [InlineData(ChoiceScoring.OptionMeanLogProbability, WeakLoss.Product)]
    public void Run_Choice_AgreesWithHeldOutLabels(ChoiceScoring scoring, WeakLoss loss)
    {
        using Transformer model = TinyModel.Create(width: 32);
        var objective = new ChoiceObjective(new ChoiceConfiguration { Scoring = scoring, Loss = loss, ConfidenceCoefficient = 0.25f });
        Train(model, objective, TextTasks.Choices(1200, 1), Quick with { BatchExamples = 16, MicroBatchTokens = 0 });
        using ObjectiveStep<ChoiceTokensExample> test = ObjectiveStep<ChoiceTokensExample>.Take(model, objective, TextTasks.Choices(100, 2), _pool);
        Assert.True(test.Metrics[0] > 0.9, $"agreement {test.Metrics[0]}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_OtherThreadCount_SameBits(int threads)
    {
        Assert.Equal(TrainPreference(2), TrainPreference(threads));
        Assert.Equal(TrainChoice(2), TrainChoice(threads));
    }

    [Fact]
    public void Run_RecomputedActivations_SameBitsForMoreWork()
    {
        (float[] kept, FineTuningResult cheap) = TrainPreferenceResult(Quick, 2, null, SilentObserver.Instance, default);
        (float[] recomputed, FineTuningResult dear) =
            TrainPreferenceResult(Quick with { RecomputesActivations = true }, 2, null, SilentObserver.Instance, default);
        Assert.Equal(kept, recomputed);
        Assert.InRange(dear.Flops / cheap.Flops, 1.2, 1.34);
        Assert.Equal(cheap.Tokens, dear.Tokens);
    }

    [Fact]
    public void Run_StoppedAnywhereAndResumed_EndsWithTheSameBitsAndRecord()
    {
        FineTuningConfiguration configuration = Quick with { CheckpointInterval = 3, EvaluationInterval = 2 };
        using var whole = new TemporaryFolder();
        (float[] expected, FineTuningResult record) = TrainPreferenceResult(configuration, 2, whole.Path, SilentObserver.Instance, default);
        foreach (int stop in new[] { 1, 4, 6, 9 })
        {
            using var folder = new TemporaryFolder();

            // Like a kill: what was done since the last checkpoint is lost, a best checkpoint since then is not.
            var killed = new RecordingObserver { AfterStep = s => { if (s.Step == stop) throw new InvalidOperationException("killed"); } };
            Assert.Throws<InvalidOperationException>(() => TrainPreferenceResult(configuration, 2, folder.Path, killed, default));
            var resumed = new RecordingObserver();
            (float[] found, FineTuningResult again) = TrainPreferenceResult(configuration, 1, folder.Path, resumed, default);
            Assert.Equal(((stop - 1) / 3 * 3) + 1, resumed.Steps[0].Step);
            Assert.Equal(expected, found);
            Assert.Equal(record.Evaluations, again.Evaluations);
            Assert.Equal(record.Curve, again.Curve);
            Assert.Equal(
                record with { Curve = again.Curve, Evaluations = again.Evaluations, TokensPerSecond = 0 }, again with { TokensPerSecond = 0 });
        }
    }

    [Fact]
    public void Run_CancelledAndResumed_EndsWithTheSameBits()
    {
        using var folder = new TemporaryFolder();
        using var cancel = new CancellationTokenSource();
        var observer = new RecordingObserver { AfterStep = s => { if (s.Step == 5) cancel.Cancel(); } };
        Assert.Throws<OperationCanceledException>(() => TrainPreferenceResult(Quick, 2, folder.Path, observer, cancel.Token));
        var resumed = new RecordingObserver();
        Assert.Equal(TrainPreference(2), TrainPreferenceResult(Quick, 2, folder.Path, resumed, default).Values);
        Assert.Equal(6, resumed.Steps[0].Step);
    }

    [Fact]
    public void Run_OtherSettingsThanTheCheckpoint_IsAUsageFault()
    {
        using var folder = new TemporaryFolder();
        TrainPreferenceResult(Quick, 2, folder.Path, SilentObserver.Instance, default);
        var fault = Assert.Throws<UserFaultException>(
            () => TrainPreferenceResult(Quick with { Seed = 2 }, 2, folder.Path, SilentObserver.Instance, default));
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Fact]
    public void Run_TrustedEvaluation_EndsWithTheBestWeightsAndStopsWhenPatienceEnds()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = TinyModel.Create();
        double[] measures = [0.1, 0.5, 0.3, 0.5, 0.2, 0.9];
        int calls = 0;
        float[]? best = null;
        var evaluation = new FineTuningEvaluation("accuracy", LabelTrust.Trusted, m =>
        {
            if (calls == 1)
                best = TinyModel.Values(m);
            return measures[calls++];
        })
        { ChoosesBest = true, Patience = 3 };
        using var run = new FineTuningRun<SequenceExample>(
            model, new SupervisedObjective(), TextTasks.Copies(80, 1), Quick with { EvaluationInterval = 2 }, _pool, SilentObserver.Instance, folder.Path, evaluation);
        FineTuningResult result = run.Run();
        Assert.Equal(10, result.Steps);
        Assert.True(result.StoppedEarly);
        Assert.Equal(new MeasuredMetric(4, 0.5), result.Best);
        Assert.Equal(best, TinyModel.Values(model));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 2)]
    public void Run_WeakEvaluationThatIsToChoose_IsRefusedAndSaysWhy(bool chooses, int patience)
    {
        using var folder = new TemporaryFolder();
        using Transformer model = TinyModel.Create();
        var evaluation = new FineTuningEvaluation("agreement", LabelTrust.Weak, _ => 1) { ChoosesBest = chooses, Patience = patience };
        var fault = Assert.Throws<UserFaultException>(() => new FineTuningRun<SequenceExample>(
            model, new SupervisedObjective(), TextTasks.Copies(8, 1), Quick, _pool, SilentObserver.Instance, folder.Path, evaluation));
        Assert.Contains("weak labels", fault.Message, StringComparison.Ordinal);
        Assert.Contains("trusted", fault.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WeakEvaluationThatWatches_IsAllowed()
    {
        using Transformer model = TinyModel.Create();
        var evaluation = new FineTuningEvaluation("agreement", LabelTrust.Weak, _ => 1);
        using var run = new FineTuningRun<SequenceExample>(
            model, new SupervisedObjective(), TextTasks.Copies(16, 1), Quick, _pool, SilentObserver.Instance, evaluation: evaluation);
        Assert.Equal([2L, 4L], run.Run().Evaluations.Select(e => e.Step));
    }

    [Fact]
    public void TakeStep_LossThatIsNotANumber_StopsWithStepAndRemedyBeforeTheWeightsChange()
    {
        using Transformer model = TinyModel.Create();
        using var run = new FineTuningRun<SequenceExample>(
            model, new SupervisedObjective(), TextTasks.Copies(80, 1), Quick, _pool, SilentObserver.Instance);
        run.TakeStep();
        model.Parameters["model.norm.weight"].Tensor.Values[0] = float.NaN;
        float[] before = TinyModel.Values(model);
        var fault = Assert.Throws<UserFaultException>(run.TakeStep);
        Assert.Contains("step 2", fault.Message, StringComparison.Ordinal);
        Assert.Contains("LearningRate", fault.Remedy, StringComparison.Ordinal);
        Assert.Equal(before, TinyModel.Values(model));
    }

    [Fact]
    public void Run_AdaptersWithTheBaseAsReference_TrainOnlyAdaptersAndGiveTheBitsOfAFrozenCopy()
    {
        using Transformer plain = TinyModel.Create();
        float[][] found = new float[2][];
        for (int i = 0; i < 2; i++)
        {
            using Transformer adapted = Adapt(plain), copy = Adapt(plain);
            copy.UsesAdapters = false;
            var reference = i == 0 ? PreferenceReference.BaseModel : PreferenceReference.Frozen(copy);
            var frozen = adapted.Parameters.All.Where(p => !p.IsTrainable).Select(p => (p, Read(p))).ToList();
            Assert.NotEmpty(frozen);
            var objective = new PreferenceObjective(new PreferenceConfiguration { Beta = 0.5f }, reference);
            FineTuningResult result = Train(adapted, objective, TextTasks.Preferences(60, 1), Quick with { Epochs = 4 });
            Assert.True(result.LastLoss < result.FirstLoss);
            Assert.True(adapted.UsesAdapters);
            Assert.All(frozen, pair => Assert.Equal(pair.Item2, Read(pair.p)));
            found[i] = [.. adapted.Parameters.All.Where(p => p.IsTrainable).SelectMany(Read)];
        }

        Assert.Equal(found[0], found[1]);

        static float[] Read(Parameter parameter)
        {
            float[] values = new float[parameter.Tensor.Rows * parameter.Tensor.Columns];
            parameter.ReadValues(0, values);
            return values;
        }
    }

    [Fact]
    public void Run_BaseAsReferenceWithoutAdapters_IsAUsageFault()
    {
        using Transformer model = TinyModel.Create();
        var objective = new PreferenceObjective(new PreferenceConfiguration(), PreferenceReference.BaseModel);
        var fault = Assert.Throws<UserFaultException>(() => Train(model, objective, TextTasks.Preferences(8, 1), Quick));
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Fact]
    public void Run_ExampleThatDoesNotFit_IsAUsageFaultThatNamesIt()
    {
        using Transformer model = TinyModel.Create();
        List<SequenceExample> examples = [SequenceExample.Completion([1], [2]), SequenceExample.Completion(new int[64], [2, 3])];
        Assert.Contains("Example 1", Assert.Throws<UserFaultException>(() => Train(model, new SupervisedObjective(), examples, Quick)).Message, StringComparison.Ordinal);
        examples = [SequenceExample.Completion([1], [16])];
        Assert.Contains("token 16", Assert.Throws<UserFaultException>(() => Train(model, new SupervisedObjective(), examples, Quick)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TakeStep_SteadyState_AllocatesNothing()
    {
        using Transformer reference = TinyModel.Create(seed: 5);
        AssertAllocatesNothing(new SupervisedObjective(0.1f), TextTasks.Copies(50, 1));
        AssertAllocatesNothing(new PreferenceObjective(new PreferenceConfiguration(), PreferenceReference.Frozen(reference)), TextTasks.Preferences(50, 1));
        AssertAllocatesNothing(new PreferenceObjective(new PreferenceConfiguration { Loss = PreferenceLoss.Identity }, PreferenceReference.None), TextTasks.Preferences(50, 1));
        AssertAllocatesNothing(new RewardObjective(0.1f), TextTasks.Preferences(50, 1));
        foreach (WeakLoss loss in Enum.GetValues<WeakLoss>())
            AssertAllocatesNothing(new ChoiceObjective(new ChoiceConfiguration { Loss = loss }), TextTasks.Choices(50, 1));
    }

    public void Dispose() => _pool.Dispose();

    private void AssertAllocatesNothing<TExample>(IObjective<TExample> objective, List<TExample> examples)
        where TExample : ITokenExample
    {
        using Transformer model = TinyModel.Create();
        using var run = new FineTuningRun<TExample>(model, objective, examples, Quick with { Epochs = 60 }, _pool, SilentObserver.Instance);

        // Epochs shuffle anew, so that lists may still grow in the first ones. What a step, a new epoch or its smaller last
        // batch allocate shows in every later one.
        Epochs(30);
        long[] allocated = [.. Enumerable.Range(0, 10).Select(_ => Epochs(1))];
        Assert.True(allocated.Min() == 0, $"{objective.Settings} allocates {allocated.Min()} bytes");

        long Epochs(int count)
        {
            long steps = count * Quick.StepsPerEpoch(examples.Count), before = GC.GetAllocatedBytesForCurrentThread();
            for (long i = 0; i < steps; i++)
                run.TakeStep();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private static Transformer Adapt(Transformer plain)
    {
        var adapted = new Transformer(plain.Configuration, ParameterStorage.FrozenSingle, new LowRankConfiguration { Rank = 4 });
        foreach (Parameter parameter in plain.Parameters.All)
            adapted.Parameters[parameter.Name].CopyValuesFrom(parameter);
        adapted.InitializeAdapters(new RandomStream(3));
        return adapted;
    }

    private FineTuningResult Train<TExample>(Transformer model, IObjective<TExample> objective, List<TExample> examples, FineTuningConfiguration configuration)
        where TExample : ITokenExample
    {
        using var run = new FineTuningRun<TExample>(model, objective, examples, configuration, _pool, SilentObserver.Instance);
        return run.Run();
    }

    private static float[] TrainPreference(int threads) => TrainPreferenceResult(Quick, threads, null, SilentObserver.Instance, default).Values;

    private static float[] TrainChoice(int threads)
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(threads);
        var objective = new ChoiceObjective(new ChoiceConfiguration { Loss = WeakLoss.Confidence });
        using var run = new FineTuningRun<ChoiceTokensExample>(model, objective, TextTasks.Choices(40, 1), Quick, pool, SilentObserver.Instance);
        run.Run();
        return TinyModel.Values(model);
    }

    private static (float[] Values, FineTuningResult Result) TrainPreferenceResult(
        FineTuningConfiguration configuration, int threads, string? folder, ITrainingObserver observer, CancellationToken cancellation)
    {
        using Transformer model = TinyModel.Create(), reference = TinyModel.Create();
        using var pool = new WorkerPool(threads);
        var objective = new PreferenceObjective(new PreferenceConfiguration { Beta = 0.5f }, PreferenceReference.Frozen(reference));
        FineTuningEvaluation? evaluation = configuration.EvaluationInterval == 0 || folder is null
            ? null
            : new FineTuningEvaluation("first weight", LabelTrust.Trusted, m => Math.Sin(1000 * m.Parameters["model.norm.weight"].Tensor.Values[0])) { ChoosesBest = true };
        using var run = new FineTuningRun<PreferenceExample>(
            model, objective, TextTasks.Preferences(40, 1), configuration, pool, observer, folder, evaluation);
        FineTuningResult result = run.Run(cancellation);
        return (TinyModel.Values(model), result);
    }
}

/// <summary>Tiny tasks over tokens.</summary>
internal static class TextTasks
{
    /// <summary>Three words, a mark (15), and the same words again, which are learned.</summary>
    public static List<SequenceExample> Copies(int count, ulong seed)
    {
        var random = new RandomStream(seed);
        return
        [
            .. Enumerable.Range(0, count).Select(_ =>
            {
                int[] words = [.. Enumerable.Range(0, 2 + random.NextInt32(2)).Select(_ => random.NextInt32(8))];
                return SequenceExample.Completion([.. words, 15], words);
            }),
        ];
    }

    /// <summary>Completions of small numbers are preferred to those of large ones.</summary>
    public static List<PreferenceExample> Preferences(int count, ulong seed)
    {
        var random = new RandomStream(seed);
        return
        [
            .. Enumerable.Range(0, count).Select(_ => new PreferenceExample(
                Words(1 + random.NextInt32(3), 0, 16), Words(1 + random.NextInt32(3), 1, 7), Words(1 + random.NextInt32(3), 8, 7))),
        ];

        int[] Words(int length, int first, int range) => [.. Enumerable.Range(0, length).Select(_ => first + random.NextInt32(range))];
    }

    /// <summary>The option that is the prompt's first word is right, by soft labels.</summary>
    public static List<ChoiceTokensExample> Choices(int count, ulong seed)
    {
        var random = new RandomStream(seed);
        var result = new List<ChoiceTokensExample>();
        for (int i = 0; i < count; i++)
        {
            int[] words = [1, 2, 3, 4, 5, 6, 7, 8];
            random.Shuffle<int>(words);
            int answers = 2 + random.NextInt32(2), right = random.NextInt32(answers);
            float[] target = [.. Enumerable.Range(0, answers).Select(k => k == right ? 0.9f : 0.1f / (answers - 1))];
            result.Add(new([words[right], 15], [.. words[..answers].Select(w => new[] { w })], target));
        }

        return result;
    }
}
