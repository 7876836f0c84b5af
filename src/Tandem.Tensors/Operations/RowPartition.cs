namespace Tandem.Tensors.Operations;

/// <summary>How rows or elements are cut into chunks of work: by shape only, never by the number of threads.</summary>
internal static class RowPartition
{
    /// <summary>Elements of one chunk: a few microseconds of elementwise work, three such buffers within the L2 cache.</summary>
    public const int ChunkElements = 16384;

    /// <summary>Rows of one chunk for rows of <paramref name="columns"/> elements.</summary>
    public static int RowsPerChunk(int columns) => Math.Max(1, ChunkElements / Math.Max(columns, 1));

    /// <summary>The number of chunks of <paramref name="size"/> that cover <paramref name="count"/>.</summary>
    public static int Chunks(long count, int size) => (int)((count + size - 1) / size);
}
