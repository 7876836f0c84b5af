namespace Tandem.Tensors.Operations;

/// <summary>
/// Causal grouped-query attention within packed sequences. A chunk of work is one key-value head of one sequence with
/// all the query heads that share it, so each gradient has one owner and sums in one order. Queries are taken in blocks
/// of <see cref="AttentionWork.BlockRows"/>; keys after a block are never touched. The forward pass keeps each row's largest
/// score and exponential sum, from which the backward pass recomputes the probabilities (FlashAttention, arXiv 2205.14135,
/// section 3.1); of short sequences it keeps the exponentials too, which take less time to read than to compute.
/// </summary>
/// <remarks>
/// A sequence may be a tree (as the token trees of arXiv 2305.09781), its branches one after the other. The blocks of keys and
/// values hold, by position, what the rows at hand see. A branch puts its own in the place of what the branches before it left
/// there: it is computed as the end of a sequence of its own, and gets the bits of that.
/// </remarks>
internal sealed unsafe class AttentionOperation : Operation
{
    private Tensor _q, _k, _v, _result;
    private int _qNode, _kNode, _vNode;
    private int* _offsets, _positions;
    private RotaryTable? _rotation;
    private int _sequences, _heads, _keyValueHeads;
    private float* _statistics; // [N, heads, 2]: largest score, 1 / exponential sum
    private float* _powers; // see AttentionWork
    private long* _powerOffsets;
    private bool* _exact; // see AttentionWork

    /// <summary>result = softmax(q·kᵀ / √D)·v, with q and k turned by the angles of their positions.</summary>
    public void Forward(
        Tape tape, Tensor q, Tensor k, Tensor v, int* offsets, int sequences, int heads, int keyValueHeads,
        RotaryTable? rotation, int* positions, Tensor result)
    {
        _rotation = rotation;
        _positions = positions;
        (_q, _k, _v, _result) = (q, k, v, result);
        (_qNode, _kNode, _vNode) = (tape.NodeOf(q), tape.NodeOf(k), tape.NodeOf(v));
        _offsets = offsets;
        (_sequences, _heads, _keyValueHeads) = (sequences, heads, keyValueHeads);
        _statistics = tape.Arena.Floats((2L * q.Rows * heads) + 1);
        _exact = (bool*)tape.Arena.Integers(Math.Max(sequences * keyValueHeads, 1));
        _powers = null;
        _powerOffsets = null;
        AttentionWork work = NewWork(tape);
        ReservePowers(tape.Arena, ref work, wanted: result.Gradient != null);
        tape.Pool.Run(sequences * keyValueHeads, &AttentionForward.Chunk, &work);
        GC.KeepAlive(rotation);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        AttentionWork work = NewWork(tape);
        work.ResultGradient = _result.Gradient;
        if (_qNode >= 0)
        {
            work.QGradient = _q.Gradient;
            work.AccumulateQ = tape.Claim(_qNode);
        }

        if (_kNode >= 0)
        {
            work.KGradient = _k.Gradient;
            work.AccumulateK = tape.Claim(_kNode);
        }

        if (_vNode >= 0)
        {
            work.VGradient = _v.Gradient;
            work.AccumulateV = tape.Claim(_vNode);
        }

        tape.Pool.Run(_sequences * _keyValueHeads, &AttentionBackward.Chunk, &work);
        GC.KeepAlive(_rotation);
    }

    private AttentionWork NewWork(Tape tape)
    {
        int headSize = _q.Columns / _heads;
        var rotary = new RotaryRows { Positions = _positions };
        if (_rotation is not null)
        {
            rotary.Cosines = _rotation.Cosines;
            rotary.Sines = _rotation.Sines;
        }

        return new AttentionWork
        {
            Rotary = rotary,
            Q = _q.Data,
            K = _k.Data,
            V = _v.Data,
            Result = _result.Data,
            Statistics = _statistics,
            Powers = _powers,
            PowerOffsets = _powerOffsets,
            Exact = _exact,
            Offsets = _offsets,
            Chunks = _sequences * _keyValueHeads,
            Threads = tape.Pool.Threads,
            Heads = _heads,
            KeyValueHeads = _keyValueHeads,
            HeadSize = headSize,
            Padded = AttentionWork.RoundUp(headSize),
            Scale = (float)(1.0 / Math.Sqrt(headSize)),
        };
    }

    private void ReservePowers(Arena arena, ref AttentionWork work, bool wanted)
    {
        if (!wanted)
            return;
        _powerOffsets = (long*)arena.Floats(2L * (_sequences + 1));
        long total = 0;
        for (int i = 0; i < _sequences; i++)
        {
            _powerOffsets[i] = total;
            total += _heads * work.PowersOfHead(_offsets[i], _offsets[i + 1]);
        }

        _powerOffsets[_sequences] = total;
        _powers = arena.Floats(Math.Max(total, 1));
        work.Powers = _powers;
        work.PowerOffsets = _powerOffsets;
    }
}
