using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// h = silu(g)·u with silu(g) = g·σ(g), element by element (arXiv 2002.05202), and its derivatives
/// dg = dh·u·σ(g)·(1 + g·(1 - σ(g))) and du = dh·silu(g).
/// </summary>
internal static unsafe class SwiGluRows
{
    /// <summary>h of some elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* gate, float* up, float* hidden, nint count)
    {
        nint i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> g = Vector256.Load(gate + i);
            Vector256.Store(g * VectorMath.Sigmoid(g) * Vector256.Load(up + i), hidden + i);
        }

        if (i < count)
            ForwardTail(gate + i, up + i, hidden + i, (int)(count - i));
    }

    /// <summary>dg, du and h again of some elements; h may take the place of dh.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(
        float* gate, float* up, float* hiddenGradient, float* gateGradient, float* upGradient, float* hidden, nint count)
    {
        nint i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> dh = Vector256.Load(hiddenGradient + i), u = Vector256.Load(up + i);
            Slopes(Vector256.Load(gate + i), out Vector256<float> silu, out Vector256<float> slope);
            Vector256.Store(dh * u * slope, gateGradient + i);
            Vector256.Store(dh * silu, upGradient + i);
            Vector256.Store(silu * u, hidden + i);
        }

        if (i < count)
            BackwardTail(gate + i, up + i, hiddenGradient + i, gateGradient + i, upGradient + i, hidden + i, (int)(count - i));
    }

    // Apart, because calls in a method make the compiler keep vectors of its loops in memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForwardTail(float* gate, float* up, float* hidden, int count)
    {
        Vector256<float> g = Lanes.LoadPart(gate, count);
        Lanes.StorePart(g * VectorMath.Sigmoid(g) * Lanes.LoadPart(up, count), hidden, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BackwardTail(
        float* gate, float* up, float* hiddenGradient, float* gateGradient, float* upGradient, float* hidden, int count)
    {
        Vector256<float> dh = Lanes.LoadPart(hiddenGradient, count), u = Lanes.LoadPart(up, count);
        Slopes(Lanes.LoadPart(gate, count), out Vector256<float> silu, out Vector256<float> slope);
        Lanes.StorePart(dh * u * slope, gateGradient, count);
        Lanes.StorePart(dh * silu, upGradient, count);
        Lanes.StorePart(silu * u, hidden, count);
    }

    /// <summary>silu(g) and its derivative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Slopes(Vector256<float> g, out Vector256<float> silu, out Vector256<float> slope)
    {
        Vector256<float> sigmoid = VectorMath.Sigmoid(g);
        silu = g * sigmoid;
        slope = Vector256.FusedMultiplyAdd(silu, Vector256<float>.One - sigmoid, sigmoid);
    }
}
