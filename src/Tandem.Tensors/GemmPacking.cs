using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>Copies of matrix blocks in the order in which the kernels read them.</summary>
internal static unsafe class GemmPacking
{
    /// <summary>
    /// Packs a panel of B: to[k·width + j] = b[k·rowStride + j·columnStride]. Columns from <paramref name="columns"/> to
    /// <paramref name="width"/> become zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackPanel(float* b, nint rowStride, nint columnStride, int depth, int columns, int width, float* to)
    {
        if (columnStride == 1)
        {
            for (int k = 0; k < depth; k++)
            {
                CopyRow(b, columns, to);
                if (columns < width)
                    new Span<float>(to + columns, width - columns).Clear();
                b += rowStride;
                to += width;
            }

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
            float* from = b + (column * columnStride);
            float* target = to + column;
            if (column >= columns)
            {
                for (int k = 0; k < depth; k++)
                    target[(nint)k * width] = 0;
            }
            else
            {
                for (int k = 0; k < depth; k++)
                    target[(nint)k * width] = from[k * rowStride];
            }
        }
    }

    /// <summary>
    /// Packs tiles of A from a matrix whose rows run along k: tile t gets to[t·tileStride + k·width + i] =
    /// a[k·stride + t·width + i]. The last tile may be narrower; its missing places stay as they are.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackTiles(float* a, nint stride, int depth, int rows, int width, float* to, nint tileStride)
    {
        for (int k = 0; k < depth; k++)
        {
            float* target = to + ((nint)k * width);
            int i = 0;

            // 6 floats are copied as 8: the two that are too many are overwritten by the next step of k, except in the
            // last step, where they could belong to another thread.
            if (width == 6 && k + 1 < depth)
            {
                for (; i + 8 <= rows; i += 6, target += tileStride)
                    Vector256.Load(a + i).Store(target);
            }

            for (; i + width <= rows; i += width, target += tileStride)
                CopyRow(a + i, width, target);
            if (i < rows)
                CopyRow(a + i, rows - i, target);
            a += stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRow(float* from, int count, float* to)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            Vector256.Load(from + i).Store(to + i);
        for (; i < count; i++)
            to[i] = from[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeEightColumns(float* from, nint stride, int depth, float* to, nint width)
    {
        int k = 0;
        float* from4 = from + (4 * stride);
        for (; k + 8 <= depth; k += 8)
        {
            Vector256<float> r0 = Avx.LoadVector256(from + k), r1 = Avx.LoadVector256(from + k + stride);
            Vector256<float> r2 = Avx.LoadVector256(from + k + (2 * stride)), r3 = Avx.LoadVector256(from + k + (3 * stride));
            Vector256<float> r4 = Avx.LoadVector256(from4 + k), r5 = Avx.LoadVector256(from4 + k + stride);
            Vector256<float> r6 = Avx.LoadVector256(from4 + k + (2 * stride)), r7 = Avx.LoadVector256(from4 + k + (3 * stride));
            Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1);
            Vector256<float> t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
            Vector256<float> t4 = Avx.UnpackLow(r4, r5), t5 = Avx.UnpackHigh(r4, r5);
            Vector256<float> t6 = Avx.UnpackLow(r6, r7), t7 = Avx.UnpackHigh(r6, r7);
            r0 = Avx.Shuffle(t0, t2, 0x44);
            r1 = Avx.Shuffle(t0, t2, 0xEE);
            r2 = Avx.Shuffle(t1, t3, 0x44);
            r3 = Avx.Shuffle(t1, t3, 0xEE);
            r4 = Avx.Shuffle(t4, t6, 0x44);
            r5 = Avx.Shuffle(t4, t6, 0xEE);
            r6 = Avx.Shuffle(t5, t7, 0x44);
            r7 = Avx.Shuffle(t5, t7, 0xEE);
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
                to[(k * width) + j] = from[k + (j * stride)];
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

    /// <summary>A panel that one chunk packs for itself.</summary>
    public float* Panel(long floats) => Reserve(0, floats);

    /// <summary>The packed block of A that all threads read.</summary>
    public float* BlockA(long floats) => Reserve(1, floats);

    /// <summary>The packed block of B that all threads read.</summary>
    public float* BlockB(long floats) => Reserve(2, floats);

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
