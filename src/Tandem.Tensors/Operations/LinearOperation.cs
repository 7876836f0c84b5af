namespace Tandem.Tensors.Operations;

/// <summary>y = x·Wᵀ + b, or r + x·Wᵀ; dx = dy·W, dW += dyᵀ·x, db += Σ over rows of dy, dr = dy.</summary>
internal sealed unsafe class LinearOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode, _residualNode;
    private Parameter _weight = null!;
    private Parameter? _bias;

    /// <summary>result = x·weightᵀ + bias.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, Parameter? bias, Tensor result)
    {
        (_x, _weight, _bias, _result) = (x, weight, bias, result);
        (_xNode, _residualNode) = (tape.NodeOf(x), -1);
        Tensor w = weight.Tensor; // [out, in]
        Gemm.MultiplyNT(
            x.Rows, w.Rows, w.Columns, x.Data, x.Columns, w.Data, w.Columns, bias is null ? null : bias.Tensor.Data, result.Data,
            result.Columns, tape.Pool);
    }

    /// <summary>result = residual + x·weightᵀ.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, Tensor residual, Tensor result)
    {
        (_x, _weight, _bias, _result) = (x, weight, null, result);
        (_xNode, _residualNode) = (tape.NodeOf(x), tape.NodeOf(residual));
        Tensor w = weight.Tensor; // [out, in]
        Gemm.MultiplyNTPlus(
            x.Rows, w.Rows, w.Columns, x.Data, x.Columns, w.Data, w.Columns, residual.Data, result.Data, result.Columns, tape.Pool);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        Tensor w = _weight.Tensor;
        float* dy = _result.Gradient;
        if (_residualNode >= 0)
            tape.Contribute(_residualNode, dy, _result.Length);
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
}
