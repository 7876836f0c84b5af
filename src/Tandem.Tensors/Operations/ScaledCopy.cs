using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>destination = or += a·scale + b, element by element, in parallel.</summary>
internal static unsafe class ScaledCopy
{
    /// <summary>Runs over <paramref name="count"/> elements; <paramref name="b"/> may be null for none.</summary>
    public static void Run(WorkerPool pool, float* a, float scale, float* b, float* destination, int count, bool accumulate)
    {
        // Adding to what is there is the sum form with the destination as second operand.
        var work = new Work { A = a, B = accumulate ? destination : b, Destination = destination, Scale = scale, Count = count };
        pool.Run(RowPartition.Chunks(count, RowPartition.ChunkElements), &Chunk, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int i = chunk * RowPartition.ChunkElements;
        int end = Math.Min(work.Count, i + RowPartition.ChunkElements);
        float* a = work.A, b = work.B, destination = work.Destination;
        float scale = work.Scale;
        Vector256<float> wide = Vector256.Create(scale);
        if (b != null)
        {
            for (; i + 8 <= end; i += 8)
                Vector256.Store(Vector256.FusedMultiplyAdd(Vector256.Load(a + i), wide, Vector256.Load(b + i)), destination + i);
            for (; i < end; i++)
                destination[i] = MathF.FusedMultiplyAdd(a[i], scale, b[i]);
        }
        else
        {
            for (; i + 8 <= end; i += 8)
                Vector256.Store(Vector256.Load(a + i) * wide, destination + i);
            for (; i < end; i++)
                destination[i] = a[i] * scale;
        }
    }

    private struct Work
    {
        public float* A;
        public float* B;
        public float* Destination;
        public float Scale;
        public int Count;
    }
}
