using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <summary>
/// Attention of single rows to cached keys and values, for decoding. Sums run in the order of <see cref="Tape.Attention"/>,
/// so a decoded token has the bits that the full forward pass gives it.
/// </summary>
public static unsafe class CachedAttention
{
    // Multiply-adds under which waking a second thread costs more than it gains.
    private const long ThreadingThreshold = 100_000;

    /// <summary>softmax(q·kᵀ / √D)·v for each row against its own keys and values.</summary>
    /// <param name="q">[N, heads·D].</param>
    /// <param name="keys">For each row the keys that it sees, [keyValueHeads, D, capacity].</param>
    /// <param name="values">For each row the values that it sees, [keyValueHeads, capacity, D].</param>
    /// <param name="visible">For each row the number of keys that it sees, at least 1.</param>
    /// <param name="capacity">A multiple of 16.</param>
    /// <param name="heads">Query heads; a multiple of <paramref name="keyValueHeads"/>.</param>
    /// <param name="keyValueHeads">Key and value heads.</param>
    /// <param name="result">[N, heads·D].</param>
    /// <param name="pool">The threads to run on.</param>
    public static void Attend(
        Tensor q, float** keys, float** values, int* visible, int capacity, int heads, int keyValueHeads, Tensor result,
        WorkerPool pool)
    {
        if (capacity % 16 != 0)
            throw new ArgumentException($"The capacity is {capacity}; it must be a multiple of 16.", nameof(capacity));
        int headSize = q.Columns / heads;
        var work = new Work
        {
            Q = q.Data,
            Keys = keys,
            Values = values,
            Visible = visible,
            Result = result.Data,
            Capacity = capacity,
            Heads = heads,
            Group = heads / keyValueHeads,
            HeadSize = headSize,
            Scale = (float)(1.0 / Math.Sqrt(headSize)),
        };
        long cost = 0;
        for (int row = 0; row < q.Rows; row++)
            cost += 2L * visible[row] * q.Columns;
        int chunks = q.Rows * heads;
        if (cost >= ThreadingThreshold)
        {
            pool.Run(chunks, &Chunk, &work);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++)
            Chunk(&work, chunk);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        (int row, int head) = (chunk / work.Heads, chunk % work.Heads);
        int d = work.HeadSize, visible = work.Visible[row], width = (visible + 15) / 16 * 16;
        long offset = (long)(head / work.Group) * d * work.Capacity;
        float* keys = work.Keys[row] + offset;
        float* values = work.Values[row] + offset;
        float* q = work.Q + (((long)row * work.Heads) + head) * d;
        float* result = work.Result + (((long)row * work.Heads) + head) * d;

        float* scores = ThreadScratch.Floats(width + 16);
        float* query = stackalloc float[d];
        for (int i = 0; i < d; i++)
            query[i] = q[i] * work.Scale;
        for (int j = 0; j < width; j += 16)
        {
            Vector256<float> first = Vector256<float>.Zero, second = Vector256<float>.Zero;
            float* column = keys + j;
            for (int i = 0; i < d; i++, column += work.Capacity)
            {
                Vector256<float> element = Vector256.Create(query[i]);
                first = Vector256.FusedMultiplyAdd(element, Vector256.Load(column), first);
                second = Vector256.FusedMultiplyAdd(element, Vector256.Load(column + 8), second);
            }

            Vector256.Store(first, scores + j);
            Vector256.Store(second, scores + j + 8);
        }

        float inverse = 1f / VectorMath.ExpAndSum(scores, visible, VectorMath.Max(scores, visible), scores);
        int c = 0;
        for (; c + 8 <= d; c += 8)
        {
            Vector256<float> sum = Vector256<float>.Zero;
            float* value = values + c;
            for (int j = 0; j < visible; j++, value += d)
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(scores[j]), Vector256.Load(value), sum);
            Vector256.Store(sum * Vector256.Create(inverse), result + c);
        }

        for (; c < d; c++)
        {
            float sum = 0f;
            for (int j = 0; j < visible; j++)
                sum = MathF.FusedMultiplyAdd(scores[j], values[((long)j * d) + c], sum);
            result[c] = sum * inverse;
        }
    }

    private struct Work
    {
        public float* Q;
        public float** Keys;
        public float** Values;
        public int* Visible;
        public float* Result;
        public int Capacity;
        public int Heads;
        public int Group;
        public int HeadSize;
        public float Scale;
    }
}
