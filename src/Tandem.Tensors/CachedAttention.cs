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
    /// <param name="visible">For each row the number of keys that it sees; 0 leaves its result as it is.</param>
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
            KeyValueHeads = keyValueHeads,
            Group = heads / keyValueHeads,
            HeadSize = headSize,
            Scale = (float)(1.0 / Math.Sqrt(headSize)),
        };
        long cost = 0;
        for (int row = 0; row < q.Rows; row++)
            cost += 2L * visible[row] * q.Columns;
        int chunks = q.Rows * keyValueHeads;
        if (cost >= ThreadingThreshold)
        {
            pool.Run(chunks, &Chunk, &work);
            return;
        }

        for (int chunk = 0; chunk < chunks; chunk++)
            Chunk(&work, chunk);
    }

    // A row and a key-value head, with the query heads that share it: keys and values come from memory once for all of them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        (int row, int keyValueHead) = (chunk / work.KeyValueHeads, chunk % work.KeyValueHeads);
        int d = work.HeadSize, visible = work.Visible[row], width = (visible + 15) / 16 * 16;
        if (visible == 0)
            return;
        long offset = (long)keyValueHead * d * work.Capacity, heads = (long)chunk * work.Group * d;
        float* keys = work.Keys[row] + offset;
        float* values = work.Values[row] + offset;
        float* weights = ThreadScratch.Floats((2 * width) + d);
        float* otherWeights = weights + width;
        float* query = otherWeights + width;
        for (int head = 0; head < work.Group; head += 2)
        {
            float* q = work.Q + heads + (head * d);
            float* result = work.Result + heads + (head * d);
            float scale = Powers(work, q, keys, visible, query, weights);
            int c = 0;
            if (head + 1 < work.Group)
            {
                float otherScale = Powers(work, q + d, keys, visible, query, otherWeights);
                for (; c + 32 <= d; c += 32)
                    MixPair32(weights, otherWeights, values + c, visible, d, scale, otherScale, result + c, result + d + c);
                MixRest(otherWeights, values, visible, d, c, otherScale, result + d);
            }

            for (; c + 32 <= d; c += 32)
                Mix32(weights, values + c, visible, d, scale, result + c);
            MixRest(weights, values, visible, d, c, scale, result);
        }
    }

    // exp(score - largest) of the keys that a query sees; returns 1 / their sum.
    private static float Powers(in Work work, float* q, float* keys, int visible, float* query, float* powers)
    {
        int d = work.HeadSize, width = (visible + 15) / 16 * 16, key = 0;
        for (int i = 0; i < d; i++)
            query[i] = q[i] * work.Scale;
        for (; key + 64 <= width; key += 64)
            Scores64(query, keys + key, work.Capacity, d, powers + key);
        for (; key < width; key += 16)
            Scores16(query, keys + key, work.Capacity, d, powers + key);
        return 1f / VectorMath.ExpAndSum(powers, visible, VectorMath.Max(powers, visible), powers);
    }

    // The scores of 64 keys: eight sums side by side, since one waits for its last addition.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores64(float* query, float* keys, nint capacity, int d, float* scores)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        for (int i = 0; i < d; i++, keys += capacity)
        {
            Vector256<float> element = Vector256.Create(query[i]);
            s0 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys), s0);
            s1 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 8), s1);
            s2 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 16), s2);
            s3 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 24), s3);
            s4 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 32), s4);
            s5 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 40), s5);
            s6 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 48), s6);
            s7 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 56), s7);
        }

        s0.Store(scores);
        s1.Store(scores + 8);
        s2.Store(scores + 16);
        s3.Store(scores + 24);
        s4.Store(scores + 32);
        s5.Store(scores + 40);
        s6.Store(scores + 48);
        s7.Store(scores + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores16(float* query, float* keys, nint capacity, int d, float* scores)
    {
        Vector256<float> s0 = default, s1 = default;
        for (int i = 0; i < d; i++, keys += capacity)
        {
            Vector256<float> element = Vector256.Create(query[i]);
            s0 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys), s0);
            s1 = Vector256.FusedMultiplyAdd(element, Vector256.Load(keys + 8), s1);
        }

        s0.Store(scores);
        s1.Store(scores + 8);
    }

    // 32 columns of the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(float* weights, float* values, int visible, nint d, float scale, float* result)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int j = 0; j < visible; j++, values += d)
        {
            Vector256<float> weight = Vector256.Create(weights[j]);
            s0 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(values), s0);
            s1 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(values + 8), s1);
            s2 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(values + 16), s2);
            s3 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(values + 24), s3);
        }

        Vector256<float> factor = Vector256.Create(scale);
        (s0 * factor).Store(result);
        (s1 * factor).Store(result + 8);
        (s2 * factor).Store(result + 16);
        (s3 * factor).Store(result + 24);
    }

    // 32 columns of the results of two heads with the same values: one alone would wait for its last additions.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MixPair32(
        float* weights, float* otherWeights, float* values, int visible, nint d, float scale, float otherScale, float* result, float* other)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, t0 = default, t1 = default, t2 = default, t3 = default;
        for (int j = 0; j < visible; j++, values += d)
        {
            Vector256<float> weight = Vector256.Create(weights[j]), otherWeight = Vector256.Create(otherWeights[j]);
            Vector256<float> value = Vector256.Load(values);
            s0 = Vector256.FusedMultiplyAdd(weight, value, s0);
            t0 = Vector256.FusedMultiplyAdd(otherWeight, value, t0);
            value = Vector256.Load(values + 8);
            s1 = Vector256.FusedMultiplyAdd(weight, value, s1);
            t1 = Vector256.FusedMultiplyAdd(otherWeight, value, t1);
            value = Vector256.Load(values + 16);
            s2 = Vector256.FusedMultiplyAdd(weight, value, s2);
            t2 = Vector256.FusedMultiplyAdd(otherWeight, value, t2);
            value = Vector256.Load(values + 24);
            s3 = Vector256.FusedMultiplyAdd(weight, value, s3);
            t3 = Vector256.FusedMultiplyAdd(otherWeight, value, t3);
        }

        Vector256<float> factor = Vector256.Create(scale), otherFactor = Vector256.Create(otherScale);
        (s0 * factor).Store(result);
        (s1 * factor).Store(result + 8);
        (s2 * factor).Store(result + 16);
        (s3 * factor).Store(result + 24);
        (t0 * otherFactor).Store(other);
        (t1 * otherFactor).Store(other + 8);
        (t2 * otherFactor).Store(other + 16);
        (t3 * otherFactor).Store(other + 24);
    }

    // The columns from one on, fewer than 32.
    private static void MixRest(float* weights, float* values, int visible, int d, int from, float scale, float* result)
    {
        int c = from;
        for (; c + 8 <= d; c += 8)
            Mix8(weights, values + c, visible, d, scale, result + c);
        for (; c < d; c++)
        {
            float sum = 0f;
            for (int j = 0; j < visible; j++)
                sum = MathF.FusedMultiplyAdd(weights[j], values[((long)j * d) + c], sum);
            result[c] = sum * scale;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix8(float* weights, float* values, int visible, nint d, float scale, float* result)
    {
        Vector256<float> sum = default;
        for (int j = 0; j < visible; j++, values += d)
            sum = Vector256.FusedMultiplyAdd(Vector256.Create(weights[j]), Vector256.Load(values), sum);
        (sum * Vector256.Create(scale)).Store(result);
    }

    private struct Work
    {
        public float* Q;
        public float** Keys;
        public float** Values;
        public int* Visible;
        public float* Result;
        public int Capacity;
        public int KeyValueHeads;
        public int Group;
        public int HeadSize;
        public float Scale;
    }
}
