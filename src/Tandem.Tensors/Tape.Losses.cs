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

    /// <summary>
    /// Weighted cross-entropy with one correct column per row, in nats: Σ weights[i]·(-log softmax(logits[i])[targets[i]]) / normalizer.
    /// </summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="targets">N columns; <see cref="IgnoredTarget"/> leaves a row out.</param>
    /// <param name="weights">N weights; 0 leaves a row out. Empty for a weight of 1 everywhere.</param>
    /// <param name="normalizer">What the sum is divided by, such as the sum of the weights.</param>
    /// <returns>[1, 1].</returns>
    public Tensor TokenCrossEntropy(
        Tensor logits, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float normalizer)
    {
        RequireLength(targets.Length, logits.Rows, nameof(targets));
        RequireWeights(weights, logits.Rows);
        RequireTargets(targets, logits.Columns);
        Tensor result = Result(1, 1, logits.Gradient != null, out int node);
        TokenCrossEntropyOperation operation = _tokenCrossEntropy.Rent();
        operation.Forward(this, logits, Copy(targets), CopyWeights(weights, logits.Rows), normalizer, result);
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
    /// <returns>[1, 1].</returns>
    public Tensor LinearCrossEntropy(
        Tensor x, Parameter weight, ReadOnlySpan<int> targets, ReadOnlySpan<float> weights, float normalizer)
    {
        RequireWeight(weight, x);
        RequireLength(targets.Length, x.Rows, nameof(targets));
        RequireWeights(weights, x.Rows);
        RequireTargets(targets, weight.Tensor.Rows);
        Tensor result = Result(1, 1, x.Gradient != null || weight.IsTrainable, out int node);
        LinearCrossEntropyOperation operation = _linearCrossEntropy.Rent();
        operation.Forward(this, x, weight, Copy(targets), CopyWeights(weights, x.Rows), normalizer, result);
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
    /// <param name="targets">As many probabilities.</param>
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

    /// <summary>
    /// log softmax(logits[i])[targets[i]] of each row, in nats; 0 where the target is <see cref="IgnoredTarget"/>.
    /// Not recorded: it has no gradient.
    /// </summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="targets">N columns.</param>
    /// <param name="logProbabilities">Receives N numbers.</param>
    public void LogProbabilities(Tensor logits, ReadOnlySpan<int> targets, Span<float> logProbabilities)
    {
        RequireLength(logProbabilities.Length, logits.Rows, nameof(logProbabilities));
        RequireLength(targets.Length, logits.Rows, nameof(targets));
        RequireTargets(targets, logits.Columns);
        fixed (float* destination = logProbabilities)
        fixed (int* columns = targets)
            RowSoftmax.LogProbabilities(logits, columns, destination, Pool);
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
