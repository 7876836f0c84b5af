namespace Tandem.Tensors;

/// <summary>A part of a network for <see cref="Tape.Recompute"/>: one object serves many steps.</summary>
public unsafe interface IRecomputed
{
    /// <summary>
    /// Computes the part's result. It is called again in the backward pass and must then do the same operations on the same
    /// values; parameters must not have changed.
    /// </summary>
    /// <param name="tape">What computes.</param>
    /// <param name="x">The input.</param>
    /// <param name="state">What was passed to <see cref="Tape.Recompute"/>.</param>
    Tensor Run(Tape tape, Tensor x, void* state);
}
