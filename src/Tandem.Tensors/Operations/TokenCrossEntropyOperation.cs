using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Σ w·(-log p[target]) / normalizer over rows, p = softmax(z). dz = w / normalizer · (p - onehot(target)); p is computed
/// again from each row's largest logit and exponential sum.
/// </summary>
internal sealed unsafe class TokenCrossEntropyOperation : Operation
{
    private Tensor _logits, _result;
    private int _logitsNode;
    private int* _targets;
    private float* _weights;
    private float* _statistics; // [N, 2]: largest logit, exponential sum
    private float _normalizer;

    /// <summary>result = the weighted loss.</summary>
    public void Forward(Tape tape, Tensor logits, int* targets, float* weights, float normalizer, Tensor result)
    {
        (_logits, _normalizer, _result) = (logits, normalizer, result);
        _targets = targets;
        _weights = weights;
        _logitsNode = tape.NodeOf(logits);
        _statistics = tape.Arena.Floats((2L * logits.Rows) + 1);
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
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            work.Losses[i] = 0.0;
            if (work.Weights[i] == 0f || work.Targets[i] == Tape.IgnoredTarget)
                continue;
            float* row = work.Logits + ((long)i * work.Columns);
            RowSoftmax.Statistics(row, work.Columns, out float largest, out float sum);
            (work.Statistics[2 * i], work.Statistics[(2 * i) + 1]) = (largest, sum);
            work.Losses[i] = work.Weights[i] * ((double)largest - row[work.Targets[i]] + VectorMath.Log(sum));
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
            if (work.Weights[i] == 0f || work.Targets[i] == Tape.IgnoredTarget)
            {
                if (!work.Accumulate)
                    NativeMemory.Clear(gradient, (nuint)columns * sizeof(float));
                continue;
            }

            float scale = work.Weights[i] * work.Scale;
            RowSoftmax.Gradient(
                work.Logits + ((long)i * columns), columns, work.Statistics[2 * i], scale / work.Statistics[(2 * i) + 1],
                null, 0f, gradient, work.Accumulate);
            gradient[work.Targets[i]] -= scale;
        }
    }

    private struct Work
    {
        public float* Logits;
        public int* Targets;
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
