using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>Sums over rows, for the gradients of biases and norm weights: partial sums of fixed chunks of rows, combined in order.</summary>
internal static unsafe class ColumnSums
{
    /// <summary>destination[j] += Σ over rows of source[i, j].</summary>
    public static void Accumulate(Tape tape, float* source, int rows, int columns, float* destination)
    {
        int rowsPerChunk = RowPartition.RowsPerChunk(columns);
        int chunks = RowPartition.Chunks(rows, rowsPerChunk);
        var work = new Work
        {
            Source = source,
            Partials = tape.Arena.Floats(Math.Max((long)chunks * columns, 1)),
            Rows = rows,
            Columns = columns,
            RowsPerChunk = rowsPerChunk,
        };
        tape.Pool.Run(chunks, &Chunk, &work);
        Combine(work.Partials, chunks, columns, destination);
    }

    /// <summary>destination[j] += the partial sums [chunks, columns], in order.</summary>
    public static void Combine(float* partials, int chunks, int columns, float* destination)
    {
        for (int chunk = 0; chunk < chunks; chunk++)
            Lanes.Copy(partials + ((long)chunk * columns), destination, columns, accumulate: true);
    }

    private static void Chunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int columns = work.Columns;
        int start = chunk * work.RowsPerChunk;
        int end = Math.Min(work.Rows, start + work.RowsPerChunk);
        float* partial = work.Partials + ((long)chunk * columns);
        int j = 0;
        for (; j + 8 <= columns; j += 8)
        {
            Vector256<float> sum = Vector256<float>.Zero;
            for (int i = start; i < end; i++)
                sum += Vector256.Load(work.Source + ((long)i * columns) + j);
            Vector256.Store(sum, partial + j);
        }

        for (; j < columns; j++)
        {
            float sum = 0f;
            for (int i = start; i < end; i++)
                sum += work.Source[((long)i * columns) + j];
            partial[j] = sum;
        }
    }

    private struct Work
    {
        public float* Source;
        public float* Partials;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
