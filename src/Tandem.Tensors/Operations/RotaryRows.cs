using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Rotary position embedding (arXiv 2104.09864) of the rows of one head while they are copied to and from packed blocks:
/// (a, b) → (a·cos - b·sin, b·cos + a·sin) for the two halves of a row, and by the opposite angle for gradients. Without
/// a table the rows are only scaled.
/// </summary>
internal unsafe struct RotaryRows
{
    /// <summary>[positions, D/2]; null for no rotation.</summary>
    public float* Cosines;

    /// <summary>[positions, D/2].</summary>
    public float* Sines;

    /// <summary>The position of each row of the batch; may be null where nothing is turned.</summary>
    public int* Positions;

    /// <summary>destination[i, j] = turned source[i, j]·scale, zero up to [paddedRows, paddedColumns].</summary>
    /// <param name="first">The row of the batch that row 0 is.</param>
    /// <param name="source">Rows of one head.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">D.</param>
    /// <param name="scale">A factor.</param>
    /// <param name="destination">[paddedRows, paddedColumns].</param>
    /// <param name="paddedRows">At least <paramref name="rows"/>.</param>
    /// <param name="paddedColumns">At least D.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Pack(
        int first, float* source, int stride, int rows, int columns, float scale, float* destination, int paddedRows, int paddedColumns)
    {
        if (Cosines == null)
        {
            SmallProduct.Pack(source, stride, rows, columns, scale, destination, paddedRows, paddedColumns);
            return;
        }

        int half = columns / 2;
        for (int i = 0; i < rows; i++)
        {
            long angles = (long)Positions[first + i] * half;
            float* to = destination + ((long)i * paddedColumns);
            Turn(source + ((long)i * stride), to, Cosines + angles, Sines + angles, half, scale);
            for (int j = columns; j < paddedColumns; j++)
                to[j] = 0f;
        }

        NativeMemory.Clear(
            destination + ((long)rows * paddedColumns), (nuint)((long)(paddedRows - rows) * paddedColumns * sizeof(float)));
    }

    /// <summary>destination[i, j] = or += source[i, j]·scale, turned back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Unpack(
        int first, float* source, int sourceStride, int rows, int columns, float scale, float* destination, int stride, bool accumulate)
    {
        if (Cosines == null)
        {
            SmallProduct.Unpack(source, sourceStride, rows, columns, scale, destination, stride, accumulate);
            return;
        }

        int half = columns / 2;
        Vector256<float> wide = Vector256.Create(scale);
        for (int i = 0; i < rows; i++)
        {
            float* cosines = Cosines + ((long)Positions[first + i] * half);
            float* sines = Sines + ((long)Positions[first + i] * half);
            float* low = source + ((long)i * sourceStride), high = low + half;
            float* toLow = destination + ((long)i * stride), toHigh = toLow + half;
            int d = 0;
            for (; d + 8 <= half; d += 8)
            {
                Vector256<float> cosine = Vector256.Load(cosines + d), sine = -Vector256.Load(sines + d);
                Vector256<float> a = Vector256.Load(low + d) * wide, b = Vector256.Load(high + d) * wide;
                Vector256<float> left = Vector256.FusedMultiplyAdd(-b, sine, a * cosine);
                Vector256<float> right = Vector256.FusedMultiplyAdd(a, sine, b * cosine);
                Vector256.Store(accumulate ? left + Vector256.Load(toLow + d) : left, toLow + d);
                Vector256.Store(accumulate ? right + Vector256.Load(toHigh + d) : right, toHigh + d);
            }

            for (; d < half; d++)
            {
                float a = low[d] * scale, b = high[d] * scale;
                float left = MathF.FusedMultiplyAdd(-b, -sines[d], a * cosines[d]);
                float right = MathF.FusedMultiplyAdd(a, -sines[d], b * cosines[d]);
                toLow[d] = accumulate ? left + toLow[d] : left;
                toHigh[d] = accumulate ? right + toHigh[d] : right;
            }
        }
    }

    /// <summary>to = turned from·scale, for one row of one head; in place too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Turn(float* from, float* to, float* cosines, float* sines, int half, float scale)
    {
        Vector256<float> wide = Vector256.Create(scale);
        int d = 0;
        for (; d + 8 <= half; d += 8)
        {
            Vector256<float> cosine = Vector256.Load(cosines + d), sine = Vector256.Load(sines + d);
            Vector256<float> a = Vector256.Load(from + d), b = Vector256.Load(from + half + d);
            Vector256.Store(Vector256.FusedMultiplyAdd(-b, sine, a * cosine) * wide, to + d);
            Vector256.Store(Vector256.FusedMultiplyAdd(a, sine, b * cosine) * wide, to + half + d);
        }

        for (; d < half; d++)
        {
            float a = from[d], b = from[half + d];
            to[d] = MathF.FusedMultiplyAdd(-b, sines[d], a * cosines[d]) * scale;
            to[half + d] = MathF.FusedMultiplyAdd(a, sines[d], b * cosines[d]) * scale;
        }
    }
}
