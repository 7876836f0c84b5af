namespace Tandem.Training.Optimization;

/// <summary>
/// Changes the values of the parameters it was created for by their gradients. The result depends on the values, the
/// gradients and the state only, bit for bit: not on the number of threads.
/// </summary>
public interface IOptimizer : IDisposable
{
    /// <summary>The number of steps taken.</summary>
    long Steps { get; }

    /// <summary>The state beside <see cref="Steps"/>, for checkpoints: buffers that live as long as the optimizer.</summary>
    IReadOnlyList<OptimizerBuffer> State { get; }

    /// <summary>Takes one step. The gradients are left as they are.</summary>
    /// <param name="learningRateScale">What each group's peak learning rate is multiplied by: the schedule's value.</param>
    /// <param name="gradientScale">What each gradient is multiplied by first: the clipping factor of <see cref="GradientNorm"/>.</param>
    void Step(double learningRateScale, float gradientScale = 1f);

    /// <summary>Sets the number of steps taken, after <see cref="State"/> was filled from a checkpoint.</summary>
    void Resume(long steps);
}

/// <summary>A named buffer of an optimizer's state, laid out as the parameters' flat buffers are.</summary>
public readonly unsafe struct OptimizerBuffer(string name, float* data, long length)
{
    /// <summary>The name in a checkpoint.</summary>
    public string Name { get; } = name;

    /// <summary>The first value.</summary>
    public float* Data { get; } = data;

    /// <summary>The number of values.</summary>
    public long Length { get; } = length;
}
