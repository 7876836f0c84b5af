using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Training.Optimization;

/// <summary>Whole-buffer operations whose result does not depend on the number of threads or on the vector width.</summary>
internal static unsafe class FlatVector
{
    private const int ChunkLength = 4096;

    /// <summary>64-byte aligned zeros, freed by <see cref="NativeMemory.AlignedFree"/>.</summary>
    public static float* Zeroed(long length)
    {
        nuint bytes = (nuint)Math.Max(1, length) * sizeof(float);
        void* memory = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(memory, bytes);
        return (float*)memory;
    }

    /// <summary>Σ x², over chunks of 4096: 16 lanes each, a fixed tree, and the chunks added one after the other in double.</summary>
    public static double SumOfSquares(float* x, long length)
    {
        double sum = 0;
        for (long start = 0; start < length; start += ChunkLength)
            sum += ChunkSumOfSquares(x + start, (int)Math.Min(ChunkLength, length - start));
        return sum;
    }

    /// <summary>As <see cref="SumOfSquares(float*, long)"/>, and the same bits, with the chunks shared out over a pool.</summary>
    /// <param name="x">The values.</param>
    /// <param name="length">How many.</param>
    /// <param name="partial">Room for one sum per chunk: see <see cref="ChunkCount"/>.</param>
    /// <param name="pool">The threads.</param>
    public static double SumOfSquares(float* x, long length, double* partial, WorkerPool pool)
    {
        int chunks = ChunkCount(length);
        var state = new SumState { X = x, Length = length, Partial = partial };
        pool.Run(chunks, &SumChunk, &state);
        double sum = 0;
        for (int i = 0; i < chunks; i++)
            sum += partial[i];
        return sum;
    }

    /// <summary>The index of the largest value, the first of equals.</summary>
    public static int IndexOfMaximum(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best])
                best = i;
        }

        return best;
    }

    /// <summary>The number of chunks in a buffer.</summary>
    public static int ChunkCount(long length) => (int)((length + ChunkLength - 1) / ChunkLength);

    private static void SumChunk(void* state, int index)
    {
        ref SumState s = ref *(SumState*)state;
        long start = (long)index * ChunkLength;
        s.Partial[index] = ChunkSumOfSquares(s.X + start, (int)Math.Min(ChunkLength, s.Length - start));
    }

    private static double ChunkSumOfSquares(float* x, int length)
    {
        Vector256<float> low = Vector256<float>.Zero;
        Vector256<float> high = Vector256<float>.Zero;
        int i = 0;
        for (; i + 16 <= length; i += 16)
        {
            Vector256<float> a = Vector256.Load(x + i);
            Vector256<float> b = Vector256.Load(x + i + 8);
            low += a * a;
            high += b * b;
        }

        float* lanes = stackalloc float[16];
        low.Store(lanes);
        high.Store(lanes + 8);
        for (int lane = 0; i < length; i++, lane++)
            lanes[lane] += x[i] * x[i];
        for (int width = 8; width > 0; width /= 2)
        {
            for (int lane = 0; lane < width; lane++)
                lanes[lane] += lanes[lane + width];
        }

        return lanes[0];
    }

    private struct SumState
    {
        public float* X;
        public long Length;
        public double* Partial;
    }
}
