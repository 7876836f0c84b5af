using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Optimization;

namespace Tandem.Training.Tests;

public class OptionFineTuningTests
{
    private static readonly OptionFineTuningConfiguration Quick = new()
    {
        Epochs = 2,
        BatchItems = 8,
        Optimizer = new OptimizerConfiguration { LearningRate = 5e-3, HeadLearningRate = 1e-2, MuonLearningRate = 0.02 },
    };

    [Fact]
    public void Run_CopyQuestions_LearnsAllThreeHeads()
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(2);
        var observer = new RecordingObserver();
        var result = OptionFineTuning.Run(model, TinyModel.Questions(1200, 1), Quick, pool, observer, default);
        Assert.Equal(300, result.Steps);
        Assert.Equal([150L, 300L], observer.Inspections);
        Assert.True(result.LastLoss < 0.5 * result.FirstLoss, $"{result.FirstLoss} to {result.LastLoss}");

        List<OptionExample> test = TinyModel.Questions(200, 2);
        float[][][] scores = OptionScorer.Score(model, test, pool);
        Assert.True(Accuracy(test, OptionScorer.Best(scores, ScoreHead.Choice)) > 0.9);
        Assert.True(Accuracy(test, OptionScorer.Best(scores, ScoreHead.Competence)) > 0.9);
        Assert.True(Accuracy(test, OptionScorer.Best(scores, ScoreHead.Violation)) > 0.9);
    }

    [Fact]
    public void Score_AnyBatchSize_SameBitsAndOneScorePerOptionAndHead()
    {
        using Transformer model = TrainedHead();
        using var pool = new WorkerPool(2);
        List<OptionExample> examples = TinyModel.Questions(20, 3);
        float[][][] one = OptionScorer.Score(model, examples, pool, batchItems: 1);
        float[][][] many = OptionScorer.Score(model, examples, pool, batchItems: 7);
        for (int i = 0; i < examples.Count; i++)
        {
            Assert.Equal(examples[i].ScorePositions.Length, one[i].Length);
            for (int k = 0; k < one[i].Length; k++)
            {
                Assert.Equal(ScoreHead.Count, one[i][k].Length);
                Assert.Equal(one[i][k], many[i][k]);
            }
        }
    }

    [Fact]
    public void LanguageModelScore_AllTokens_SumToOne()
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(1);
        float[][][] scores = LanguageModelScorer.Score(model, TinyModel.Questions(5, 1), [.. Enumerable.Range(0, 16)], pool);
        Assert.All(scores.SelectMany(item => item), logs => Assert.Equal(1.0, logs.Sum(l => Math.Exp(l)), 1e-5));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_OtherThreadCount_SameBits(int threads)
    {
        Assert.Equal(Train(Quick with { Epochs = 1 }, 2), Train(Quick with { Epochs = 1 }, threads));
    }

    [Fact]
    public void Run_CancelledAndResumed_EndsWithTheSameBits()
    {
        using var folder = new TemporaryFolder();
        float[] expected = Train(Quick, 2);
        using var cancel = new CancellationTokenSource();
        var observer = new RecordingObserver
        {
            AfterStep = s =>
            {
                if (s.Step == 7)
                    cancel.Cancel();
            },
        };
        Assert.Throws<OperationCanceledException>(() => Train(Quick, 2, folder.Path, observer, cancel.Token));
        var resumed = new RecordingObserver();
        Assert.Equal(expected, Train(Quick, 2, folder.Path, resumed));
        Assert.Equal(8, resumed.Steps[0].Step);
    }

    [Fact]
    public void Run_AccumulatedParts_StartWithTheSameLossAndGradient()
    {
        var whole = new RecordingObserver();
        var parts = new RecordingObserver();
        Train(Quick, 2, observer: whole);
        Train(Quick with { MicroBatchItems = 3 }, 2, observer: parts);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(whole.Steps[i].Loss, parts.Steps[i].Loss, 1e-5f);
            Assert.Equal(whole.Steps[i].GradientNorm, parts.Steps[i].GradientNorm, 1e-4f);
        }
    }

    [Theory]
    [InlineData(1, 0, 0, 0)]
    [InlineData(1, 3, 0.5, 0)]
    [InlineData(2, 0, 0, 0.02)]
    public void Step_SteadyState_AllocatesNothing(int threads, int part, float confidence, double muonRate)
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(threads);
        OptionFineTuningConfiguration configuration = Quick with
        {
            Epochs = 40,
            MicroBatchItems = part,
            AuxiliaryConfidence = confidence,
            Optimizer = Quick.Optimizer with { MuonLearningRate = muonRate },
        };
        List<OptionExample> examples = TinyModel.Questions(50, 1);
        using var session = new OptionFineTuningSession(model, examples, configuration, pool, SilentObserver.Instance, null);

        // Epochs shuffle anew, so that lists may still grow in the first ones. What a step, a new epoch or its smaller last
        // batch allocate shows in every later one.
        Epochs(20);
        long[] allocated = [.. Enumerable.Range(0, 10).Select(_ => Epochs(1))];
        Assert.Equal(0, allocated.Min());

        long Epochs(int count)
        {
            long steps = count * configuration.StepsPerEpoch(examples.Count), before = GC.GetAllocatedBytesForCurrentThread();
            for (long i = 0; i < steps; i++)
                session.Step();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Run_ModelWithTooFewHeads_IsAUsageFault()
    {
        using Transformer full = TinyModel.Create();
        using var model = new Transformer(full.Configuration with { ScoreHeads = 1 });
        using var pool = new WorkerPool(1);
        var fault = Assert.Throws<UserFaultException>(
            () => OptionFineTuning.Run(model, TinyModel.Questions(6, 1), Quick, pool, SilentObserver.Instance, default));
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Fact]
    public void Run_MalformedExample_IsRefused()
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(1);
        List<OptionExample> examples = [new([1, 2, 3], [1, 3]) { Choice = [1, 0] }];
        Assert.Throws<ArgumentException>(() => OptionFineTuning.Run(model, examples, Quick, pool, SilentObserver.Instance, default));
    }

    [Fact]
    public void Harden_HalfShare_MixesTheTargetWithTheHighestLogit()
    {
        float[] targets = [0.2f, 0.8f, 0, 1, 0, 0];
        OptionLoss.Harden([3, 1, 2, 0, 5, 1], targets, 3, 0.5f);
        Assert.Equal([0.6f, 0.4f, 0, 0.5f, 0.5f, 0], targets);
    }

    [Fact]
    public void Run_FullAuxiliaryConfidence_IgnoresTheTargetsAfterWarmup()
    {
        // With the model's own answers as targets its choices stay as they were, however wrong the labels are.
        using Transformer model = TrainedHead();
        using var pool = new WorkerPool(2);
        List<OptionExample> test = TinyModel.Questions(100, 5);
        int[] before = OptionScorer.Best(OptionScorer.Score(model, test, pool));
        List<OptionExample> wrong = [.. test.Select(e => e with { Choice = [.. e.ScorePositions.Select((_, k) => k == 0 ? 1f : 0f)], Competence = null, Violation = null })];
        var configuration = Quick with { AuxiliaryConfidence = 1, ConfidenceWarmupFraction = 0, Optimizer = new OptimizerConfiguration { LearningRate = 1e-4 } };
        OptionFineTuning.Run(model, wrong, configuration, pool, SilentObserver.Instance, default);
        int[] after = OptionScorer.Best(OptionScorer.Score(model, test, pool));
        Assert.True(before.Zip(after).Count(p => p.First == p.Second) > 90);
    }

    [Fact]
    public void LinearProbe_LinearlySeparableFeatures_FindsTheRightOptions()
    {
        using Transformer model = TrainedHead();
        using var pool = new WorkerPool(2);
        List<OptionExample> train = [.. TinyModel.Questions(600, 6).Where(e => e.Choice is not null)];
        List<OptionExample> test = TinyModel.Questions(200, 7);
        var probe = LinearProbe.Train(ProbeFeatures.Read(model, train, pool), train, ScoreHead.Choice, new LinearProbeConfiguration(), pool);
        float[][] scores = probe.Score(ProbeFeatures.Read(model, test, pool, batchItems: 9));
        Assert.True(Accuracy(test, [.. scores.Select(s => Array.IndexOf(s, s.Max()))]) > 0.9);
    }

    [Fact]
    public void ProbeFeatures_Read_AreTheHiddenRowsAtScorePositions()
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(1);
        List<OptionExample> examples = TinyModel.Questions(5, 1);
        ProbeFeatures features = ProbeFeatures.Read(model, examples, pool);
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        batch.Add(examples[3].Tokens);
        tape.Begin(recording: false);
        Tensor hidden = model.Hidden(tape, batch);
        Assert.Equal(
            hidden.Row(examples[3].ScorePositions[1]).ToArray(),
            features.Values.AsSpan((features.FirstRows[3] + 1) * features.Width, features.Width).ToArray());
    }

    [Fact]
    public void ProbeFeatures_OfEachLayer_AreItsHiddenRowsAtScorePositions()
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(1);
        List<OptionExample> examples = TinyModel.Questions(5, 1);
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        batch.Add(examples[3].Tokens);
        tape.Begin(recording: false);
        var states = new List<Tensor>();
        model.Hidden(tape, batch, states);
        for (int layer = 0; layer <= model.Configuration.Layers; layer++)
        {
            ProbeFeatures features = ProbeFeatures.Read(model, examples, pool, batchItems: 2, layer);
            Assert.Equal(
                states[layer].Row(examples[3].ScorePositions[1]).ToArray(),
                features.Values.AsSpan((features.FirstRows[3] + 1) * features.Width, features.Width).ToArray());
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => ProbeFeatures.Read(model, examples, pool, layer: 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => ProbeFeatures.Read(model, examples, pool, layer: -1));
    }

    [Fact]
    public void LinearProbe_OfEmbeddings_KnowsLessThanOfTheLastLayer()
    {
        using Transformer model = TrainedHead();
        using var pool = new WorkerPool(2);
        List<OptionExample> train = [.. TinyModel.Questions(600, 6).Where(e => e.Choice is not null)];
        List<OptionExample> test = TinyModel.Questions(200, 7);
        double[] accuracies = [.. new[] { 0, 2 }.Select(layer =>
        {
            var probe = LinearProbe.Train(ProbeFeatures.Read(model, train, pool, layer: layer), train, ScoreHead.Choice, new LinearProbeConfiguration(), pool);
            float[][] scores = probe.Score(ProbeFeatures.Read(model, test, pool, layer: layer));
            return Accuracy(test, [.. scores.Select(s => Array.IndexOf(s, s.Max()))]);
        })];
        Assert.True(accuracies[0] < 0.6 && accuracies[1] > 0.9, $"{accuracies[0]} and {accuracies[1]}");
    }

    private static Transformer TrainedHead()
    {
        Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(2);
        OptionFineTuning.Run(model, TinyModel.Questions(800, 1), Quick, pool, SilentObserver.Instance, default);
        return model;
    }

    private static float[] Train(
        OptionFineTuningConfiguration configuration,
        int threads,
        string? folder = null,
        ITrainingObserver? observer = null,
        CancellationToken cancellation = default)
    {
        using Transformer model = TinyModel.Create();
        using var pool = new WorkerPool(threads);
        OptionFineTuning.Run(model, TinyModel.Questions(50, 1), configuration, pool, observer ?? SilentObserver.Instance, cancellation, folder);
        return TinyModel.Values(model);
    }

    private static double Accuracy(IReadOnlyList<OptionExample> examples, int[] chosen) =>
        examples.Select((e, i) => (e.Choice ?? e.Competence)![chosen[i]] == 1 ? 1.0 : 0.0).Average();
}
