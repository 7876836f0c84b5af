namespace Tandem.Tensors.Operations;

/// <summary>
/// One recorded operation: its forward pass fills it, its backward pass reads it. Objects are reused from step to step
/// through an <see cref="OperationPool{T}"/>, so that a steady step allocates nothing.
/// </summary>
internal abstract class Operation
{
    /// <summary>Where the object comes from and goes back to.</summary>
    public IOperationPool Pool { get; init; } = null!;

    /// <summary>The node of the result, or of the first of several; -1 when the result needs no gradient.</summary>
    public int Output { get; set; } = -1;

    /// <summary>The number of results, whose nodes follow each other.</summary>
    public virtual int Outputs => 1;

    /// <summary>
    /// Adds this operation's contribution to the gradients of its inputs and parameters. Called only when the gradient
    /// of a result has been written; those of other results are then zero.
    /// </summary>
    public abstract void Backward(Tape tape);
}

/// <summary>Operation objects of one kind, reused in order of use after each reset.</summary>
internal sealed class OperationPool<T> : IOperationPool
    where T : Operation, new()
{
    private readonly List<T> _all = [];
    private int _used;

    /// <summary>The next object.</summary>
    public T Rent()
    {
        if (_used == _all.Count)
            _all.Add(new T { Pool = this });
        return _all[_used++];
    }

    /// <inheritdoc/>
    public void TakeBack() => _used--;

    /// <inheritdoc/>
    public void Reset() => _used = 0;
}

/// <summary>A pool that can take its objects back.</summary>
internal interface IOperationPool
{
    /// <summary>Makes the object that was given out last available again.</summary>
    void TakeBack();

    /// <summary>Makes all objects available again.</summary>
    void Reset();
}
