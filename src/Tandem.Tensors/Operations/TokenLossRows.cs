using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Σ w·(-Σ t·log p) / normalizer over rows of logits z, p = softmax(z), where t is 1 - ε at the target and ε / V everywhere
/// (label smoothing ε, arXiv 1512.00567). dz = w / normalizer · (p - t); p is computed again from each row's largest logit and
/// exponential sum. The logits may come in blocks. With sequences the result is not one loss but Σ w·log p[target] of the rows
/// of each sequence.
/// </summary>
internal unsafe struct TokenLossRows
{
    private readonly int* _targets;
    private readonly float* _weights;
    private readonly int* _sequences; // [N], or null
    private readonly float* _statistics; // [N, 2]: largest logit, exponential sum
    private readonly double* _losses; // [N]
    private readonly double* _sums; // [S]
    private readonly int _rows;
    private readonly float _normalizer;
    private readonly float _smoothing;
    private readonly int _vocabulary;

    /// <summary>Prepares for all rows of logits; statistics live in the arena, as the rows' arrays must.</summary>
    public TokenLossRows(Tape tape, int rows, int vocabulary, in TokenLossArguments arguments, Tensor result)
    {
        (_rows, _vocabulary, _normalizer, _smoothing) = (rows, vocabulary, arguments.Normalizer, arguments.Smoothing);
        _targets = arguments.Targets;
        _weights = arguments.Weights;
        _sequences = arguments.Sequences;
        _statistics = tape.Arena.Floats((2L * rows) + 1);
        _losses = (double*)tape.Arena.Floats((2L * rows) + 1);
        _sums = _sequences == null ? null : (double*)tape.Arena.Floats((2L * result.Rows) + 1);
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

    /// <summary>Writes the result, after all rows: the loss [1, 1], or a sum for each sequence [S, 1].</summary>
    public readonly void Write(Tensor result)
    {
        if (_sequences != null)
        {
            new Span<double>(_sums, result.Rows).Clear();
            for (int i = 0; i < _rows; i++)
                _sums[_sequences[i]] -= Counts(i) ? _losses[i] : 0.0;
            for (int sequence = 0; sequence < result.Rows; sequence++)
                result.Data[sequence] = (float)_sums[sequence];
            return;
        }

        double total = 0.0;
        for (int i = 0; i < _rows; i++)
            total += Counts(i) ? _losses[i] : 0.0;
        result.Data[0] = (float)(total / _normalizer);
    }

    /// <summary>Writes the gradient of a block's logits, or adds it.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="logits">Logits of rows that <see cref="Losses"/> has seen.</param>
    /// <param name="result">The result, with its gradient.</param>
    /// <param name="gradient">In the shape of the block; may be the logits themselves when it is not added to.</param>
    /// <param name="accumulate">Whether it is added to.</param>
    public readonly void Differentiate(WorkerPool pool, LogitBlock logits, Tensor result, float* gradient, bool accumulate)
    {
        Work work = NewWork(logits);
        work.Gradient = gradient;
        work.Accumulate = accumulate;
        work.ResultGradient = result.Gradient;
        work.Scale = result.Gradient[0] / _normalizer;
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
            double loss = (double)largest - logits[all._targets[row]] + VectorMath.Log(sum);
            if (all._smoothing != 0f)
                loss += all._smoothing * (logits[all._targets[row]] - Mean(logits, block.Columns));
            all._losses[row] = all._weights[row] * loss;
        }
    }

    private static double Mean(float* logits, int count)
    {
        double sum = 0.0;
        for (int i = 0; i < count; i++)
            sum += logits[i];
        return sum / count;
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

            float scale = all._weights[row] * (all._sequences == null ? work.Scale : -work.ResultGradient[all._sequences[row]]);
            RowSoftmax.Gradient(
                block.Data + ((long)i * block.Columns), block.Columns, all._statistics[2 * row],
                scale / all._statistics[(2 * row) + 1], null, 0f, gradient, work.Accumulate);
            int target = all._targets[row] - block.FirstColumn;
            if ((uint)target < (uint)block.Columns)
                gradient[target] -= scale * (1f - all._smoothing);
            if (all._smoothing == 0f)
                continue;
            float share = scale * all._smoothing / all._vocabulary;
            for (int j = 0; j < block.Columns; j++)
                gradient[j] -= share;
        }
    }

    private struct Work
    {
        public TokenLossRows All;
        public LogitBlock Logits;
        public float* Gradient;
        public float* ResultGradient;
        public float Scale;
        public bool Accumulate;
        public int RowsPerChunk;
    }
}

/// <summary>What a loss over tokens is given beside the logits; the arrays live in the arena.</summary>
internal unsafe struct TokenLossArguments
{
    public int* Targets; // [N]
    public float* Weights; // [N]
    public float Normalizer;
    public float Smoothing;
    public int* Sequences; // [N]: the row of the result that a row of the logits is added to; null for one loss
}

/// <summary>Some rows and columns of logits, stored as a matrix [Rows, Columns] of their own.</summary>
internal readonly unsafe struct LogitBlock(float* data, int firstRow, int rows, int firstColumn, int columns)
{
    public readonly float* Data = data;
    public readonly int FirstRow = firstRow, Rows = rows, FirstColumn = firstColumn, Columns = columns;
}
