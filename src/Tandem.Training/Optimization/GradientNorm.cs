using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Training.Optimization;

/// <summary>The global Euclidean norm of the gradients of a <see cref="ParameterSet"/>, and clipping by it.</summary>
public sealed unsafe class GradientNorm : IDisposable
{
    private readonly ParameterSet _parameters;
    private readonly WorkerPool _pool;
    private double* _partial;

    /// <summary>Prepares the norm for a parameter set.</summary>
    public GradientNorm(ParameterSet parameters, WorkerPool pool)
    {
        (_parameters, _pool) = (parameters, pool);
        _partial = (double*)NativeMemory.Alloc((nuint)Math.Max(1, FlatVector.ChunkCount(parameters.Length)), sizeof(double));
    }

    /// <summary>Frees the memory of a norm that was not disposed.</summary>
    ~GradientNorm() => Free();

    /// <summary>The norm now, the same bits for any number of threads; infinite or NaN when a gradient is.</summary>
    public double Compute() =>
        Math.Sqrt(FlatVector.SumOfSquares(_parameters.Gradients, _parameters.Length, _partial, _pool));

    /// <summary>
    /// What gradients are multiplied by so that their norm is at most <paramref name="maximum"/>, as in
    /// <c>torch.nn.utils.clip_grad_norm_</c>; 1 when <paramref name="maximum"/> is 0 or less, which means no clipping.
    /// </summary>
    public static float ClippingFactor(double norm, double maximum) =>
        maximum <= 0 ? 1f : (float)Math.Min(1.0, maximum / (norm + 1e-6));

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_partial);
        _partial = null;
    }
}
