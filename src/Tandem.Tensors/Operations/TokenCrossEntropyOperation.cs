namespace Tandem.Tensors.Operations;

/// <summary>The weighted cross-entropy of rows of logits: <see cref="TokenLossRows"/> of all rows.</summary>
internal sealed unsafe class TokenCrossEntropyOperation : Operation
{
    private Tensor _logits, _result;
    private int _logitsNode;
    private TokenLossRows _rows;

    private LogitBlock All => new(_logits.Data, 0, _logits.Rows, 0, _logits.Columns);

    /// <summary>result = the weighted loss, or the weighted log-probability of each sequence.</summary>
    public void Forward(Tape tape, Tensor logits, in TokenLossArguments arguments, Tensor result)
    {
        (_logits, _result) = (logits, result);
        _logitsNode = tape.NodeOf(logits);
        _rows = new TokenLossRows(tape, logits.Rows, logits.Columns, arguments, result);
        _rows.Losses(tape.Pool, All);
        _rows.Write(result);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape) =>
        _rows.Differentiate(tape.Pool, All, _result, _logits.Gradient, tape.Claim(_logitsNode));
}
