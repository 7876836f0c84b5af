using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <content>Losses and log-probabilities.</content>
public sealed unsafe partial class Tape
{
    /// <summary>The target of a row that has no loss, as in PyTorch and Hugging Face.</summary>
    public const int IgnoredTarget = -100;

    private readonly OperationPool<TokenCrossEntropyOperation> _tokenCrossEntropy;
    private readonly OperationPool<LinearCrossEntropyOperation> _linearCrossEntropy;
    private readonly OperationPool<SoftCrossEntropyOperation> _softCrossEntropy;
    private readonly OperationPool<BinaryCrossEntropyOperation> _binaryCrossEntropy;
    private readonly OperationPool<ElementLossOperation> _elementLoss;

    /// <summary>
    /// Weighted cross-entropy with one correct column per row, in nats: Σ weights[i]·(-log softmax(logits[i])[targets[i]]) / normalizer.
    /// </summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="targets">N columns; <see cref="IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by, such as the sum of the weights.</param>
    /// <param name="smoothing">
    /// ε: the share of the target's probability that is spread over all columns, itself included (label smoothing, arXiv 1512.00567).
    /// </param>
    /// <returns>[1, 1].</returns>
    public Tensor TokenCrossEntropy(
        Tensor logits, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float normalizer, float smoothing = 0f)
    {
        TokenLossArguments arguments = Arguments(targets, weights, logits.Rows, logits.Columns);
        (arguments.Normalizer, arguments.Smoothing) = (normalizer, smoothing);
        Tensor result = Result(1, 1, logits.Gradient != null, out int node);
        TokenCrossEntropyOperation operation = _tokenCrossEntropy.Rent();
        operation.Forward(this, logits, arguments, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// <see cref="TokenCrossEntropy"/> of <see cref="Linear"/> without its logits [N, V], of which only a block exists at a
    /// time (as in Cut Cross-Entropy, arXiv 2411.09009). The backward pass computes them again, which is one product more. Of
    /// finite values, loss and gradients have the bits of the two operations.
    /// </summary>
    /// <param name="x">[N, C], such as the hidden states before a language head.</param>
    /// <param name="weight">[V, C].</param>
    /// <param name="targets">N columns of the logits; <see cref="IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by, such as the sum of the weights.</param>
    /// <param name="smoothing">As of <see cref="TokenCrossEntropy"/>.</param>
    /// <returns>[1, 1].</returns>
    public Tensor LinearCrossEntropy(
        Tensor x, Parameter weight, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float normalizer, float smoothing = 0f)
    {
        RequireWeight(weight, x);
        TokenLossArguments arguments = Arguments(targets, weights, x.Rows, weight.Tensor.Rows);
        (arguments.Normalizer, arguments.Smoothing) = (normalizer, smoothing);
        Tensor result = Result(1, 1, x.Gradient != null || weight.IsTrainable, out int node);
        LinearCrossEntropyOperation operation = _linearCrossEntropy.Rent();
        operation.Forward(this, x, weight, arguments, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// The weighted log-probability of each of several sequences, in nats: result[s] = Σ weights[i]·log softmax(logits[i])[targets[i]]
    /// over the rows i with sequences[i] = s, 0 for a sequence without rows.
    /// </summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="targets">N columns; <see cref="IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="sequences">For each row the sequence that it belongs to.</param>
    /// <param name="count">S, the number of sequences.</param>
    /// <returns>[S, 1].</returns>
    public Tensor SequenceLogProbabilities(
        Tensor logits, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, ReadOnlySpan<int> sequences, int count)
    {
        TokenLossArguments arguments = Arguments(targets, weights, logits.Rows, logits.Columns);
        arguments.Sequences = Sequences(sequences, logits.Rows, count);
        Tensor result = Result(count, 1, logits.Gradient != null, out int node);
        TokenCrossEntropyOperation operation = _tokenCrossEntropy.Rent();
        operation.Forward(this, logits, arguments, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// <see cref="SequenceLogProbabilities"/> of <see cref="Linear"/> without its logits [N, V], of which only a block exists at
    /// a time, as in <see cref="LinearCrossEntropy"/>.
    /// </summary>
    /// <param name="x">[N, C], such as the hidden states before a language head.</param>
    /// <param name="weight">[V, C].</param>
    /// <param name="targets">N columns of the logits; <see cref="IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="sequences">For each row the sequence that it belongs to.</param>
    /// <param name="count">S, the number of sequences.</param>
    /// <returns>[S, 1].</returns>
    public Tensor LinearSequenceLogProbabilities(
        Tensor x, Parameter weight, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, ReadOnlySpan<int> sequences, int count)
    {
        RequireWeight(weight, x);
        TokenLossArguments arguments = Arguments(targets, weights, x.Rows, weight.Tensor.Rows);
        arguments.Sequences = Sequences(sequences, x.Rows, count);
        Tensor result = Result(count, 1, x.Gradient != null || weight.IsTrainable, out int node);
        LinearCrossEntropyOperation operation = _linearCrossEntropy.Rent();
        operation.Forward(this, x, weight, arguments, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// Weighted cross-entropy against soft targets, in nats: Σ weights[i]·(-Σ targets[i, j]·log softmax(logits[i])[j]) / normalizer.
    /// </summary>
    /// <param name="logits">[N, K].</param>
    /// <param name="targets">N·K numbers, row by row; rows need not sum to 1.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <returns>[1, 1].</returns>
    public Tensor SoftCrossEntropy(
        Tensor logits, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float normalizer)
    {
        RequireLength(targets.Length, logits.Length, nameof(targets));
        RequireWeights(weights, logits.Rows);
        Tensor result = Result(1, 1, logits.Gradient != null, out int node);
        SoftCrossEntropyOperation operation = _softCrossEntropy.Rent();
        operation.Forward(this, logits, Copy(targets), CopyWeights(weights, logits.Rows), normalizer, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// Weighted binary cross-entropy with logits, element by element, in nats:
    /// Σ weights·(-t·log σ(z) - (1 - t)·log σ(-z)) / normalizer.
    /// </summary>
    /// <param name="logits">Any shape.</param>
    /// <param name="targets">As many probabilities; numbers beyond 0 and 1 are allowed, and the formula holds for them.</param>
    /// <param name="weights">As many weights; 0 leaves an element out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <returns>[1, 1].</returns>
    public Tensor BinaryCrossEntropy(
        Tensor logits, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float normalizer)
    {
        RequireLength(targets.Length, logits.Length, nameof(targets));
        RequireWeights(weights, logits.Length);
        Tensor result = Result(1, 1, logits.Gradient != null, out int node);
        BinaryCrossEntropyOperation operation = _binaryCrossEntropy.Rent();
        operation.Forward(this, logits, Copy(targets), CopyWeights(weights, logits.Length), normalizer, result);
        Record(operation, node);
        return result;
    }

    /// <summary>Weighted squared error, element by element: Σ weights·(x - t)² / normalizer.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="targets">As many numbers.</param>
    /// <param name="weights">As many weights; 0 leaves an element out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <returns>[1, 1].</returns>
    public Tensor SquaredError(Tensor x, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float normalizer) =>
        Elementwise(ElementLoss.Squared, x, targets, weights, normalizer);

    /// <summary>Weighted hinge loss, element by element: Σ weights·max(0, t - x) / normalizer. At x = t its slope is 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="targets">As many numbers: the margins wanted.</param>
    /// <param name="weights">As many weights; 0 leaves an element out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by.</param>
    /// <returns>[1, 1].</returns>
    public Tensor Hinge(Tensor x, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float normalizer) =>
        Elementwise(ElementLoss.Hinge, x, targets, weights, normalizer);

    /// <summary>
    /// log softmax(logits[rows[i]])[targets[i]], in nats; 0 where the target is <see cref="IgnoredTarget"/>. Not recorded: it
    /// has no gradient.
    /// </summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="rows">A row for each target.</param>
    /// <param name="targets">Columns.</param>
    /// <param name="logProbabilities">Receives a number for each target.</param>
    public void LogProbabilities(Tensor logits, ReadOnlySpan<int> rows, ReadOnlySpan<int> targets, Span<float> logProbabilities)
    {
        RequireLength(rows.Length, targets.Length, nameof(rows));
        RequireLength(logProbabilities.Length, targets.Length, nameof(logProbabilities));
        RequireRange(rows, logits.Rows, nameof(rows));
        RequireTargets(targets, logits.Columns);
        fixed (float* destination = logProbabilities)
        fixed (int* sources = rows, columns = targets)
            RowSoftmax.LogProbabilities(logits, sources, columns, targets.Length, destination, Pool);
    }

    private Tensor Elementwise(ElementLoss kind, Tensor x, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float normalizer)
    {
        RequireLength(targets.Length, x.Length, nameof(targets));
        RequireWeights(weights, x.Length);
        Tensor result = Result(1, 1, x.Gradient != null, out int node);
        ElementLossOperation operation = _elementLoss.Rent();
        operation.Forward(this, kind, x, Copy(targets), CopyWeights(weights, x.Length), normalizer, result);
        Record(operation, node);
        return result;
    }

    private TokenLossArguments Arguments(ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, int rows, int columns)
    {
        RequireLength(targets.Length, rows, nameof(targets));
        RequireWeights(weights, rows);
        RequireTargets(targets, columns);
        return new TokenLossArguments { Targets = Copy(targets), Weights = CopyWeights(weights, rows), Normalizer = 1f };
    }

    private int* Sequences(ReadOnlySpan<int> sequences, int rows, int count)
    {
        RequireLength(sequences.Length, rows, nameof(sequences));
        RequireRange(sequences, count, nameof(sequences));
        return Copy(sequences);
    }

    private static void RequireTargets(ReadOnlySpan<int> targets, int columns)
    {
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] != IgnoredTarget && (uint)targets[i] >= (uint)columns)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(targets), $"targets[{i}] = {targets[i]} is neither {IgnoredTarget} nor in [0, {columns}).");
            }
        }
    }

    private static void RequireWeights(ReadOnlySpan<float> weights, int count)
    {
        if (weights.Length != 0)
            RequireLength(weights.Length, count, nameof(weights));
    }

    private float* CopyWeights(ReadOnlySpan<float> weights, int count)
    {
        if (weights.Length == count)
            return Copy(weights);
        float* ones = Arena.Floats(Math.Max(count, 1));
        new Span<float>(ones, count).Fill(1f);
        return ones;
    }
}
