using System.Diagnostics;
using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Benchmarks;

/// <summary>What a training step of one model on one machine was measured to do.</summary>
/// <param name="Threads">The threads used.</param>
/// <param name="BestTokensPerSecond">Tokens of a batch over the time of the fastest step.</param>
/// <param name="MedianTokensPerSecond">Tokens of a batch over the median time of a step.</param>
/// <param name="Losses">The loss of the first steps from the same weights and tokens, in nats.</param>
/// <param name="Settings">The settings that were best, for a peer that has several.</param>
internal sealed record StepResult(
    int Threads, double BestTokensPerSecond, double MedianTokensPerSecond, double[] Losses, string Settings = "");

/// <summary>A training step: forward, loss at every token, backward, AdamW; the same tokens each time.</summary>
internal sealed class TrainingStep : IDisposable
{
    /// <summary>AdamW's settings, here and in the peer.</summary>
    public static readonly OptimizerConfiguration Optimizer = new() { LearningRate = 1e-3, WeightDecay = 0.01 };

    private readonly WorkerPool _pool;
    private readonly Tape _tape;
    private readonly Transformer _model;
    private readonly IOptimizer _optimizer;
    private readonly TokenBatch _batch = new();
    private readonly int[] _targets;

    public TrainingStep(Transformer initial, int[] tokens, int sequences, int threads)
    {
        _pool = new WorkerPool(threads);
        _tape = new Tape(_pool);
        _model = initial.Clone();
        _optimizer = Optimizer.Create(_model.Parameters, _pool);
        int length = (tokens.Length / sequences) - 1;
        _targets = new int[sequences * length];
        for (int i = 0; i < sequences; i++)
        {
            _batch.Add(tokens.AsSpan(i * (length + 1), length));
            tokens.AsSpan((i * (length + 1)) + 1, length).CopyTo(_targets.AsSpan(i * length));
        }
    }

    /// <summary>The 1M-parameter model of the comparison: Qwen2's architecture, grouped-query attention, head untied.</summary>
    public static TransformerConfiguration OneMillion => new()
    {
        VocabularySize = 256,
        HiddenSize = 128,
        IntermediateSize = 352,
        Layers = 5,
        Heads = 4,
        KeyValueHeads = 2,
        MaximumPositions = 256,
    };

    /// <summary>A model of a tenth of the parameters.</summary>
    public static TransformerConfiguration TenthOfAMillion => OneMillion with
    {
        HiddenSize = 48,
        IntermediateSize = 128,
        Layers = 3,
        Heads = 3,
        KeyValueHeads = 1,
    };

    /// <summary>A model of ten times the parameters.</summary>
    public static TransformerConfiguration TenMillion => OneMillion with
    {
        HiddenSize = 320,
        IntermediateSize = 864,
        Layers = 8,
        Heads = 10,
        KeyValueHeads = 5,
    };

    /// <summary>The weights that every token is multiplied with: all matrices but the embedding table.</summary>
    public static long LinearParameters(Transformer model) => model.Parameters.All
        .Where(p => !p.IsVector && !p.Name.Contains("embed_tokens", StringComparison.Ordinal))
        .Sum(p => (long)p.Tensor.Length);

    /// <summary>Random tokens: sequences × (length + 1) of them.</summary>
    public static int[] DrawTokens(int sequences, int length, int vocabulary)
    {
        var random = new RandomStream(5);
        int[] tokens = new int[sequences * (length + 1)];
        foreach (ref int token in tokens.AsSpan())
            token = random.NextInt32(vocabulary);
        return tokens;
    }

    /// <summary>One step; the loss before it.</summary>
    public float Run()
    {
        _tape.Begin(recording: true);
        Tensor hidden = _model.Hidden(_tape, _batch);
        Tensor loss = _model.TokenLoss(_tape, hidden, _targets, default, _targets.Length);
        _model.Parameters.ZeroGradients();
        _tape.Backward(loss);
        _optimizer.Step(1.0);
        return loss.Values[0];
    }

    /// <summary>Runs steps until both limits are reached.</summary>
    public StepResult Measure(int steps, double seconds)
    {
        double[] losses = [Run(), Run(), Run()];
        Timing timing = Timing.Of(() => Run(), steps, seconds);
        return new StepResult(_pool.Threads, _targets.Length / timing.Best, _targets.Length / timing.Median, losses);
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
        _tape.Dispose();
        _pool.Dispose();
    }
}
