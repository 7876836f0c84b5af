namespace Tandem.Tensors.Operations;

/// <summary>A copy of one column.</summary>
internal sealed unsafe class ColumnOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private int _column;

    /// <summary>result[i, 0] = x[i, column].</summary>
    public void Forward(Tape tape, Tensor x, int column, Tensor result)
    {
        (_x, _column, _result) = (x, column, result);
        _xNode = tape.NodeOf(x);
        for (int i = 0; i < x.Rows; i++)
            result.Data[i] = x.Data[((long)i * x.Columns) + column];
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        tape.ClaimCleared(_xNode, _x);
        for (int i = 0; i < _x.Rows; i++)
            _x.Gradient[((long)i * _x.Columns) + _column] += _result.Gradient[i];
    }
}
