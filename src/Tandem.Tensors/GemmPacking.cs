using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>Copies of matrix blocks in the order in which the kernels read them.</summary>
internal static unsafe class GemmPacking
{
    private const int StripsAtOnce = 16;

    /// <summary>
    /// Packs a panel of B: to[k·width + j] = b[k·rowStride + j·columnStride]. Columns from <paramref name="columns"/> to
    /// <paramref name="width"/> become zero.
    /// </summary>
    public static void PackPanel(float* b, nint rowStride, nint columnStride, int depth, int columns, int width, float* to) =>
        PackPanel((Float32*)b, rowStride, columnStride, depth, columns, width, to);

    /// <summary>As for fp32, of elements of another storage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPanel<T>(T* b, nint rowStride, nint columnStride, int depth, int columns, int width, float* to)
        where T : unmanaged, IStoredElement<T>
    {
        if (columnStride == 1)
        {
            PackStrips(b, rowStride, depth, columns, width, to, 0);
            return;
        }

        int column = 0;
        if (Avx.IsSupported && rowStride == 1)
        {
            for (; column + 8 <= columns; column += 8)
                TransposeEightColumns(b + (column * columnStride), columnStride, depth, to + column, width);
        }

        for (; column < width; column++)
        {
            T* from = b + (column * columnStride);
            float* target = to + column;
            if (column >= columns)
            {
                for (int k = 0; k < depth; k++)
                    target[(nint)k * width] = 0;
            }
            else
            {
                for (int k = 0; k < depth; k++)
                    target[(nint)k * width] = T.Widen(from[k * rowStride]);
            }
        }
    }

    /// <summary>
    /// Packs strips of a matrix that is read along its rows: column c = t·width + i of row k goes to
    /// to[t·stripStride + k·width + i]. What the last strip lacks in columns becomes zero.
    /// </summary>
    public static void PackStrips(float* from, nint stride, int depth, int columns, int width, float* to, nint stripStride) =>
        PackStrips((Float32*)from, stride, depth, columns, width, to, stripStride);

    /// <summary>As for fp32, of elements of another storage.</summary>
    public static void PackStrips<T>(T* from, nint stride, int depth, int columns, int width, float* to, nint stripStride)
        where T : unmanaged, IStoredElement<T>
    {
        // Each strip is written to a page of its own: few at a time, for the sake of the first-level TLB.
        int most = StripsAtOnce * width;
        for (; columns > most; columns -= most, from += most, to += StripsAtOnce * stripStride)
            PackFewStrips(from, stride, depth, most, width, to, stripStride);
        PackFewStrips(from, stride, depth, columns, width, to, stripStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackFewStrips<T>(T* from, nint stride, int depth, int columns, int width, float* to, nint stripStride)
        where T : unmanaged, IStoredElement<T>
    {
        int packed = typeof(T) == typeof(Float32) && width == 6 && Avx2.IsSupported
            ? PackSixWideStrips((float*)from, stride, depth, columns, to, stripStride) : 0;
        from += packed * stride;
        to += (nint)packed * width;
        for (int k = packed; k < depth; k++)
        {
            float* target = to;
            int c = 0;
            if (width == 16)
            {
                for (; c + 16 <= columns; c += 16, target += stripStride)
                {
                    T.Load(from + c).Store(target);
                    T.Load(from + c + 8).Store(target + 8);
                }
            }

            for (; c + width <= columns; c += width, target += stripStride)
                CopyRow(from + c, width, target);
            if (c < columns)
            {
                CopyRow(from + c, columns - c, target);
                new Span<float>(target + (columns - c), width - (columns - c)).Clear();
            }

            from += stride;
            to += width;
        }
    }

    // Four rows of six floats are three whole vectors: no store crosses a cache line. Returns how many rows were packed.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PackSixWideStrips(float* from, nint stride, int depth, int columns, float* to, nint stripStride)
    {
        int k = 0;
        for (; k + 4 <= depth; k += 4)
        {
            float* row = from;
            float* target = to;
            int c = 0;
            for (; c + 8 <= columns; c += 6, target += stripStride, row += 6)
            {
                StoreFourRowsOfSix(
                    Vector256.Load(row), Vector256.Load(row + stride), Vector256.Load(row + (2 * stride)),
                    Vector256.Load(row + (3 * stride)), target);
            }

            for (; c < columns; c += 6, target += stripStride, row += 6)
            {
                Vector256<float> mask = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(columns - c)).AsSingle();
                StoreFourRowsOfSix(
                    Avx.MaskLoad(row, mask), Avx.MaskLoad(row + stride, mask), Avx.MaskLoad(row + (2 * stride), mask),
                    Avx.MaskLoad(row + (3 * stride), mask), target);
            }

            from += 4 * stride;
            to += 24;
        }

        return k;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFourRowsOfSix(
        Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3, float* target)
    {
        Vector256<int> toEnd = Vector256.Create(0, 0, 0, 0, 0, 0, 0, 1);
        Vector256<int> fromThird = Vector256.Create(2, 3, 4, 5, 0, 0, 0, 0);
        Vector256<int> fromFifth = Vector256.Create(4, 5, 0, 0, 0, 0, 0, 0);
        Vector256<int> toThird = Vector256.Create(0, 0, 0, 1, 2, 3, 4, 5);
        Avx.Blend(r0, Avx2.PermuteVar8x32(r1, toEnd), 0b1100_0000).Store(target);
        Avx.InsertVector128(Avx2.PermuteVar8x32(r1, fromThird), r2.GetLower(), 1).Store(target + 8);
        Avx.Blend(Avx2.PermuteVar8x32(r2, fromFifth), Avx2.PermuteVar8x32(r3, toThird), 0b1111_1100).Store(target + 16);
    }

    /// <summary>Widens some elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyRow<T>(T* from, int count, float* to)
        where T : unmanaged, IStoredElement<T>
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            T.Load(from + i).Store(to + i);
        for (; i < count; i++)
            to[i] = T.Widen(from[i]);
    }

    /// <summary>Transposes the lower and the upper halves of four vectors, each as a matrix of 4 × 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TransposeHalves(ref Vector256<float> r0, ref Vector256<float> r1, ref Vector256<float> r2, ref Vector256<float> r3)
    {
        Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1);
        Vector256<float> t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
        r0 = Avx.Shuffle(t0, t2, 0x44);
        r1 = Avx.Shuffle(t0, t2, 0xEE);
        r2 = Avx.Shuffle(t1, t3, 0x44);
        r3 = Avx.Shuffle(t1, t3, 0xEE);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeEightColumns<T>(T* from, nint stride, int depth, float* to, nint width)
        where T : unmanaged, IStoredElement<T>
    {
        int k = 0;
        T* from4 = from + (4 * stride);
        for (; k + 8 <= depth; k += 8)
        {
            Vector256<float> r0 = T.Load(from + k), r1 = T.Load(from + k + stride);
            Vector256<float> r2 = T.Load(from + k + (2 * stride)), r3 = T.Load(from + k + (3 * stride));
            Vector256<float> r4 = T.Load(from4 + k), r5 = T.Load(from4 + k + stride);
            Vector256<float> r6 = T.Load(from4 + k + (2 * stride)), r7 = T.Load(from4 + k + (3 * stride));
            TransposeHalves(ref r0, ref r1, ref r2, ref r3);
            TransposeHalves(ref r4, ref r5, ref r6, ref r7);
            float* target = to + (k * width);
            Avx.Permute2x128(r0, r4, 0x20).Store(target);
            Avx.Permute2x128(r1, r5, 0x20).Store(target + width);
            Avx.Permute2x128(r2, r6, 0x20).Store(target + (2 * width));
            Avx.Permute2x128(r3, r7, 0x20).Store(target + (3 * width));
            Avx.Permute2x128(r0, r4, 0x31).Store(target + (4 * width));
            Avx.Permute2x128(r1, r5, 0x31).Store(target + (5 * width));
            Avx.Permute2x128(r2, r6, 0x31).Store(target + (6 * width));
            Avx.Permute2x128(r3, r7, 0x31).Store(target + (7 * width));
        }

        for (; k < depth; k++)
        {
            for (int j = 0; j < 8; j++)
                to[(k * width) + j] = T.Widen(from[k + (j * stride)]);
        }
    }
}

/// <summary>Native memory of one thread that only grows, for packed blocks: a steady state allocates nothing.</summary>
internal sealed unsafe class GemmScratch
{
    [ThreadStatic]
    private static GemmScratch? s_current;

    private readonly void*[] _memory = new void*[3];
    private readonly nuint[] _bytes = new nuint[3];

    ~GemmScratch()
    {
        foreach (void* memory in _memory)
            NativeMemory.AlignedFree(memory);
    }

    /// <summary>The calling thread's scratch.</summary>
    public static GemmScratch Current => s_current ??= new GemmScratch();

    /// <summary>Strips of A that one chunk packs for itself.</summary>
    public float* StripsA(long floats) => Reserve(0, floats);

    /// <summary>Strips of B that one chunk packs for itself.</summary>
    public float* StripsB(long floats) => Reserve(1, floats);

    /// <summary>The packed block of B that all threads read.</summary>
    public float* Shared(long floats) => Reserve(2, floats);

    private float* Reserve(int slot, long floats)
    {
        nuint bytes = (nuint)floats * sizeof(float);
        if (bytes > _bytes[slot])
        {
            NativeMemory.AlignedFree(_memory[slot]);
            _memory[slot] = null;
            _bytes[slot] = 0;
            _memory[slot] = NativeMemory.AlignedAlloc(bytes, 4096);
            _bytes[slot] = bytes;
        }

        return (float*)_memory[slot];
    }
}
