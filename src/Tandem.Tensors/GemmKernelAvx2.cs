using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>256-bit tile of 6 × 16: 12 accumulators, 2 vectors of B and 1 of A fill the 16 registers of AVX2.</summary>
internal readonly unsafe struct Avx2GemmKernel : IGemmKernel
{
    // The sums of a tile of less than four rows wait for each other. From this depth on that takes longer than a tile more.
    private const int SharingDepth = 128;

    public static int Rows => 6;

    public static int Columns => 16;

    public static void Multiply(
        int rows, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
    {
        int tiles = rows / 6, rest = rows - (6 * tiles);
        if (tiles > 0 && rest is > 0 and < 4 && depth >= SharingDepth && aTile == 6 * aRow)
        {
            MultiplySharing(rows, depth, a, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
            return;
        }

        if (tiles > 0)
            Tiles<Rows6>(tiles, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
        if (rest == 0)
            return;
        a += tiles * aTile;
        c += 6 * tiles * ldc;
        addend += 6 * tiles * addendRow;
        switch (rest)
        {
            case 1: Tiles<Rows1>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 2: Tiles<Rows2>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 3: Tiles<Rows3>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            case 4: Tiles<Rows4>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
            default: Tiles<Rows5>(1, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, 0); break;
        }
    }

    // Rows that are read in place, of which one to three are left by whole tiles: the last ones go to tiles of five and four.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MultiplySharing(
        int rows, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, float* addend, nint addendRow,
        byte* ahead, nint aheadStep)
    {
        (int fives, int fours) = (rows % 6) switch
        {
            1 => rows == 7 ? (0, 1) : (1, 2),
            2 => (0, 2),
            _ => (1, 1),
        };
        int sixes = (rows - (5 * fives) - (4 * fours)) / 6, done = 0;
        Some<Rows6>(sixes);
        Some<Rows5>(fives);
        Some<Rows4>(fours);
        Some<Rows3>((rows - done) / 3);

        void Some<TRows>(int tiles)
            where TRows : struct, IRowCount
        {
            Tiles<TRows>(
                tiles, depth, a + (done * aRow), TRows.Value * aRow, aRow, aStep, b, bStep, c + (done * ldc), ldc, addend + (done * addendRow),
                addendRow, ahead, aheadStep);
            done += tiles * TRows.Value;
            ahead += tiles * depth * aheadStep;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles<TRows>(
        int tiles, int depth, float* aFirst, nint aTile, nint aRow, nint aStep, float* bFirst, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
        where TRows : struct, IRowCount
    {
        nint aBytes = aStep * sizeof(float), bBytes = bStep * sizeof(float);
        bool accumulate = addend != null;
        for (; tiles > 0; tiles--)
        {
            Vector256<float> c00 = default, c01 = default;
            Vector256<float> c10 = default, c11 = default;
            Vector256<float> c20 = default, c21 = default;
            Vector256<float> c30 = default, c31 = default;
            Vector256<float> c40 = default, c41 = default;
            Vector256<float> c50 = default, c51 = default;
            if (Sse.IsSupported)
            {
                float* line = c;
                for (int i = 0; i < TRows.Value; i++, line += ldc)
                    Sse.Prefetch0(line);
            }

            float* a = aFirst, a3 = a + (3 * aRow), b = bFirst;

            // A short loop's end is foreseen by the processor, a long one's is not: it would wait there for each tile.
            int k = depth;
            for (; k >= 4; k -= 4)
            {
                Fetch(ref ahead, 2 * aheadStep);
                Step<TRows>(
                    ref a, ref a3, aRow, aBytes, ref b, bBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30,
                    ref c31, ref c40, ref c41, ref c50, ref c51);
                Step<TRows>(
                    ref a, ref a3, aRow, aBytes, ref b, bBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30,
                    ref c31, ref c40, ref c41, ref c50, ref c51);
                Fetch(ref ahead, 2 * aheadStep);
                Step<TRows>(
                    ref a, ref a3, aRow, aBytes, ref b, bBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30,
                    ref c31, ref c40, ref c41, ref c50, ref c51);
                Step<TRows>(
                    ref a, ref a3, aRow, aBytes, ref b, bBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30,
                    ref c31, ref c40, ref c41, ref c50, ref c51);
            }

            for (; k != 0; k--)
            {
                Step<TRows>(
                    ref a, ref a3, aRow, aBytes, ref b, bBytes, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30,
                    ref c31, ref c40, ref c41, ref c50, ref c51);
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
            aFirst += aTile;
            c += TRows.Value * ldc;
            addend += TRows.Value * addendRow;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(ref byte* ahead, nint bytes)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(ahead);
        ahead += bytes;
    }

    /// <summary>One step of k: the outer product of a column of A and a row of B is added to the sums of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<TRows>(
        ref float* a, ref float* a3, nint aRow, nint aBytes, ref float* b, nint bBytes,
        ref Vector256<float> c00, ref Vector256<float> c01, ref Vector256<float> c10, ref Vector256<float> c11,
        ref Vector256<float> c20, ref Vector256<float> c21, ref Vector256<float> c30, ref Vector256<float> c31,
        ref Vector256<float> c40, ref Vector256<float> c41, ref Vector256<float> c50, ref Vector256<float> c51)
        where TRows : struct, IRowCount
    {
        Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 8);
        Vector256<float> x = Vector256.Create(*a);
        c00 = Vector256.FusedMultiplyAdd(x, b0, c00);
        c01 = Vector256.FusedMultiplyAdd(x, b1, c01);
        if (TRows.Value > 1)
        {
            x = Vector256.Create(a[aRow]);
            c10 = Vector256.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(x, b1, c11);
        }

        if (TRows.Value > 2)
        {
            x = Vector256.Create(a[2 * aRow]);
            c20 = Vector256.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(x, b1, c21);
        }

        if (TRows.Value > 3)
        {
            x = Vector256.Create(*a3);
            c30 = Vector256.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(x, b1, c31);
        }

        if (TRows.Value > 4)
        {
            x = Vector256.Create(a3[aRow]);
            c40 = Vector256.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector256.FusedMultiplyAdd(x, b1, c41);
        }

        if (TRows.Value > 5)
        {
            x = Vector256.Create(a3[2 * aRow]);
            c50 = Vector256.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector256.FusedMultiplyAdd(x, b1, c51);
        }

        b = (float*)((byte*)b + bBytes);
        a = (float*)((byte*)a + aBytes);
        a3 = (float*)((byte*)a3 + aBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, float* addend, Vector256<float> c0, Vector256<float> c1, bool accumulate)
    {
        if (accumulate)
        {
            c0 = Vector256.Load(addend) + c0;
            c1 = Vector256.Load(addend + 8) + c1;
        }

        c0.Store(c);
        c1.Store(c + 8);
    }
}
