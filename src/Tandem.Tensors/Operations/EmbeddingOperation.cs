namespace Tandem.Tensors.Operations;

/// <summary>
/// Rows of a table. The gradient of a table row is the sum over its tokens in their order: tokens are grouped by a
/// counting sort, and each table row belongs to one chunk.
/// </summary>
internal sealed unsafe class EmbeddingOperation : Operation
{
    private int* _tokens;
    private Parameter _table = null!;
    private Tensor _result;

    /// <summary>result[i] = table[tokens[i]].</summary>
    public void Forward(Tape tape, int* tokens, Parameter table, Tensor result)
    {
        (_table, _result) = (table, result);
        _tokens = tokens;
        int rows = RowPartition.RowsPerChunk(result.Columns);
        var work = new Work
        {
            Tokens = tokens,
            Source = table.Tensor.Data,
            Halves = table.Halves,
            Destination = result.Data,
            Columns = result.Columns,
            Rows = result.Rows,
            RowsPerChunk = rows,
        };
        tape.Pool.Run(RowPartition.Chunks(result.Rows, rows), &GatherChunk, &work);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        if (!_table.IsTrainable || _result.Rows == 0)
            return;
        int vocabulary = _table.Tensor.Rows;
        int count = _result.Rows;
        int* starts = tape.Arena.Integers(vocabulary + 2);
        int* order = tape.Arena.Integers(count);
        new Span<int>(starts, vocabulary + 2).Clear();

        // starts[t + 2] counts token t, then starts[t + 1] runs from the start of t to its end while order is filled.
        for (int i = 0; i < count; i++)
            starts[_tokens[i] + 2]++;
        for (int t = 2; t <= vocabulary; t++)
            starts[t] += starts[t - 1];
        for (int i = 0; i < count; i++)
            order[starts[_tokens[i] + 1]++] = i;

        const int tableRowsPerChunk = 16;
        var work = new Work
        {
            Tokens = order,
            Starts = starts,
            Source = _result.Gradient,
            Destination = _table.Tensor.Gradient,
            Columns = _result.Columns,
            Rows = vocabulary,
            RowsPerChunk = tableRowsPerChunk,
        };
        tape.Pool.Run(RowPartition.Chunks(vocabulary, tableRowsPerChunk), &ScatterChunk, &work);
    }

    private static void GatherChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            long from = (long)work.Tokens[i] * work.Columns;
            float* destination = work.Destination + ((long)i * work.Columns);
            if (work.Halves == null)
                Lanes.Copy(work.Source + from, destination, work.Columns, accumulate: false);
            else
                GemmPacking.CopyRow(work.Halves + from, work.Columns, destination);
        }
    }

    private static void ScatterChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int token = chunk * work.RowsPerChunk; token < end; token++)
        {
            float* destination = work.Destination + ((long)token * work.Columns);
            for (int i = work.Starts[token]; i < work.Starts[token + 1]; i++)
                Lanes.Copy(work.Source + ((long)work.Tokens[i] * work.Columns), destination, work.Columns, accumulate: true);
        }
    }

    private struct Work
    {
        public int* Tokens;
        public int* Starts;
        public float* Source;
        public BFloat16* Halves; // in the place of the source, if it is stored so
        public float* Destination;
        public int Columns;
        public int Rows;
        public int RowsPerChunk;
    }
}
