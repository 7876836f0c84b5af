namespace Tandem.Tensors.Operations;

/// <summary>y = x·Wᵀ + b, or r + x·Wᵀ, or y += x·Wᵀ; dx = dy·W, dW += dyᵀ·x, db += Σ over rows of dy, dr = dy.</summary>
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
        float* addend = bias is null ? null : bias.Tensor.Data;
        Gemm.Multiply(GemmProblem.Projection(x.Rows, x.Data, x.Columns, tape.RowsOf(weight, x.Rows), addend, result.Data), tape.Pool);
    }

    /// <summary>result = residual + x·weightᵀ.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, Tensor residual, Tensor result)
    {
        (_x, _weight, _bias, _result) = (x, weight, null, result);
        (_xNode, _residualNode) = (tape.NodeOf(x), tape.NodeOf(residual));
        Gemm.Multiply(GemmProblem.Projection(x.Rows, x.Data, x.Columns, tape.RowsOf(weight, x.Rows), null, result.Data, residual.Data), tape.Pool);
    }

    /// <summary>y += x·weightᵀ in place; result is y, with a gradient of its own if y has none.</summary>
    public void ForwardInPlace(Tape tape, Tensor x, Parameter weight, Tensor result)
    {
        (_x, _weight, _bias, _result) = (x, weight, null, result);
        (_xNode, _residualNode) = (tape.NodeOf(x), -1);
        Gemm.Multiply(GemmProblem.Accumulation(x.Rows, x.Data, tape.RowsOf(weight, x.Rows), result.Data), tape.Pool);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        float* dy = _result.Gradient;
        if (_residualNode >= 0)
            tape.Contribute(_residualNode, dy, _result.Length);
        if (_xNode >= 0)
            Gemm.Multiply(GemmProblem.InputGradient(_x.Rows, dy, _weight, _x.Gradient, tape.Claim(_xNode)), tape.Pool);
        if (_weight.IsTrainable)
            Gemm.Multiply(GemmProblem.WeightGradient(_x.Rows, dy, _x.Data, _x.Columns, _weight.Tensor), tape.Pool);
        if (_bias is { IsTrainable: true })
            ColumnSums.Accumulate(tape, dy, _x.Rows, _result.Columns, _bias.Tensor.Gradient);
    }
}
