using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Benchmarks;

/// <summary>A prompt and the answer that a model is to give.</summary>
internal sealed record AnswerExample(int[] Prompt, int[] Answer);

/// <summary>
/// Fine-tuning on answers: forward, loss at the answers' tokens only, backward, clipping, AdamW. Batches are taken in turn.
/// </summary>
internal sealed class FineTuningStep : IDisposable
{
    /// <summary>AdamW's settings, here and in the peer.</summary>
    public static readonly OptimizerConfiguration Optimizer = TrainingStep.Optimizer with { LearningRate = 1e-4 };

    /// <summary>What the norm of the gradients is clipped to, as by transformers' Trainer.</summary>
    public const double LargestNorm = 1;

    private readonly WorkerPool _pool;
    private readonly Tape _tape;
    private readonly Transformer _model;
    private readonly IOptimizer _optimizer;
    private readonly GradientNorm _norm;
    private readonly Batch[] _batches;
    private int _next;

    public FineTuningStep(Transformer initial, IEnumerable<AnswerExample[]> batches, int threads)
    {
        _pool = new WorkerPool(threads);
        _tape = new Tape(_pool);
        _model = initial.Clone();
        _optimizer = Optimizer.Create(_model.Parameters, _pool);
        _norm = new GradientNorm(_model.Parameters, _pool);
        _batches = [.. batches.Select(Pack)];
    }

    /// <summary>One step on the next batch; the loss before it.</summary>
    public float Run()
    {
        Batch batch = _batches[_next];
        _next = (_next + 1) % _batches.Length;
        _tape.Begin(recording: true);
        Tensor hidden = _model.HiddenOf(_tape, batch.Tokens, batch.Rows); // [R, C]
        Tensor loss = _tape.TokenCrossEntropy(_model.Logits(_tape, hidden), batch.Targets, default, batch.Targets.Length);
        _model.Parameters.ZeroGradients();
        _tape.Backward(loss);
        _optimizer.Step(1.0, GradientNorm.ClippingFactor(_norm.Compute(), LargestNorm));
        return loss.Values[0];
    }

    /// <summary>Steps from the first batch on: the losses of the first, and the time of a round over all batches.</summary>
    public (double[] Losses, Timing Round) Measure(int losses, double seconds)
    {
        double[] first = [.. Enumerable.Range(0, losses).Select(_ => (double)Run())];
        _next = 0;
        return (first, Timing.Of(Round, 2, seconds));

        void Round()
        {
            for (int i = 0; i < _batches.Length; i++)
                Run();
        }
    }

    public void Dispose()
    {
        _norm.Dispose();
        _optimizer.Dispose();
        _model.Dispose();
        _tape.Dispose();
        _pool.Dispose();
    }

    // An answer's first token is foretold by the prompt's last, and nothing by its own last, which is left out.
    private static Batch Pack(AnswerExample[] examples)
    {
        var batch = new TokenBatch();
        var rows = new List<int>();
        foreach (var (prompt, answer) in examples)
        {
            rows.AddRange(Enumerable.Range(batch.Count + prompt.Length - 1, answer.Length));
            batch.Add([.. prompt, .. answer[..^1]]);
        }

        return new Batch(batch, [.. rows], [.. examples.SelectMany(example => example.Answer)]);
    }

    private sealed record Batch(TokenBatch Tokens, int[] Rows, int[] Targets);
}
