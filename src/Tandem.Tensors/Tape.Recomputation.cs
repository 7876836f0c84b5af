using System.Runtime.InteropServices;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <content>Parts of a network whose activations are computed twice instead of being kept.</content>
public sealed unsafe partial class Tape
{
    private readonly OperationPool<RecomputedOperation> _recomputed;

    /// <summary>
    /// Runs a part of a network and keeps nothing of it but its result; the backward pass runs it again before it goes
    /// through it (Chen et al., arXiv 1604.06174). Values and gradients have the bits of the part run without this. A step
    /// needs the memory of one part at a time, and for that the time of one forward pass of the part more. Without
    /// recording, the part runs once and its memory is free again.
    /// </summary>
    /// <param name="x">The part's input.</param>
    /// <param name="part">The part. Of what it computes, only the result may be used outside.</param>
    /// <param name="state">Passed to the part; what it points to stays until the last backward pass, as memory of <see cref="Arena"/> does.</param>
    /// <returns>A copy of the part's result.</returns>
    public Tensor Recompute(Tensor x, IRecomputed part, void* state = null)
    {
        ArgumentNullException.ThrowIfNull(part);
        (bool recording, bool wanted) = (_recording, _wanted);
        ArenaMark mark = Arena.Mark();
        Tensor inner;
        bool wantsGradient;
        (_recording, _wanted) = (false, false);
        try
        {
            inner = part.Run(this, x, state);
            wantsGradient = _wanted || inner.Gradient != null;
        }
        finally
        {
            (_recording, _wanted) = (recording, wanted | _wanted);
        }

        // The result may lie where the part's own memory was, even over what it is copied from: it is moved.
        Arena.Release(mark);
        Tensor result = Result(inner.Rows, inner.Columns, wantsGradient, out int node);
        Buffer.MemoryCopy(inner.Data, result.Data, (long)result.Length * sizeof(float), (long)result.Length * sizeof(float));
        RecomputedOperation operation = _recomputed.Rent();
        operation.Keep(x, part, state, result);
        Record(operation, node);
        return result;
    }

    /// <summary>The backward pass of <see cref="Recompute"/>, when the gradient of its result is complete.</summary>
    internal void PlayBack(Tensor x, IRecomputed part, void* state, Tensor result)
    {
        (int firstRecord, int firstNode) = (_records.Count, _nodes.Count);
        ArenaMark mark = Arena.Mark();
        Tensor inner = part.Run(this, x, state);
        if (inner.Rows != result.Rows || inner.Columns != result.Columns)
            throw new InvalidOperationException($"A recomputed part gave {result} first and {inner} then; it must do the same both times.");
        int last = inner.Gradient == null ? -1 : NodeOf(inner);
        ForgetGradients(firstNode);
        if (last >= 0)
            Contribute(last, result.Gradient, result.Length);
        PlayBack(firstRecord);

        // A gradient outside may so far be only remembered, in the part's memory.
        for (int node = 0; node < firstNode; node++)
            Settle(node);
        for (int record = _records.Count - 1; record >= firstRecord; record--)
            _records[record].Pool.TakeBack();
        CollectionsMarshal.SetCount(_records, firstRecord);
        CollectionsMarshal.SetCount(_nodes, firstNode);
        Arena.Release(mark);
    }
}
