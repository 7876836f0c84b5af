using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors;

/// <summary>128-bit tile of 4 × 16: 16 accumulators suit the 32 registers and four pipes of Arm cores.</summary>
internal readonly unsafe struct PortableGemmKernel : IGemmKernel
{
    public static int Rows => 4;

    public static int Columns => 16;

    public static void Multiply(
        int rows, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
    {
        int tiles = rows / 4;
        if (tiles > 0)
            Tiles<Rows4>(tiles, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
        if (rows == 4 * tiles)
            return;
        a += tiles * aTile;
        c += 4 * tiles * ldc;
        addend += 4 * tiles * addendRow;
        switch (rows - (4 * tiles))
        {
            case 1: Tiles<Rows1>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 2: Tiles<Rows2>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            default: Tiles<Rows3>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
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
            Vector128<float> c00 = default, c01 = default, c02 = default, c03 = default;
            Vector128<float> c10 = default, c11 = default, c12 = default, c13 = default;
            Vector128<float> c20 = default, c21 = default, c22 = default, c23 = default;
            Vector128<float> c30 = default, c31 = default, c32 = default, c33 = default;
            float* a = aFirst, a3 = a + (3 * aRow), b = bFirst;
            for (int k = depth; k != 0; k--)
            {
                Vector128<float> b0 = Vector128.Load(b), b1 = Vector128.Load(b + 4), b2 = Vector128.Load(b + 8), b3 = Vector128.Load(b + 12);
                Vector128<float> x = Vector128.Create(*a);
                c00 = Vector128.FusedMultiplyAdd(x, b0, c00);
                c01 = Vector128.FusedMultiplyAdd(x, b1, c01);
                c02 = Vector128.FusedMultiplyAdd(x, b2, c02);
                c03 = Vector128.FusedMultiplyAdd(x, b3, c03);

                if (TRows.Value > 1)
                {
                    x = Vector128.Create(a[aRow]);
                    c10 = Vector128.FusedMultiplyAdd(x, b0, c10);
                    c11 = Vector128.FusedMultiplyAdd(x, b1, c11);
                    c12 = Vector128.FusedMultiplyAdd(x, b2, c12);
                    c13 = Vector128.FusedMultiplyAdd(x, b3, c13);
                }

                if (TRows.Value > 2)
                {
                    x = Vector128.Create(a[aSecondRow]);
                    c20 = Vector128.FusedMultiplyAdd(x, b0, c20);
                    c21 = Vector128.FusedMultiplyAdd(x, b1, c21);
                    c22 = Vector128.FusedMultiplyAdd(x, b2, c22);
                    c23 = Vector128.FusedMultiplyAdd(x, b3, c23);
                }

                if (TRows.Value > 3)
                {
                    x = Vector128.Create(*a3);
                    c30 = Vector128.FusedMultiplyAdd(x, b0, c30);
                    c31 = Vector128.FusedMultiplyAdd(x, b1, c31);
                    c32 = Vector128.FusedMultiplyAdd(x, b2, c32);
                    c33 = Vector128.FusedMultiplyAdd(x, b3, c33);
                }

                b = (float*)((byte*)b + bBytes);
                a = (float*)((byte*)a + aBytes);
                a3 = (float*)((byte*)a3 + aBytes);
            }

            Write(c, addend, c00, c01, c02, c03, accumulate);
            if (TRows.Value > 1)
                Write(c + ldc, addend + addendRow, c10, c11, c12, c13, accumulate);
            if (TRows.Value > 2)
                Write(c + (2 * ldc), addend + (2 * addendRow), c20, c21, c22, c23, accumulate);
            if (TRows.Value > 3)
                Write(c + (3 * ldc), addend + (3 * addendRow), c30, c31, c32, c33, accumulate);
            aFirst += aTile;
            c += 4 * ldc;
            addend += 4 * addendRow;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, float* addend, Vector128<float> c0, Vector128<float> c1, Vector128<float> c2, Vector128<float> c3, bool accumulate)
    {
        if (accumulate)
        {
            c0 = Vector128.Load(addend) + c0;
            c1 = Vector128.Load(addend + 4) + c1;
            c2 = Vector128.Load(addend + 8) + c2;
            c3 = Vector128.Load(addend + 12) + c3;
        }

        c0.Store(c);
        c1.Store(c + 4);
        c2.Store(c + 8);
        c3.Store(c + 12);
    }
}
