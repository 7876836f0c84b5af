using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Products of matrices that fit a core's cache, as attention heads do: 4 × 16 tiles, each element one sequential chain
/// of fused multiply-adds over the inner dimension.
/// </summary>
internal static unsafe class SmallProduct
{
    /// <summary>
    /// C = or += A·B with A[i, k] = a[i·<paramref name="rowStep"/> + k·<paramref name="depthStep"/>] and row-major B, C.
    /// </summary>
    /// <param name="a">The first element of A.</param>
    /// <param name="rowStep">Floats from one row of A to the next.</param>
    /// <param name="depthStep">Floats from one inner index of A to the next.</param>
    /// <param name="b">[depth, columns].</param>
    /// <param name="ldb">Floats from one row of B to the next.</param>
    /// <param name="c">[rows, columns].</param>
    /// <param name="ldc">Floats from one row of C to the next.</param>
    /// <param name="rows">A multiple of 4.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="depth">The inner dimension.</param>
    /// <param name="accumulate">Whether the chains start at C instead of 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        float* a, long rowStep, long depthStep, float* b, long ldb, float* c, long ldc, int rows, int columns, int depth,
        bool accumulate)
    {
        long rowBytes = ldb * sizeof(float), depthBytes = depthStep * sizeof(float);
        for (int i = 0; i < rows; i += 4)
        {
            for (int j = 0; j < columns; j += 16)
            {
                float* a0 = a + (i * rowStep);
                float* a3 = a0 + (3 * rowStep);
                float* row = b + j;
                float* c0 = c + (i * ldc) + j;
                float* c1 = c0 + ldc;
                float* c2 = c1 + ldc;
                float* c3 = c2 + ldc;
                Vector256<float> s00, s01, s10, s11, s20, s21, s30, s31;
                if (accumulate)
                {
                    (s00, s01) = (Vector256.Load(c0), Vector256.Load(c0 + 8));
                    (s10, s11) = (Vector256.Load(c1), Vector256.Load(c1 + 8));
                    (s20, s21) = (Vector256.Load(c2), Vector256.Load(c2 + 8));
                    (s30, s31) = (Vector256.Load(c3), Vector256.Load(c3 + 8));
                }
                else
                {
                    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = Vector256<float>.Zero;
                }

                // As in the kernels of Gemm: the end of a short loop is foreseen by the processor.
                int k = depth;
                for (; k >= 4; k -= 4)
                {
                    Step(
                        ref a0, ref a3, rowStep, depthBytes, ref row, rowBytes, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21,
                        ref s30, ref s31);
                    Step(
                        ref a0, ref a3, rowStep, depthBytes, ref row, rowBytes, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21,
                        ref s30, ref s31);
                    Step(
                        ref a0, ref a3, rowStep, depthBytes, ref row, rowBytes, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21,
                        ref s30, ref s31);
                    Step(
                        ref a0, ref a3, rowStep, depthBytes, ref row, rowBytes, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21,
                        ref s30, ref s31);
                }

                for (; k != 0; k--)
                {
                    Step(
                        ref a0, ref a3, rowStep, depthBytes, ref row, rowBytes, ref s00, ref s01, ref s10, ref s11, ref s20, ref s21,
                        ref s30, ref s31);
                }

                Vector256.Store(s00, c0);
                Vector256.Store(s01, c0 + 8);
                Vector256.Store(s10, c1);
                Vector256.Store(s11, c1 + 8);
                Vector256.Store(s20, c2);
                Vector256.Store(s21, c2 + 8);
                Vector256.Store(s30, c3);
                Vector256.Store(s31, c3 + 8);
            }
        }
    }

    // One step of the inner dimension: the outer product of a column of A and a row of B.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        ref float* a, ref float* a3, long rowStep, long depthBytes, ref float* b, long rowBytes,
        ref Vector256<float> s00, ref Vector256<float> s01, ref Vector256<float> s10, ref Vector256<float> s11,
        ref Vector256<float> s20, ref Vector256<float> s21, ref Vector256<float> s30, ref Vector256<float> s31)
    {
        Vector256<float> low = Vector256.Load(b), high = Vector256.Load(b + 8);
        Vector256<float> x = Vector256.Create(*a);
        s00 = Vector256.FusedMultiplyAdd(x, low, s00);
        s01 = Vector256.FusedMultiplyAdd(x, high, s01);
        x = Vector256.Create(a[rowStep]);
        s10 = Vector256.FusedMultiplyAdd(x, low, s10);
        s11 = Vector256.FusedMultiplyAdd(x, high, s11);
        x = Vector256.Create(a[2 * rowStep]);
        s20 = Vector256.FusedMultiplyAdd(x, low, s20);
        s21 = Vector256.FusedMultiplyAdd(x, high, s21);
        x = Vector256.Create(*a3);
        s30 = Vector256.FusedMultiplyAdd(x, low, s30);
        s31 = Vector256.FusedMultiplyAdd(x, high, s31);
        b = (float*)((byte*)b + rowBytes);
        a = (float*)((byte*)a + depthBytes);
        a3 = (float*)((byte*)a3 + depthBytes);
    }

    /// <summary>destination[i, j] = source[i, j]·scale, zero up to [paddedRows, paddedColumns].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(
        float* source, int stride, int rows, int columns, float scale, float* destination, int paddedRows, int paddedColumns)
    {
        Vector256<float> wide = Vector256.Create(scale);
        for (int i = 0; i < rows; i++)
        {
            float* from = source + ((long)i * stride);
            float* to = destination + ((long)i * paddedColumns);
            int j = 0;
            for (; j + 8 <= columns; j += 8)
                Vector256.Store(Vector256.Load(from + j) * wide, to + j);
            for (; j < columns; j++)
                to[j] = from[j] * scale;
            for (; j < paddedColumns; j++)
                to[j] = 0f;
        }

        NativeMemory.Clear(
            destination + ((long)rows * paddedColumns), (nuint)((long)(paddedRows - rows) * paddedColumns * sizeof(float)));
    }

    /// <summary>destination[i, j] = or += source[i, j]·scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(
        float* source, int sourceStride, int rows, int columns, float scale, float* destination, int stride, bool accumulate)
    {
        Vector256<float> wide = Vector256.Create(scale);
        for (int i = 0; i < rows; i++)
        {
            float* from = source + ((long)i * sourceStride);
            float* to = destination + ((long)i * stride);
            int j = 0;
            for (; j + 8 <= columns; j += 8)
            {
                Vector256<float> value = Vector256.Load(from + j) * wide;
                Vector256.Store(accumulate ? Vector256.Load(to + j) + value : value, to + j);
            }

            for (; j < columns; j++)
                to[j] = accumulate ? to[j] + (from[j] * scale) : from[j] * scale;
        }
    }
}
