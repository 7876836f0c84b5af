using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Σ w·(-log p[target]) / normalizer over rows of logits z, p = softmax(z). dz = w / normalizer · (p - onehot(target)); p is
/// computed again from each row's largest logit and exponential sum. The logits may come in blocks.
/// </summary>
internal unsafe struct TokenLossRows
{
    private readonly int* _targets;
    private readonly float* _weights;
    private readonly float* _statistics; // [N, 2]: largest logit, exponential sum
    private readonly double* _losses; // [N]
    private readonly int _rows;
    private readonly float _normalizer;

    /// <summary>Prepares for all rows of logits; statistics live in the arena, as the targets and weights must.</summary>
    public TokenLossRows(Tape tape, int rows, int* targets, float* weights, float normalizer)
    {
        (_rows, _normalizer) = (rows, normalizer);
        _targets = targets;
        _weights = weights;
        _statistics = tape.Arena.Floats((2L * rows) + 1);
        _losses = (double*)tape.Arena.Floats((2L * rows) + 1);
    }

    /// <summary>Whether one of some rows has a loss.</summary>
    public readonly bool AnyCounts(int first, int rows)
    {
        for (int i = first; i < first + rows; i++)
        {
            if (Counts(i))
                return true;
        }

        return false;
    }

    /// <summary>Computes the losses of a block of whole rows.</summary>
    public readonly void Losses(WorkerPool pool, LogitBlock logits)
    {
        Work work = NewWork(logits);
        pool.Run(RowPartition.Chunks(logits.Rows, work.RowsPerChunk), &LossChunk, &work);
    }

    /// <summary>The loss, after all rows.</summary>
    public readonly float Total()
    {
        double total = 0.0;
        for (int i = 0; i < _rows; i++)
            total += Counts(i) ? _losses[i] : 0.0;
        return (float)(total / _normalizer);
    }

    /// <summary>Writes d loss / d logits of a block, or adds it.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="logits">Logits of rows that <see cref="Losses"/> has seen.</param>
    /// <param name="lossGradient">The gradient of the loss.</param>
    /// <param name="gradient">In the shape of the block; may be the logits themselves when it is not added to.</param>
    /// <param name="accumulate">Whether it is added to.</param>
    public readonly void Differentiate(WorkerPool pool, LogitBlock logits, float lossGradient, float* gradient, bool accumulate)
    {
        Work work = NewWork(logits);
        work.Gradient = gradient;
        work.Accumulate = accumulate;
        work.Scale = lossGradient / _normalizer;
        pool.Run(RowPartition.Chunks(logits.Rows, work.RowsPerChunk), &GradientChunk, &work);
    }

    private readonly bool Counts(int row) => _weights[row] != 0f && _targets[row] != Tape.IgnoredTarget;

    private readonly Work NewWork(LogitBlock logits) =>
        new() { All = this, Logits = logits, RowsPerChunk = RowPartition.RowsPerChunk(logits.Columns) };

    private static void LossChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        TokenLossRows all = work.All;
        LogitBlock block = work.Logits;
        int end = Math.Min(block.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            int row = block.FirstRow + i;
            if (!all.Counts(row))
                continue;
            float* logits = block.Data + ((long)i * block.Columns);
            RowSoftmax.Statistics(logits, block.Columns, out float largest, out float sum);
            (all._statistics[2 * row], all._statistics[(2 * row) + 1]) = (largest, sum);
            all._losses[row] = all._weights[row] * ((double)largest - logits[all._targets[row]] + VectorMath.Log(sum));
        }
    }

    private static void GradientChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        TokenLossRows all = work.All;
        LogitBlock block = work.Logits;
        int end = Math.Min(block.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            int row = block.FirstRow + i;
            float* gradient = work.Gradient + ((long)i * block.Columns);
            if (!all.Counts(row))
            {
                if (!work.Accumulate)
                    NativeMemory.Clear(gradient, (nuint)block.Columns * sizeof(float));
                continue;
            }

            float scale = all._weights[row] * work.Scale;
            RowSoftmax.Gradient(
                block.Data + ((long)i * block.Columns), block.Columns, all._statistics[2 * row],
                scale / all._statistics[(2 * row) + 1], null, 0f, gradient, work.Accumulate);
            int target = all._targets[row] - block.FirstColumn;
            if ((uint)target < (uint)block.Columns)
                gradient[target] -= scale;
        }
    }

    private struct Work
    {
        public TokenLossRows All;
        public LogitBlock Logits;
        public float* Gradient;
        public float Scale;
        public bool Accumulate;
        public int RowsPerChunk;
    }
}

/// <summary>Some rows and columns of logits, stored as a matrix [Rows, Columns] of their own.</summary>
internal readonly unsafe struct LogitBlock(float* data, int firstRow, int rows, int firstColumn, int columns)
{
    public readonly float* Data = data;
    public readonly int FirstRow = firstRow, Rows = rows, FirstColumn = firstColumn, Columns = columns;
}
