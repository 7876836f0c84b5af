namespace Tandem.Tensors.Operations;

/// <summary>a + b; both inputs receive the gradient of the sum.</summary>
internal sealed unsafe class AddOperation : Operation
{
    private const int PieceElements = 4096;
    private Tensor _a, _b, _result;
    private int _aNode, _bNode;

    /// <summary>result = a + b.</summary>
    public void Forward(Tape tape, Tensor a, Tensor b, Tensor result)
    {
        (_a, _b, _result) = (a, b, result);
        (_aNode, _bNode) = (tape.NodeOf(a), tape.NodeOf(b));
        ScaledCopy.Run(tape.Pool, a.Data, 1f, b.Data, result.Data, result.Length, accumulate: false);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        var work = new Work { Source = _result.Gradient, Count = _result.Length };
        if (_aNode >= 0)
        {
            work.A = _a.Gradient;
            work.AccumulateA = tape.Claim(_aNode);
        }

        if (_bNode >= 0)
        {
            work.B = _b.Gradient;
            work.AccumulateB = tape.Claim(_bNode);
        }

        tape.Pool.Run(RowPartition.Chunks(work.Count, PieceElements), &BackwardChunk, &work);
    }

    // Each piece of the source is still in the first-level cache when it is read for the second input.
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        long start = (long)chunk * PieceElements;
        long count = Math.Min(PieceElements, work.Count - start);
        if (work.A != null)
            Lanes.Copy(work.Source + start, work.A + start, count, work.AccumulateA);
        if (work.B != null)
            Lanes.Copy(work.Source + start, work.B + start, count, work.AccumulateB);
    }

    private struct Work
    {
        public float* Source;
        public float* A;
        public float* B;
        public int Count;
        public bool AccumulateA;
        public bool AccumulateB;
    }
}
