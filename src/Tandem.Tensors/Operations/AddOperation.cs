namespace Tandem.Tensors.Operations;

/// <summary>a + b; both inputs receive the gradient of the sum.</summary>
internal sealed unsafe class AddOperation : Operation
{
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
        if (_aNode >= 0)
            ScaledCopy.Run(tape.Pool, _result.Gradient, 1f, null, _a.Gradient, _result.Length, tape.Claim(_aNode));
        if (_bNode >= 0)
            ScaledCopy.Run(tape.Pool, _result.Gradient, 1f, null, _b.Gradient, _result.Length, tape.Claim(_bNode));
    }
}
