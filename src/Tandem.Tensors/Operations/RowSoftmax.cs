using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>The softmax of a row of logits: what the cross-entropies and log-probabilities share.</summary>
internal static unsafe class RowSoftmax
{
    /// <summary>The largest logit of a row and Σ exp(logit - largest).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Statistics(float* logits, int count, out float largest, out float sum)
    {
        int whole = count / VectorMath.Lanes * VectorMath.Lanes;
        Vector256<float> tailLow = Vector256.Create(float.NegativeInfinity), tailHigh = tailLow;
        if (whole < count)
        {
            tailLow = Lanes.LoadPart(logits + whole, Math.Min(count - whole, 8), float.NegativeInfinity);
            tailHigh = Lanes.LoadPart(logits + whole + 8, count - whole - 8, float.NegativeInfinity);
        }

        Vector256<float> peak = Vector256.MaxNative(tailLow, tailHigh);
        for (int j = 0; j < whole; j += 8)
            peak = Vector256.MaxNative(peak, Vector256.Load(logits + j));
        largest = Lanes.Largest(peak);
        Vector256<float> shift = Vector256.Create(largest);
        Vector256<float> low = Vector256<float>.Zero, high = Vector256<float>.Zero;
        for (int j = 0; j < whole; j += 16)
        {
            low += VectorMath.ExpOfNonPositive(Vector256.Load(logits + j) - shift);
            high += VectorMath.ExpOfNonPositive(Vector256.Load(logits + j + 8) - shift);
        }

        low += VectorMath.ExpOfNonPositive(tailLow - shift);
        high += VectorMath.ExpOfNonPositive(tailHigh - shift);
        sum = VectorMath.SumLanes(low, high);
    }

    /// <summary>gradient[j] = or += exp(logits[j] - largest) · factor - targets[j] · targetFactor; no targets for null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient(
        float* logits, int count, float largest, float factor, float* targets, float targetFactor, float* gradient,
        bool accumulate)
    {
        Vector256<float> shift = Vector256.Create(largest), scale = Vector256.Create(factor);
        Vector256<float> targetScale = Vector256.Create(-targetFactor);
        int j = 0;
        for (; j + 8 <= count; j += 8)
        {
            Vector256<float> value = VectorMath.ExpOfNonPositive(Vector256.Load(logits + j) - shift) * scale;
            if (targets != null)
                value = Vector256.FusedMultiplyAdd(Vector256.Load(targets + j), targetScale, value);
            Vector256.Store(accumulate ? value + Vector256.Load(gradient + j) : value, gradient + j);
        }

        if (j < count)
        {
            GradientTail(
                logits + j, count - j, shift, scale, targets == null ? null : targets + j, targetScale, gradient + j,
                accumulate);
        }
    }

    // Apart, because calls in a method make the compiler keep vectors of its loops in memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void GradientTail(
        float* logits, int count, Vector256<float> shift, Vector256<float> scale, float* targets,
        Vector256<float> targetScale, float* gradient, bool accumulate)
    {
        Vector256<float> value = VectorMath.ExpOfNonPositive(Lanes.LoadPart(logits, count) - shift) * scale;
        if (targets != null)
            value = Vector256.FusedMultiplyAdd(Lanes.LoadPart(targets, count), targetScale, value);
        Lanes.StorePart(accumulate ? value + Lanes.LoadPart(gradient, count) : value, gradient, count);
    }

    /// <summary>log softmax(logits[rows[i]])[targets[i]]; 0 for an ignored target.</summary>
    public static void LogProbabilities(Tensor logits, int* rows, int* targets, int count, float* destination, WorkerPool pool)
    {
        var work = new Work
        {
            Logits = logits.Data,
            Rows = rows,
            Targets = targets,
            Destination = destination,
            Count = count,
            Columns = logits.Columns,
            RowsPerChunk = RowPartition.RowsPerChunk(logits.Columns),
        };
        pool.Run(RowPartition.Chunks(count, work.RowsPerChunk), &LogProbabilityChunk, &work);
    }

    private static void LogProbabilityChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int end = Math.Min(work.Count, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            int target = work.Targets[i];
            if (target == Tape.IgnoredTarget)
            {
                work.Destination[i] = 0f;
                continue;
            }

            float* row = work.Logits + ((long)work.Rows[i] * work.Columns);
            Statistics(row, work.Columns, out float largest, out float sum);
            work.Destination[i] = (float)((double)row[target] - largest - VectorMath.Log(sum));
        }
    }

    private struct Work
    {
        public float* Logits;
        public int* Rows;
        public int* Targets;
        public float* Destination;
        public int Count;
        public int Columns;
        public int RowsPerChunk;
    }
}
