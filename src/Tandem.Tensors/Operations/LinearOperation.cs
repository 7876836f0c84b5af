namespace Tandem.Tensors.Operations;

/// <summary>y = x·Wᵀ + b; dx = dy·W, dW += dyᵀ·x, db += Σ over rows of dy.</summary>
internal sealed unsafe class LinearOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private Parameter _weight = null!;
    private Parameter? _bias;

    /// <summary>result = x·weightᵀ + bias.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, Parameter? bias, Tensor result)
    {
        (_x, _weight, _bias, _result) = (x, weight, bias, result);
        _xNode = tape.NodeOf(x);
        if (bias is not null)
        {
            var work = new Work
            {
                Bias = bias.Tensor.Data,
                Result = result.Data,
                Rows = result.Rows,
                Columns = result.Columns,
                RowsPerChunk = RowPartition.RowsPerChunk(result.Columns),
            };
            tape.Pool.Run(RowPartition.Chunks(result.Rows, work.RowsPerChunk), &BiasChunk, &work);
        }

        Tensor w = weight.Tensor; // [out, in]
        Gemm.MultiplyNT(
            x.Rows, w.Rows, w.Columns, x.Data, x.Columns, w.Data, w.Columns, result.Data, result.Columns,
            bias is not null, tape.Pool);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        Tensor w = _weight.Tensor;
        float* dy = _result.Gradient;
        if (_xNode >= 0)
        {
            Gemm.MultiplyNN(
                _x.Rows, w.Columns, w.Rows, dy, w.Rows, w.Data, w.Columns, _x.Gradient, w.Columns, tape.Claim(_xNode),
                tape.Pool);
        }

        if (_weight.IsTrainable)
        {
            Gemm.MultiplyTN(
                w.Rows, w.Columns, _x.Rows, dy, w.Rows, _x.Data, w.Columns, w.Gradient, w.Columns, true, tape.Pool);
        }

        if (_bias is { IsTrainable: true })
            ColumnSums.Accumulate(tape, dy, _x.Rows, w.Rows, _bias.Tensor.Gradient);
    }

    /// <summary>Sets rows of the result to the bias, to which the product is then added.</summary>
    private static void BiasChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
            Lanes.Copy(work.Bias, work.Result + ((long)i * work.Columns), work.Columns, accumulate: false);
    }

    private struct Work
    {
        public float* Bias;
        public float* Result;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
