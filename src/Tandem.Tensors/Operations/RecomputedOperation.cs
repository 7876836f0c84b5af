namespace Tandem.Tensors.Operations;

/// <summary>A part of a network that runs again in the backward pass; see <see cref="Tape.Recompute"/>.</summary>
internal sealed unsafe class RecomputedOperation : Operation
{
    private Tensor _x, _result;
    private IRecomputed _part = null!;
    private void* _state;

    /// <summary>Keeps what the part is run with again.</summary>
    public void Keep(Tensor x, IRecomputed part, void* state, Tensor result)
    {
        (_x, _part, _result) = (x, part, result);
        _state = state;
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape) => tape.PlayBack(_x, _part, _state, _result);
}
