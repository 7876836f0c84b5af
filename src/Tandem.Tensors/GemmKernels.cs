using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>
/// A register tile of a matrix product. The sum of each element of the tile is one chain of fused multiply-adds over k
/// in ascending order, started at zero, in every implementation: tile shape and vector width do not change a bit.
/// </summary>
internal unsafe interface IGemmKernel
{
    /// <summary>The most rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>The columns of a tile, and the width of a packed panel of B.</summary>
    static abstract int Columns { get; }

    /// <summary>Stores the sums of a tile of <paramref name="rows"/> rows and all columns in C, or adds them to it.</summary>
    /// <param name="rows">From 1 to <see cref="Rows"/>.</param>
    /// <param name="depth">The length of the sums, at least 1.</param>
    /// <param name="a">Element (i, k) is at a[i·aRow + k·aStep].</param>
    /// <param name="aRow">Floats between rows of A.</param>
    /// <param name="aStep">Floats between steps of k in A.</param>
    /// <param name="b">Element (k, j) is at b[k·bStep + j].</param>
    /// <param name="bStep">Floats between steps of k in B.</param>
    /// <param name="c">Element (i, j) is at c[i·ldc + j].</param>
    /// <param name="ldc">Floats between rows of C.</param>
    /// <param name="accumulate">Whether sums are added to C.</param>
    /// <param name="ahead">Memory that is read soon: step k of the sum prefetches the line at ahead + k·aheadStep.</param>
    /// <param name="aheadStep">Bytes; small enough to spread the lines evenly over the sum.</param>
    static abstract void Multiply(
        int rows, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep);
}

/// <summary>A number of rows that the compiler knows: one method body becomes one kernel per row count.</summary>
internal interface IRowCount
{
    /// <summary>The number.</summary>
    static abstract int Value { get; }
}

internal readonly struct Rows1 : IRowCount { public static int Value => 1; }

internal readonly struct Rows2 : IRowCount { public static int Value => 2; }

internal readonly struct Rows3 : IRowCount { public static int Value => 3; }

internal readonly struct Rows4 : IRowCount { public static int Value => 4; }

internal readonly struct Rows5 : IRowCount { public static int Value => 5; }

internal readonly struct Rows6 : IRowCount { public static int Value => 6; }

internal readonly struct Rows7 : IRowCount { public static int Value => 7; }

internal readonly struct Rows8 : IRowCount { public static int Value => 8; }

/// <summary>256-bit tile of 6 × 16: 12 accumulators, 2 vectors of B and 1 of A fill the 16 registers of AVX2.</summary>
internal readonly unsafe struct Avx2GemmKernel : IGemmKernel
{
    public static int Rows => 6;

    public static int Columns => 16;

    public static void Multiply(
        int rows, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
    {
        switch (rows)
        {
            case 1: Tile<Rows1>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 2: Tile<Rows2>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 3: Tile<Rows3>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 4: Tile<Rows4>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 5: Tile<Rows5>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            default: Tile<Rows6>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(
        int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
        where TRows : struct, IRowCount
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(c);
            if (TRows.Value > 1) Sse.Prefetch0(c + ldc);
            if (TRows.Value > 2) Sse.Prefetch0(c + (2 * ldc));
            if (TRows.Value > 3) Sse.Prefetch0(c + (3 * ldc));
            if (TRows.Value > 4) Sse.Prefetch0(c + (4 * ldc));
            if (TRows.Value > 5) Sse.Prefetch0(c + (5 * ldc));
        }

        nint at = 0;
        for (int k = depth; k > 0; k--)
        {
            Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 8);
            b += bStep;
            if (Sse.IsSupported)
                Sse.Prefetch1(ahead);
            ahead += aheadStep;
            Vector256<float> x = Vector256.Create(a[at]);
            c00 = Vector256.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(x, b1, c01);
            if (TRows.Value > 1)
            {
                x = Vector256.Create(a1[at]);
                c10 = Vector256.FusedMultiplyAdd(x, b0, c10);
                c11 = Vector256.FusedMultiplyAdd(x, b1, c11);
            }

            if (TRows.Value > 2)
            {
                x = Vector256.Create(a2[at]);
                c20 = Vector256.FusedMultiplyAdd(x, b0, c20);
                c21 = Vector256.FusedMultiplyAdd(x, b1, c21);
            }

            if (TRows.Value > 3)
            {
                x = Vector256.Create(a3[at]);
                c30 = Vector256.FusedMultiplyAdd(x, b0, c30);
                c31 = Vector256.FusedMultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                x = Vector256.Create(a4[at]);
                c40 = Vector256.FusedMultiplyAdd(x, b0, c40);
                c41 = Vector256.FusedMultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                x = Vector256.Create(a5[at]);
                c50 = Vector256.FusedMultiplyAdd(x, b0, c50);
                c51 = Vector256.FusedMultiplyAdd(x, b1, c51);
            }

            at += aStep;
        }

        Write(c, c00, c01, accumulate);
        if (TRows.Value > 1) Write(c + ldc, c10, c11, accumulate);
        if (TRows.Value > 2) Write(c + (2 * ldc), c20, c21, accumulate);
        if (TRows.Value > 3) Write(c + (3 * ldc), c30, c31, accumulate);
        if (TRows.Value > 4) Write(c + (4 * ldc), c40, c41, accumulate);
        if (TRows.Value > 5) Write(c + (5 * ldc), c50, c51, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector256<float> left, Vector256<float> right, bool accumulate)
    {
        if (accumulate)
        {
            left = Vector256.Load(c) + left;
            right = Vector256.Load(c + 8) + right;
        }

        left.Store(c);
        right.Store(c + 8);
    }
}

/// <summary>512-bit tile of 8 × 32: 16 accumulators of the 32 registers hide the latency; wider tiles leave edges.</summary>
internal readonly unsafe struct Avx512GemmKernel : IGemmKernel
{
    public static int Rows => 8;

    public static int Columns => 32;

    public static void Multiply(
        int rows, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
    {
        switch (rows)
        {
            case 1: Tile<Rows1>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 2: Tile<Rows2>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 3: Tile<Rows3>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 4: Tile<Rows4>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 5: Tile<Rows5>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 6: Tile<Rows6>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 7: Tile<Rows7>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            default: Tile<Rows8>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(
        int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
        where TRows : struct, IRowCount
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector512<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        Vector512<float> c60 = default, c61 = default, c70 = default, c71 = default;
        if (Sse.IsSupported)
        {
            for (int i = 0; i < TRows.Value; i++)
            {
                Sse.Prefetch0(c + (i * ldc));
                Sse.Prefetch0(c + (i * ldc) + 16);
            }
        }

        nint at = 0;
        for (int k = depth; k > 0; k--)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            b += bStep;
            if (Sse.IsSupported)
                Sse.Prefetch1(ahead);
            ahead += aheadStep;
            Vector512<float> x = Vector512.Create(a[at]);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            if (TRows.Value > 1)
            {
                x = Vector512.Create(a1[at]);
                c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
                c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            }

            if (TRows.Value > 2)
            {
                x = Vector512.Create(a2[at]);
                c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
                c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            }

            if (TRows.Value > 3)
            {
                x = Vector512.Create(a3[at]);
                c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
                c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                x = Vector512.Create(a4[at]);
                c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
                c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                x = Vector512.Create(a5[at]);
                c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
                c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            }

            if (TRows.Value > 6)
            {
                x = Vector512.Create(a6[at]);
                c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
                c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
            }

            if (TRows.Value > 7)
            {
                x = Vector512.Create(a7[at]);
                c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
                c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
            }

            at += aStep;
        }

        Write(c, c00, c01, accumulate);
        if (TRows.Value > 1) Write(c + ldc, c10, c11, accumulate);
        if (TRows.Value > 2) Write(c + (2 * ldc), c20, c21, accumulate);
        if (TRows.Value > 3) Write(c + (3 * ldc), c30, c31, accumulate);
        if (TRows.Value > 4) Write(c + (4 * ldc), c40, c41, accumulate);
        if (TRows.Value > 5) Write(c + (5 * ldc), c50, c51, accumulate);
        if (TRows.Value > 6) Write(c + (6 * ldc), c60, c61, accumulate);
        if (TRows.Value > 7) Write(c + (7 * ldc), c70, c71, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector512<float> left, Vector512<float> right, bool accumulate)
    {
        if (accumulate)
        {
            left = Vector512.Load(c) + left;
            right = Vector512.Load(c + 16) + right;
        }

        left.Store(c);
        right.Store(c + 16);
    }
}

/// <summary>128-bit tile of 4 × 16: 16 accumulators suit the 32 registers and four pipes of Arm cores.</summary>
internal readonly unsafe struct PortableGemmKernel : IGemmKernel
{
    public static int Rows => 4;

    public static int Columns => 16;

    public static void Multiply(
        int rows, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
    {
        switch (rows)
        {
            case 1: Tile<Rows1>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 2: Tile<Rows2>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            case 3: Tile<Rows3>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
            default: Tile<Rows4>(depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(
        int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
        where TRows : struct, IRowCount
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
        Vector128<float> c00 = default, c01 = default, c02 = default, c03 = default;
        Vector128<float> c10 = default, c11 = default, c12 = default, c13 = default;
        Vector128<float> c20 = default, c21 = default, c22 = default, c23 = default;
        Vector128<float> c30 = default, c31 = default, c32 = default, c33 = default;
        nint at = 0;
        for (int k = depth; k > 0; k--)
        {
            Vector128<float> b0 = Vector128.Load(b), b1 = Vector128.Load(b + 4);
            Vector128<float> b2 = Vector128.Load(b + 8), b3 = Vector128.Load(b + 12);
            b += bStep;
            Vector128<float> x = Vector128.Create(a[at]);
            c00 = Vector128.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector128.FusedMultiplyAdd(x, b1, c01);
            c02 = Vector128.FusedMultiplyAdd(x, b2, c02);
            c03 = Vector128.FusedMultiplyAdd(x, b3, c03);
            if (TRows.Value > 1)
            {
                x = Vector128.Create(a1[at]);
                c10 = Vector128.FusedMultiplyAdd(x, b0, c10);
                c11 = Vector128.FusedMultiplyAdd(x, b1, c11);
                c12 = Vector128.FusedMultiplyAdd(x, b2, c12);
                c13 = Vector128.FusedMultiplyAdd(x, b3, c13);
            }

            if (TRows.Value > 2)
            {
                x = Vector128.Create(a2[at]);
                c20 = Vector128.FusedMultiplyAdd(x, b0, c20);
                c21 = Vector128.FusedMultiplyAdd(x, b1, c21);
                c22 = Vector128.FusedMultiplyAdd(x, b2, c22);
                c23 = Vector128.FusedMultiplyAdd(x, b3, c23);
            }

            if (TRows.Value > 3)
            {
                x = Vector128.Create(a3[at]);
                c30 = Vector128.FusedMultiplyAdd(x, b0, c30);
                c31 = Vector128.FusedMultiplyAdd(x, b1, c31);
                c32 = Vector128.FusedMultiplyAdd(x, b2, c32);
                c33 = Vector128.FusedMultiplyAdd(x, b3, c33);
            }

            at += aStep;
        }

        Write(c, c00, c01, c02, c03, accumulate);
        if (TRows.Value > 1) Write(c + ldc, c10, c11, c12, c13, accumulate);
        if (TRows.Value > 2) Write(c + (2 * ldc), c20, c21, c22, c23, accumulate);
        if (TRows.Value > 3) Write(c + (3 * ldc), c30, c31, c32, c33, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(
        float* c, Vector128<float> c0, Vector128<float> c1, Vector128<float> c2, Vector128<float> c3, bool accumulate)
    {
        if (accumulate)
        {
            c0 = Vector128.Load(c) + c0;
            c1 = Vector128.Load(c + 4) + c1;
            c2 = Vector128.Load(c + 8) + c2;
            c3 = Vector128.Load(c + 12) + c3;
        }

        c0.Store(c);
        c1.Store(c + 4);
        c2.Store(c + 8);
        c3.Store(c + 12);
    }
}
