namespace Tandem.Tensors.Operations;

/// <summary>Some rows of a tensor. Its backward pass adds rows in their order, so a row taken twice is deterministic.</summary>
internal sealed unsafe class GatherRowsOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private int* _rows;

    /// <summary>result[i] = x[rows[i]].</summary>
    public void Forward(Tape tape, Tensor x, int* rows, Tensor result)
    {
        (_x, _result) = (x, result);
        _rows = rows;
        _xNode = tape.NodeOf(x);
        long columns = x.Columns;
        for (int i = 0; i < result.Rows; i++)
            Lanes.Copy(x.Data + (rows[i] * columns), result.Data + (i * columns), columns, accumulate: false);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        tape.ClaimCleared(_xNode, _x);
        long columns = _x.Columns;
        for (int i = 0; i < _result.Rows; i++)
            Lanes.Copy(_result.Gradient + (i * columns), _x.Gradient + (_rows[i] * columns), columns, accumulate: true);
    }
}
