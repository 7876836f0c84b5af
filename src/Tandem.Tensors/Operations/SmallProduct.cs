using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Products of matrices that fit a core's cache, as attention heads do: the tiles of <see cref="Avx2GemmKernel"/> on every path,
/// each element one sequential chain of fused multiply-adds over the inner dimension, which may go on from C.
/// </summary>
internal static unsafe class SmallProduct
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 6;

    /// <summary>Columns of a tile, and of a packed panel of B.</summary>
    public const int TileColumns = 16;

    /// <summary>
    /// Six rows of C = or += A·B with A[i, k] = a[i·<paramref name="rowStep"/> + k·<paramref name="depthStep"/>], row-major C,
    /// and B[k, 16·p + j] = b[p·<paramref name="panelStep"/> + k·<paramref name="ldb"/> + j].
    /// </summary>
    /// <param name="a">The first element of A.</param>
    /// <param name="rowStep">Floats from one row of A to the next.</param>
    /// <param name="depthStep">Floats from one inner index of A to the next.</param>
    /// <param name="b">[depth, columns], row-major or in panels.</param>
    /// <param name="ldb">Floats from one row of B to the next.</param>
    /// <param name="panelStep">Floats from 16 columns of B to the next 16: 16 in row-major order.</param>
    /// <param name="c">[6, columns].</param>
    /// <param name="ldc">Floats from one row of C to the next.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="depth">The inner dimension.</param>
    /// <param name="accumulate">Whether the chains start at C instead of 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        float* a, nint rowStep, nint depthStep, float* b, nint ldb, nint panelStep, float* c, nint ldc, int columns, int depth,
        bool accumulate)
    {
        nint rowBytes = ldb * sizeof(float), depthBytes = depthStep * sizeof(float);
        for (; columns > 0; columns -= TileColumns, b += panelStep, c += TileColumns)
        {
            Vector256<float> c00 = default, c01 = default;
            Vector256<float> c10 = default, c11 = default;
            Vector256<float> c20 = default, c21 = default;
            Vector256<float> c30 = default, c31 = default;
            Vector256<float> c40 = default, c41 = default;
            Vector256<float> c50 = default, c51 = default;
            if (accumulate)
            {
                float* from = c;
                (c00, c01) = (Vector256.Load(from), Vector256.Load(from + 8));
                from += ldc;
                (c10, c11) = (Vector256.Load(from), Vector256.Load(from + 8));
                from += ldc;
                (c20, c21) = (Vector256.Load(from), Vector256.Load(from + 8));
                from += ldc;
                (c30, c31) = (Vector256.Load(from), Vector256.Load(from + 8));
                from += ldc;
                (c40, c41) = (Vector256.Load(from), Vector256.Load(from + 8));
                from += ldc;
                (c50, c51) = (Vector256.Load(from), Vector256.Load(from + 8));
            }

            float* column = a, column3 = a + (3 * rowStep), row = b;

            // As in the kernels of Gemm: the end of a short loop is foreseen by the processor.
            int k = depth;
            for (; k >= 4; k -= 4)
            {
                Avx2GemmKernel.Step<Rows6>(
                    ref column, ref column3, rowStep, depthBytes, ref row, rowBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21,
                    ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Avx2GemmKernel.Step<Rows6>(
                    ref column, ref column3, rowStep, depthBytes, ref row, rowBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21,
                    ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Avx2GemmKernel.Step<Rows6>(
                    ref column, ref column3, rowStep, depthBytes, ref row, rowBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21,
                    ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Avx2GemmKernel.Step<Rows6>(
                    ref column, ref column3, rowStep, depthBytes, ref row, rowBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21,
                    ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            }

            for (; k != 0; k--)
            {
                Avx2GemmKernel.Step<Rows6>(
                    ref column, ref column3, rowStep, depthBytes, ref row, rowBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21,
                    ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            }

            float* to = c;
            Write(ref to, ldc, c00, c01);
            Write(ref to, ldc, c10, c11);
            Write(ref to, ldc, c20, c21);
            Write(ref to, ldc, c30, c31);
            Write(ref to, ldc, c40, c41);
            Write(ref to, ldc, c50, c51);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(ref float* to, nint ldc, Vector256<float> low, Vector256<float> high)
    {
        low.Store(to);
        high.Store(to + 8);
        to += ldc;
    }

    /// <summary>
    /// [D, keys] in panels of 16 keys from rows of keys or values that are put in at a position: of their first panel the
    /// columns before stay as they are; what is left of their last becomes zero, unless it is the first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPanels(float* rows, int stride, int position, int length, int d, float* panels)
    {
        panels += (long)(position / TileColumns) * TileColumns * d;
        int column = position % TileColumns, key = 0;
        if (column > 0)
        {
            for (; key < length && column < TileColumns; key++, column++)
            {
                for (int k = 0; k < d; k++)
                    panels[(k * TileColumns) + column] = rows[((long)key * stride) + k];
            }

            panels += TileColumns * d;
        }

        for (; key < length; key += TileColumns, panels += TileColumns * d)
            GemmPacking.PackPanel(rows + ((long)key * stride), 1, stride, d, Math.Min(TileColumns, length - key), TileColumns, panels);
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
