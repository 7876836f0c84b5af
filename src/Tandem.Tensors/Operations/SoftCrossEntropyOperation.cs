using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Σ w·(-Σ t·log p) / normalizer over rows, p = softmax(z). dz = w / normalizer · (p·Σt - t).
/// </summary>
internal sealed unsafe class SoftCrossEntropyOperation : Operation
{
    private Tensor _logits, _result;
    private int _logitsNode;
    private float* _targets;
    private float* _weights;
    private float* _statistics; // [N, 3]: largest logit, exponential sum, target sum
    private float _normalizer;

    /// <summary>result = the weighted loss.</summary>
    public void Forward(Tape tape, Tensor logits, float* targets, float* weights, float normalizer, Tensor result)
    {
        (_logits, _normalizer, _result) = (logits, normalizer, result);
        _targets = targets;
        _weights = weights;
        _logitsNode = tape.NodeOf(logits);
        _statistics = tape.Arena.Floats((3L * logits.Rows) + 1);
        double* losses = (double*)tape.Arena.Floats((2L * logits.Rows) + 1);
        Work work = NewWork();
        work.Losses = losses;
        tape.Pool.Run(RowPartition.Chunks(logits.Rows, work.RowsPerChunk), &ForwardChunk, &work);
        double total = 0.0;
        for (int i = 0; i < logits.Rows; i++)
            total += losses[i];
        result.Data[0] = (float)(total / normalizer);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        Work work = NewWork();
        work.Gradient = _logits.Gradient;
        work.Accumulate = tape.Claim(_logitsNode);
        work.Scale = _result.Gradient[0] / _normalizer;
        tape.Pool.Run(RowPartition.Chunks(_logits.Rows, work.RowsPerChunk), &BackwardChunk, &work);
    }

    private Work NewWork() => new()
    {
        Logits = _logits.Data,
        Targets = _targets,
        Weights = _weights,
        Statistics = _statistics,
        Rows = _logits.Rows,
        Columns = _logits.Columns,
        RowsPerChunk = RowPartition.RowsPerChunk(_logits.Columns),
    };

    private static void ForwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int columns = work.Columns;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            work.Losses[i] = 0.0;
            if (work.Weights[i] == 0f)
                continue;
            float* row = work.Logits + ((long)i * columns);
            float* targets = work.Targets + ((long)i * columns);
            RowSoftmax.Statistics(row, columns, out float largest, out float sum);
            double logSum = largest + VectorMath.Log(sum);
            double loss = 0.0, targetSum = 0.0;
            for (int j = 0; j < columns; j++)
            {
                // A target of exactly 0 takes no part, so that a logit of -∞ is allowed there.
                if (targets[j] == 0f)
                    continue;
                targetSum += targets[j];
                loss += targets[j] * (logSum - row[j]);
            }

            (work.Statistics[3 * i], work.Statistics[(3 * i) + 1], work.Statistics[(3 * i) + 2]) =
                (largest, sum, (float)targetSum);
            work.Losses[i] = work.Weights[i] * loss;
        }
    }

    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int columns = work.Columns;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            float* gradient = work.Gradient + ((long)i * columns);
            if (work.Weights[i] == 0f)
            {
                if (!work.Accumulate)
                    NativeMemory.Clear(gradient, (nuint)columns * sizeof(float));
                continue;
            }

            float scale = work.Weights[i] * work.Scale;
            float factor = scale * work.Statistics[(3 * i) + 2] / work.Statistics[(3 * i) + 1];
            RowSoftmax.Gradient(
                work.Logits + ((long)i * columns), columns, work.Statistics[3 * i], factor,
                work.Targets + ((long)i * columns), scale, gradient, work.Accumulate);
        }
    }

    private struct Work
    {
        public float* Logits;
        public float* Targets;
        public float* Weights;
        public float* Statistics;
        public double* Losses;
        public float* Gradient;
        public float Scale;
        public bool Accumulate;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
