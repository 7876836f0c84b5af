using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// A part of a batch that is in memory at a time, with what an objective needs to compute its loss: tapes, a packed batch of
/// tokens to fill, the place of the part in its batch. What goes through the model by way of its methods is counted.
/// </summary>
/// <typeparam name="TExample">The kind of example.</typeparam>
public sealed class MicroBatch<TExample> : IDisposable
    where TExample : ITokenExample
{
    private readonly List<ModelCost> _costs = [];
    private readonly double[] _sums;
    private readonly double[] _weights;
    private TExample[] _examples = [];
    private int _count;

    /// <summary>Creates an empty part.</summary>
    /// <param name="model">The model that is trained.</param>
    /// <param name="pool">The threads; their number does not change the result.</param>
    /// <param name="metrics">The number of metrics that are reported.</param>
    public MicroBatch(Transformer model, WorkerPool pool, int metrics)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        Tape = new Tape(pool);
        Inference = new Tape(pool);
        (_sums, _weights) = (new double[metrics], new double[metrics]);
    }

    /// <summary>The model that is trained.</summary>
    public Transformer Model { get; }

    /// <summary>Records the forward pass; begun for each part.</summary>
    public Tape Tape { get; }

    /// <summary>For passes without gradients, as of a reference model; whoever uses it begins it.</summary>
    public Tape Inference { get; }

    /// <summary>Tokens to be packed by the objective.</summary>
    public TokenBatch Tokens { get; } = new();

    /// <summary>The examples.</summary>
    public ReadOnlySpan<TExample> Examples => _examples.AsSpan(0, _count);

    /// <summary>The place of the first example in its batch.</summary>
    public int First { get; private set; }

    /// <summary>The number of examples in the whole batch.</summary>
    public int BatchCount { get; private set; }

    /// <summary>Whether this part is all of its batch.</summary>
    public bool IsWhole => _count == BatchCount;

    /// <summary>The sum of the weights of all examples of the batch: what sums of losses are divided by.</summary>
    public double Normalizer { get; private set; }

    /// <summary>The share of the steps that is done, from 0 to below 1.</summary>
    public double Progress { get; private set; }

    /// <summary>Tokens that went through the trained model for training since <see cref="ResetCounts"/>.</summary>
    public long TokensRead { get; private set; }

    /// <summary>Floating-point operations since <see cref="ResetCounts"/>, of all passes: see <see cref="ModelCost"/>.</summary>
    public double Flops { get; private set; }

    /// <summary>Begins the description of another batch.</summary>
    /// <param name="count">The number of examples of the whole batch.</param>
    /// <param name="normalizer">The sum of their weights.</param>
    /// <param name="progress">The share of the steps that is done.</param>
    public void BeginBatch(int count, double normalizer, double progress)
    {
        (BatchCount, Normalizer, Progress, First, _count) = (count, normalizer, progress, 0, 0);
        Array.Clear(_sums);
        Array.Clear(_weights);
    }

    /// <summary>Empties the part, which begins at a place in the batch.</summary>
    public void BeginPart(int first) => (First, _count) = (first, 0);

    /// <summary>Adds an example.</summary>
    public void Add(TExample example)
    {
        if (_count == _examples.Length)
            Array.Resize(ref _examples, Math.Max(16, 2 * _count));
        _examples[_count++] = example;
    }

    /// <summary>
    /// The final hidden states of some rows of <see cref="Tokens"/>, [rows.Length, C], in the order and as often as they are named.
    /// </summary>
    /// <param name="tape"><see cref="Tape"/> or <see cref="Inference"/>.</param>
    /// <param name="model">The trained model or another.</param>
    /// <param name="rows">The rows, one or more.</param>
    public Tensor Hidden(Tape tape, Transformer model, ReadOnlySpan<int> rows)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(model);
        ModelCost cost = Cost(model);
        Flops += tape.IsRecording ? cost.Training(Tokens, rows.Length) : cost.Inference(Tokens, rows.Length);
        TokensRead += tape.IsRecording ? Tokens.Count : 0;
        return model.HiddenOf(tape, Tokens, rows);
    }

    /// <summary><see cref="Transformer.TokenLoss"/> of the trained model, recorded.</summary>
    /// <param name="hidden">[N, C].</param>
    /// <param name="targets">The token after each row.</param>
    /// <param name="weights">The weight of each row.</param>
    /// <param name="smoothing">ε of label smoothing.</param>
    /// <returns>[1, 1], divided by <see cref="Normalizer"/>.</returns>
    public Tensor TokenLoss(Tensor hidden, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float smoothing)
    {
        Flops += Cost(Model).LanguageHead(hidden.Rows, Tape.IsRecording);
        return Model.TokenLoss(Tape, hidden, targets, weights, (float)Normalizer, smoothing);
    }

    /// <summary><see cref="Transformer.SequenceLogProbabilities"/>.</summary>
    /// <param name="tape"><see cref="Tape"/> or <see cref="Inference"/>.</param>
    /// <param name="model">The trained model or another.</param>
    /// <param name="hidden">[N, C].</param>
    /// <param name="targets">The token after each row.</param>
    /// <param name="weights">The weight of each row; empty for 1.</param>
    /// <param name="sequences">The sequence of each row.</param>
    /// <param name="count">S.</param>
    /// <returns>[S, 1].</returns>
    public Tensor SequenceLogProbabilities(
        Tape tape, Transformer model, Tensor hidden, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, ReadOnlySpan<int> sequences, int count)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(model);
        Flops += Cost(model).LanguageHead(hidden.Rows, tape.IsRecording);
        return model.SequenceLogProbabilities(tape, hidden, targets, weights, sequences, count);
    }

    /// <summary>The scores of the trained model, [N, ScoreHeads].</summary>
    /// <param name="tape"><see cref="Tape"/> or <see cref="Inference"/>.</param>
    /// <param name="hidden">[N, C].</param>
    public Tensor Scores(Tape tape, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(tape);
        Flops += Cost(Model).ScoreHead(hidden.Rows, tape.IsRecording);
        return Model.Scores(tape, hidden);
    }

    /// <summary>Adds to a metric: its value is Σ sum / Σ weight over the batch.</summary>
    /// <param name="metric">Its place among <see cref="IObjective{TExample}.Metrics"/>.</param>
    /// <param name="sum">A weighted sum.</param>
    /// <param name="weight">The sum of the weights.</param>
    public void Report(int metric, double sum, double weight)
    {
        _sums[metric] += sum;
        _weights[metric] += weight;
    }

    /// <summary>Writes the values of the metrics over the batch so far; NaN for one that was not reported.</summary>
    public void ReadMetrics(Span<double> values)
    {
        for (int i = 0; i < _sums.Length; i++)
            values[i] = _sums[i] / _weights[i];
    }

    /// <summary>Sets <see cref="TokensRead"/> and <see cref="Flops"/> to 0.</summary>
    public void ResetCounts() => (TokensRead, Flops) = (0, 0);

    /// <summary>Frees the tapes.</summary>
    public void Dispose()
    {
        Tape.Dispose();
        Inference.Dispose();
    }

    private ModelCost Cost(Transformer model)
    {
        for (int i = 0; i < _costs.Count; i++)
        {
            if (_costs[i].Fits(model))
                return _costs[i];
        }

        _costs.Add(new ModelCost(model));
        return _costs[^1];
    }
}
