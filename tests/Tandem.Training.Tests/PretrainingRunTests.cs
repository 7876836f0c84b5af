using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;
using Tandem.Training.Pretraining;

namespace Tandem.Training.Tests;

public class PretrainingRunTests
{
    private static readonly PretrainingConfiguration Small = new()
    {
        Tokens = 40 * 8 * 12,
        BatchRows = 8,
        RowLength = 12,
        WarmupSteps = 5,
        EvaluationInterval = 20,
        EvaluationRows = 16,
        CheckpointInterval = 10,
        Seed = 7,
        Curriculum = new CurriculumConfiguration { MinimumSteps = 5, RecallMaximumFraction = 0.25, EasyMaximumFraction = 0.25 },
    };

    [Fact]
    public void Run_CycleCorpus_LearnsAndPassesThroughTheStages()
    {
        using var folder = new TemporaryFolder();
        var observer = new RecordingObserver();
        PretrainingState state = Train(Small with { Tokens = 150 * 8 * 12 }, folder.Path, observer, out _);
        Assert.Equal([CurriculumStage.Easy, CurriculumStage.Mix], state.Advances.Select(a => a.Stage));
        Assert.Equal(["recall", "easy", "mix"], observer.Steps.Select(s => s.Stage).Distinct());
        Assert.True(observer.Evaluations[^1].Accuracy > 0.9, $"accuracy {observer.Evaluations[^1].Accuracy}");
        Assert.Equal(observer.Evaluations[^1].Accuracy, observer.Evaluations[^1].AccuracyByKind["third"]);
        Assert.True(observer.Evaluations[^1].Loss < observer.Evaluations[0].Loss);
    }

    [Fact]
    public void Run_RecallMastered_AdvancesBeforeTheCap()
    {
        using var folder = new TemporaryFolder();
        var configuration = Small with
        {
            Tokens = 100 * 8 * 12,
            Curriculum = new CurriculumConfiguration { MinimumSteps = 5, RecallMaximumFraction = 1, AverageDecay = 0.8 },
        };
        PretrainingState state = Train(configuration, folder.Path, new RecordingObserver(), out _);
        Assert.InRange(state.Advances[0].Step, 5, 99);
        Assert.True(state.Advances[0].Accuracy >= 0.9);
    }

    [Fact]
    public void Run_OneTwoThreeOrSixtyFourThreads_SameBits()
    {
        float[]? first = null;
        foreach (int threads in new[] { 1, 2, 3, 64 })
        {
            using var folder = new TemporaryFolder();
            Train(Small with { Tokens = 6 * 8 * 12 }, folder.Path, new RecordingObserver(), out float[] values, threads);
            first ??= values;
            Assert.Equal(first, values);
        }
    }

    [Theory]
    [InlineData(13)]
    [InlineData(30)]
    public void Run_CancelledAndResumed_EndsWithTheSameBits(int stopAt)
    {
        using var undisturbed = new TemporaryFolder();
        PretrainingState expected = Train(Small, undisturbed.Path, new RecordingObserver(), out float[] expectedValues);

        using var folder = new TemporaryFolder();
        using var cancel = new CancellationTokenSource();
        var stopping = new RecordingObserver
        {
            AfterStep = s =>
            {
                if (s.Step == stopAt)
                    cancel.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(() => Train(Small, folder.Path, stopping, out _, cancellation: cancel.Token));
        var resumed = new RecordingObserver();
        PretrainingState state = Train(Small, folder.Path, resumed, out float[] values, initialSeed: 999);

        Assert.Equal(stopAt + 1, resumed.Steps[0].Step);
        Assert.Equal(expectedValues, values);
        Assert.Equal(expected.Evaluations.Select(e => (e.Step, e.Loss, e.Accuracy)), state.Evaluations.Select(e => (e.Step, e.Loss, e.Accuracy)));
        Assert.Equal(expected.Advances, state.Advances);
    }

    [Fact]
    public void Run_AlreadyComplete_DoesNothing()
    {
        using var folder = new TemporaryFolder();
        Train(Small, folder.Path, new RecordingObserver(), out float[] expected);
        var again = new RecordingObserver();
        Train(Small, folder.Path, again, out float[] values, initialSeed: 999);
        Assert.Empty(again.Steps);
        Assert.Equal(expected, values);
    }

    [Fact]
    public void Run_SnapshotTokens_SavesLoadableModels()
    {
        using var folder = new TemporaryFolder();
        var observer = new RecordingObserver();
        Train(Small with { SnapshotTokens = [1000, 2000] }, folder.Path, observer, out float[] final);
        string[] snapshots = [.. observer.Saved.Where(s => s.Kind == "snapshot").Select(s => s.Path)];
        Assert.Equal(["tokens-000000001000", "tokens-000000002000"], snapshots.Select(Path.GetFileName));
        using Transformer early = Transformer.Load(snapshots[0]);
        using Transformer last = Transformer.Load(Path.Combine(folder.Path, "final"));
        Assert.Equal(final, TinyModel.Values(last));
        Assert.NotEqual(final, TinyModel.Values(early));
    }

    [Fact]
    public void Run_LossNotFinite_NamesTheStepAndKeepsTheLastGoodCheckpoint()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(2);
        var observer = new RecordingObserver
        {
            AfterStep = s =>
            {
                if (s.Step == 13)
                    model.Parameters["model.norm.weight"].Tensor.Values[3] = float.NaN;
            },
        };
        using var run = new PretrainingRun(Small, model, new CycleCorpus(), folder.Path, pool, observer);
        var fault = Assert.Throws<UserFaultException>(() => run.Run(default));
        Assert.Contains("step 14", fault.Message, StringComparison.Ordinal);
        Assert.Contains("NaN", fault.Message, StringComparison.Ordinal);
        Assert.Contains("learning rate", fault.Message, StringComparison.Ordinal);
        string kept = observer.Saved.Last(s => s.Kind == "checkpoint").Path;
        Assert.EndsWith("step-0000000010", kept, StringComparison.Ordinal);
        Assert.Contains(kept, fault.Message, StringComparison.Ordinal);
        using Transformer good = Transformer.Load(kept);
        Assert.All(TinyModel.Values(good), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Run_LossDiverges_StopsWithoutSavingTheDivergedWeights()
    {
        using var folder = new TemporaryFolder();
        var observer = new RecordingObserver();
        var configuration = Small with
        {
            Tokens = 400 * 8 * 12,
            WarmupSteps = 200,
            Clip = 0,
            Optimizer = new OptimizerConfiguration { LearningRate = 40, Epsilon = 1e-12 },
            Divergence = new DivergenceConfiguration { Factor = 1.5, Steps = 10, AverageDecay = 0.5 },
        };
        var fault = Assert.Throws<UserFaultException>(() => Train(configuration, folder.Path, observer, out _));
        Assert.Matches("average loss .* has been above 1.5 × its best", fault.Message);
        long stopped = observer.Steps[^1].Step;
        Assert.True(observer.Saved.All(s => s.Step < stopped - 9));
    }

    [Fact]
    public void Constructor_CheckpointOfOtherSettings_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Train(Small, folder.Path, new RecordingObserver(), out _);
        var fault = Assert.Throws<UserFaultException>(() => Train(Small with { Seed = 8 }, folder.Path, new RecordingObserver(), out _));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains("other settings", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_CheckpointOfAnotherText_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Train(Small, folder.Path, new RecordingObserver(), out _);
        var fault = Assert.Throws<UserFaultException>(() => Train(Small, folder.Path, new RecordingObserver(), out _, text: "another"));
        Assert.Contains("other settings", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Step_AccumulatedParts_EqualTheWholeBatch()
    {
        using var folder = new TemporaryFolder();
        var whole = new RecordingObserver();
        var parts = new RecordingObserver();
        Train(Small, folder["whole"], whole, out float[] wholeValues);
        Train(Small with { MicroBatchRows = 3 }, folder["parts"], parts, out float[] partValues);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(whole.Steps[i].Loss, parts.Steps[i].Loss, 1e-5f);
            Assert.Equal(whole.Steps[i].GradientNorm, parts.Steps[i].GradientNorm, 1e-4f);
        }

        Assert.Equal(wholeValues.Length, partValues.Length);
    }

    [Fact]
    public void Step_SteadyState_AllocatesNothing()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(1);
        var configuration = Small with { Curriculum = new CurriculumConfiguration { FirstStage = CurriculumStage.Mix } };
        using var run = new PretrainingRun(configuration, model, new CycleCorpus(), folder.Path, pool, SilentObserver.Instance);
        for (int i = 0; i < 3; i++)
            run.Step();

        long before = GC.GetAllocatedBytesForCurrentThread();
        run.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static PretrainingState Train(
        PretrainingConfiguration configuration,
        string folder,
        ITrainingObserver observer,
        out float[] values,
        int threads = 2,
        ulong initialSeed = 1,
        string text = "cycle",
        CancellationToken cancellation = default)
    {
        using Transformer model = TinyModel.Create(initialSeed);
        using var pool = new WorkerPool(threads);
        using var run = new PretrainingRun(configuration, model, new CycleCorpus { Settings = text }, folder, pool, observer);
        try
        {
            return run.Run(cancellation);
        }
        finally
        {
            values = TinyModel.Values(model);
        }
    }
}
