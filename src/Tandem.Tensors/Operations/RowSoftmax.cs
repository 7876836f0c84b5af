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
        Vector256<float> peak = Vector256.Create(float.NegativeInfinity);
        int j = 0;
        for (; j + 8 <= count; j += 8)
            peak = Vector256.MaxNative(peak, Vector256.Load(logits + j));
        if (j < count)
            peak = Vector256.MaxNative(peak, Lanes.LoadPart(logits + j, count - j, float.NegativeInfinity));
        largest = Lanes.Largest(peak);
        Vector256<float> shift = Vector256.Create(largest);
        Vector256<float> low = Vector256<float>.Zero, high = Vector256<float>.Zero;
        for (j = 0; j + 16 <= count; j += 16)
        {
            low += VectorMath.Exp(Vector256.Load(logits + j) - shift);
            high += VectorMath.Exp(Vector256.Load(logits + j + 8) - shift);
        }

        if (j + 8 <= count)
        {
            low += VectorMath.Exp(Vector256.Load(logits + j) - shift);
            j += 8;
            if (j < count)
                high += VectorMath.Exp(Lanes.LoadPart(logits + j, count - j, float.NegativeInfinity) - shift);
        }
        else if (j < count)
        {
            low += VectorMath.Exp(Lanes.LoadPart(logits + j, count - j, float.NegativeInfinity) - shift);
        }

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
        for (int j = 0; j < count; j += 8)
        {
            int part = count - j;
            bool whole = part >= 8;
            Vector256<float> z = whole ? Vector256.Load(logits + j) : Lanes.LoadPart(logits + j, part);
            Vector256<float> value = VectorMath.Exp(z - shift) * scale;
            if (targets != null)
            {
                Vector256<float> t = whole ? Vector256.Load(targets + j) : Lanes.LoadPart(targets + j, part);
                value = Vector256.FusedMultiplyAdd(t, targetScale, value);
            }

            if (accumulate)
                value += whole ? Vector256.Load(gradient + j) : Lanes.LoadPart(gradient + j, part);
            if (whole)
                Vector256.Store(value, gradient + j);
            else
                Lanes.StorePart(value, gradient + j, part);
        }
    }

    /// <summary>log softmax(logits[i])[targets[i]]; 0 for an ignored target.</summary>
    public static void LogProbabilities(Tensor logits, int* targets, float* destination, WorkerPool pool)
    {
        var work = new Work
        {
            Logits = logits.Data,
            Targets = targets,
            Destination = destination,
            Rows = logits.Rows,
            Columns = logits.Columns,
            RowsPerChunk = RowPartition.RowsPerChunk(logits.Columns),
        };
        pool.Run(RowPartition.Chunks(logits.Rows, work.RowsPerChunk), &LogProbabilityChunk, &work);
    }

    private static void LogProbabilityChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            int target = work.Targets[i];
            if (target == Tape.IgnoredTarget)
            {
                work.Destination[i] = 0f;
                continue;
            }

            float* row = work.Logits + ((long)i * work.Columns);
            Statistics(row, work.Columns, out float largest, out float sum);
            work.Destination[i] = (float)((double)row[target] - largest - VectorMath.Log(sum));
        }
    }

    private struct Work
    {
        public float* Logits;
        public int* Targets;
        public float* Destination;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
