using System.Globalization;
using System.Runtime.InteropServices;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>
/// Supervised fine-tuning: the cross-entropy of the tokens that are learned, a mean per token over the whole batch. Examples
/// are packed one after the other, never padded, and none sees another.
/// </summary>
/// <param name="labelSmoothing">ε, from 0 to below 1: the share of each target that is spread over the vocabulary (arXiv 1512.00567).</param>
public sealed class SupervisedObjective(float labelSmoothing = 0f) : IObjective<SequenceExample>
{
    private readonly List<int> _rows = [];
    private readonly List<int> _targets = [];
    private readonly List<float> _weights = [];
    private readonly float _smoothing = labelSmoothing is >= 0 and < 1
        ? labelSmoothing
        : throw new UserFaultException($"The label smoothing is {labelSmoothing}.", "It must be at least 0 and below 1.", FaultKind.Usage);

    /// <inheritdoc/>
    public string Settings => string.Create(CultureInfo.InvariantCulture, $"supervised, smoothing {_smoothing}");

    /// <inheritdoc/>
    public void Check(Transformer model, SequenceExample example, int index)
    {
        ArgumentNullException.ThrowIfNull(example);
        ExampleCheck.LanguageHead(model);
        ExampleCheck.Length(model, example.TokenCount, index);
        ExampleCheck.Tokens(model, example.Tokens, index);
    }

    /// <inheritdoc/>
    public Tensor Record(MicroBatch<SequenceExample> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Tokens.Clear();
        _rows.Clear();
        _targets.Clear();
        _weights.Clear();
        foreach (SequenceExample example in batch.Examples)
        {
            int start = batch.Tokens.Count;
            batch.Tokens.Add(example.Tokens.AsSpan(0, example.TokenCount));
            for (int i = 1; i <= example.TokenCount; i++)
            {
                if (example.LossMask[i] == 0)
                    continue;
                _rows.Add(start + i - 1);
                _targets.Add(example.Tokens[i]);
                _weights.Add(example.LossMask[i]);
            }
        }

        Tensor hidden = batch.Hidden(batch.Tape, batch.Model, CollectionsMarshal.AsSpan(_rows)); // [targets, C]
        return batch.TokenLoss(hidden, CollectionsMarshal.AsSpan(_targets), CollectionsMarshal.AsSpan(_weights), _smoothing);
    }
}
