namespace Tandem.Tensors.Operations;

/// <summary>result = x / √(mean(x²) + ε) · weight: <see cref="RmsNormRows"/> of all rows.</summary>
internal sealed unsafe class RmsNormOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private Parameter _weight = null!;
    private RmsNormRows _rows;

    /// <summary>Computes the result.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, float epsilon, Tensor result)
    {
        (_x, _weight, _result) = (x, weight, result);
        _xNode = tape.NodeOf(x);
        _rows = new RmsNormRows(tape, x, weight.Tensor, epsilon);
        var work = new Work { Norm = _rows, Result = result.Data, Rows = x.Rows, Columns = x.Columns, RowsPerChunk = RowPartition.RowsPerChunk(x.Columns) };
        tape.Pool.Run(RowPartition.Chunks(x.Rows, work.RowsPerChunk), &ForwardChunk, &work);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape) => _rows.Backward(tape, _result.Gradient, _x, _xNode, _weight);

    private static void ForwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int first = chunk * work.RowsPerChunk;
        work.Norm.Normalize(first, Math.Min(work.Rows - first, work.RowsPerChunk), work.Result, work.Columns);
    }

    private struct Work
    {
        public RmsNormRows Norm;
        public float* Result;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
