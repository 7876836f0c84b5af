namespace Tandem.Tensors.Operations;

/// <summary>a·s.</summary>
internal sealed unsafe class ScaleOperation : Operation
{
    private Tensor _a, _result;
    private int _aNode;
    private float _scale;

    /// <summary>result = a·scale.</summary>
    public void Forward(Tape tape, Tensor a, float scale, Tensor result)
    {
        (_a, _scale, _result) = (a, scale, result);
        _aNode = tape.NodeOf(a);
        ScaledCopy.Run(tape.Pool, a.Data, scale, null, result.Data, result.Length, accumulate: false);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape) =>
        ScaledCopy.Run(tape.Pool, _result.Gradient, _scale, null, _a.Gradient, _result.Length, tape.Claim(_aNode));
}
