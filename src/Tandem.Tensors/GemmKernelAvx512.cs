using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>512-bit tile of 8 × 32: 16 accumulators of the 32 registers hide the latency; wider tiles leave edges.</summary>
internal readonly unsafe struct Avx512GemmKernel : IGemmKernel
{
    public static int Rows => 8;

    public static int Columns => 32;

    public static void Multiply(
        int rows, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
    {
        int tiles = rows / 8;
        if (tiles > 0)
            Tiles<Rows8>(tiles, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
        if (rows == 8 * tiles)
            return;
        a += tiles * aTile;
        c += 8 * tiles * ldc;
        addend += 8 * tiles * addendRow;
        switch (rows - (8 * tiles))
        {
            case 1: Tiles<Rows1>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 2: Tiles<Rows2>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 3: Tiles<Rows3>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 4: Tiles<Rows4>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 5: Tiles<Rows5>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 6: Tiles<Rows6>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            default: Tiles<Rows7>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles<TRows>(
        int tiles, int depth, float* aFirst, nint aTile, nint aRow, nint aStep, float* bFirst, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
        where TRows : struct, IRowCount
    {
        nint aSecondRow = 2 * aRow, aBytes = aStep * sizeof(float), bBytes = bStep * sizeof(float);
        bool accumulate = addend != null;
        for (; tiles > 0; tiles--)
        {
            Vector512<float> c00 = default, c01 = default;
            Vector512<float> c10 = default, c11 = default;
            Vector512<float> c20 = default, c21 = default;
            Vector512<float> c30 = default, c31 = default;
            Vector512<float> c40 = default, c41 = default;
            Vector512<float> c50 = default, c51 = default;
            Vector512<float> c60 = default, c61 = default;
            Vector512<float> c70 = default, c71 = default;
            if (Sse.IsSupported)
            {
                float* line = c;
                for (int i = 0; i < TRows.Value; i++, line += ldc)
                {
                    Sse.Prefetch0(line);
                    Sse.Prefetch0(line + 16);
                }
            }

            float* a = aFirst, a3 = a + (3 * aRow), a6 = a3 + (3 * aRow), b = bFirst;
            for (int k = depth; k != 0; k--)
            {
                Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
                if (Sse.IsSupported)
                    Sse.Prefetch1(ahead);
                ahead += aheadStep;
                Vector512<float> x = Vector512.Create(*a);
                c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
                c01 = Vector512.FusedMultiplyAdd(x, b1, c01);

                if (TRows.Value > 1)
                {
                    x = Vector512.Create(a[aRow]);
                    c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
                    c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
                }

                if (TRows.Value > 2)
                {
                    x = Vector512.Create(a[aSecondRow]);
                    c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
                    c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
                }

                if (TRows.Value > 3)
                {
                    x = Vector512.Create(*a3);
                    c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
                    c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
                }

                if (TRows.Value > 4)
                {
                    x = Vector512.Create(a3[aRow]);
                    c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
                    c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
                }

                if (TRows.Value > 5)
                {
                    x = Vector512.Create(a3[aSecondRow]);
                    c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
                    c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
                }

                if (TRows.Value > 6)
                {
                    x = Vector512.Create(*a6);
                    c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
                    c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
                }

                if (TRows.Value > 7)
                {
                    x = Vector512.Create(a6[aRow]);
                    c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
                    c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
                }

                b = (float*)((byte*)b + bBytes);
                a = (float*)((byte*)a + aBytes);
                a3 = (float*)((byte*)a3 + aBytes);
                a6 = (float*)((byte*)a6 + aBytes);
            }

            Write(c, addend, c00, c01, accumulate);
            if (TRows.Value > 1)
                Write(c + ldc, addend + addendRow, c10, c11, accumulate);
            if (TRows.Value > 2)
                Write(c + (2 * ldc), addend + (2 * addendRow), c20, c21, accumulate);
            if (TRows.Value > 3)
                Write(c + (3 * ldc), addend + (3 * addendRow), c30, c31, accumulate);
            if (TRows.Value > 4)
                Write(c + (4 * ldc), addend + (4 * addendRow), c40, c41, accumulate);
            if (TRows.Value > 5)
                Write(c + (5 * ldc), addend + (5 * addendRow), c50, c51, accumulate);
            if (TRows.Value > 6)
                Write(c + (6 * ldc), addend + (6 * addendRow), c60, c61, accumulate);
            if (TRows.Value > 7)
                Write(c + (7 * ldc), addend + (7 * addendRow), c70, c71, accumulate);
            aFirst += aTile;
            c += 8 * ldc;
            addend += 8 * addendRow;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, float* addend, Vector512<float> c0, Vector512<float> c1, bool accumulate)
    {
        if (accumulate)
        {
            c0 = Vector512.Load(addend) + c0;
            c1 = Vector512.Load(addend + 16) + c1;
        }

        c0.Store(c);
        c1.Store(c + 16);
    }
}
