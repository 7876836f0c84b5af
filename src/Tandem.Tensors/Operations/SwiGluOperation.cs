namespace Tandem.Tensors.Operations;

/// <summary>h = silu(g)·u of two tensors, element by element: see <see cref="SwiGluRows"/>.</summary>
internal sealed unsafe class SwiGluOperation : Operation
{
    private const int PieceElements = 4096;
    private Tensor _gate, _up, _result;
    private int _gateNode, _upNode;

    /// <summary>result = silu(gate)·up.</summary>
    public void Forward(Tape tape, Tensor gate, Tensor up, Tensor result)
    {
        (_gate, _up, _result) = (gate, up, result);
        (_gateNode, _upNode) = (tape.NodeOf(gate), tape.NodeOf(up));
        var work = new Work { Gate = gate.Data, Up = up.Data, Hidden = result.Data, Count = result.Length };
        tape.Pool.Run(RowPartition.Chunks(work.Count, PieceElements), &ForwardChunk, &work);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        bool addsGate = _gateNode >= 0 && tape.Claim(_gateNode), addsUp = _upNode >= 0 && tape.Claim(_upNode);
        bool writesGate = _gateNode >= 0 && !addsGate, writesUp = _upNode >= 0 && !addsUp;
        float* scratch = tape.Scratch(2L * Math.Max(_result.Length, 1));
        var work = new Work
        {
            Gate = _gate.Data,
            Up = _up.Data,
            Hidden = _result.Data,
            HiddenGradient = _result.Gradient,
            GateGradient = writesGate ? _gate.Gradient : scratch,
            UpGradient = writesUp ? _up.Gradient : scratch + _result.Length,
            Count = _result.Length,
        };
        tape.Pool.Run(RowPartition.Chunks(work.Count, PieceElements), &BackwardChunk, &work);
        if (addsGate)
            ScaledCopy.Run(tape.Pool, work.GateGradient, 1f, null, _gate.Gradient, work.Count, accumulate: true);
        if (addsUp)
            ScaledCopy.Run(tape.Pool, work.UpGradient, 1f, null, _up.Gradient, work.Count, accumulate: true);
    }

    private static void ForwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int at = chunk * PieceElements;
        SwiGluRows.Forward(work.Gate + at, work.Up + at, work.Hidden + at, Math.Min(PieceElements, work.Count - at));
    }

    // Writes h once more, with the same bits.
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int at = chunk * PieceElements;
        SwiGluRows.Backward(
            work.Gate + at, work.Up + at, work.HiddenGradient + at, work.GateGradient + at, work.UpGradient + at, work.Hidden + at,
            Math.Min(PieceElements, work.Count - at));
    }

    private struct Work
    {
        public float* Gate;
        public float* Up;
        public float* Hidden;
        public float* HiddenGradient;
        public float* GateGradient;
        public float* UpGradient;
        public int Count;
    }
}
