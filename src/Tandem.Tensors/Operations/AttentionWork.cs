namespace Tandem.Tensors.Operations;

/// <summary>What the chunks of one pass of <see cref="AttentionOperation"/> share.</summary>
internal unsafe struct AttentionWork
{
    /// <summary>Query rows of a block, whole tiles: with 128 keys, probabilities and their gradients take 75 KiB.</summary>
    public const int BlockRows = 11 * SmallProduct.TileRows;

    /// <summary>
    /// The longest sequence of which the exponentials are kept: each row of a head then has 128 of them on average, two to
    /// eight times what it has of queries in a usual model.
    /// </summary>
    private const int KeptLength = 256;

    public RotaryRows Rotary; // without positions no sequence has a branch
    public float* Q;
    public float* K;
    public float* V;
    public float* Result;
    public float* Statistics;
    public float* Powers; // exp(score - largest) of every head of the sequences that are not too long
    public long* PowerOffsets; // of each sequence; null without a backward pass
    public float* ResultGradient;
    public float* QGradient;
    public float* KGradient;
    public float* VGradient;
    public bool* Exact; // of each chunk: whether the forward pass met numbers that call for AttentionPairs
    public int* Offsets;
    public int Chunks;
    public int Threads;
    public int Heads;
    public int KeyValueHeads;
    public int HeadSize;
    public int Padded;
    public float Scale;
    public bool AccumulateQ;
    public bool AccumulateK;
    public bool AccumulateV;

    /// <summary>
    /// Room for keys in whole tiles; an odd number of cache lines, so that columns that are read down the rows fall into
    /// different sets of the cache.
    /// </summary>
    private static int KeyStride(int length) => RoundUp(length + SmallProduct.TileRows) | 16;

    /// <summary>Whole groups of the columns that <see cref="AttentionRows"/> works on.</summary>
    public static int RoundUp(int count) => (count + 15) / 16 * 16;

    /// <summary>The rows from one on that follow each other: a sequence up to its first branch, or a branch up to the next.</summary>
    /// <param name="row">A row of the batch.</param>
    /// <param name="end">The end of its sequence.</param>
    public readonly AttentionRun RunAt(int row, int end)
    {
        if (Rotary.Positions == null)
            return new AttentionRun { First = row, End = end };
        int last = row;
        while (last + 1 < end && Rotary.Positions[last + 1] == Rotary.Positions[last] + 1)
            last++;
        return new AttentionRun { First = row, End = last + 1, Position = Rotary.Positions[row] };
    }

    /// <summary>The rows and heads of a chunk.</summary>
    public readonly AttentionChunk ChunkAt(int chunk)
    {
        int sequence = chunk / KeyValueHeads, keyValueHead = chunk % KeyValueHeads, group = Heads / KeyValueHeads, longest = 0;
        int first = Offsets[sequence], end = Offsets[sequence + 1];
        for (int row = first; row < end;)
        {
            AttentionRun run = RunAt(row, end);
            longest = Math.Max(longest, run.EndPosition);
            row = run.End;
        }

        return new AttentionChunk
        {
            First = first,
            End = end,
            KeyValueHead = keyValueHead,
            FirstHead = keyValueHead * group,
            EndHead = (keyValueHead + 1) * group,
            KeyStride = KeyStride(longest),
        };
    }

    /// <summary>Where the keys or values of a run begin in their tensor.</summary>
    public readonly long OffsetOfKeys(in AttentionRun run, int keyValueHead) =>
        (((long)run.First * KeyValueHeads) + keyValueHead) * HeadSize;

    /// <summary>The kept exponentials of one head of a sequence: tiles of rows, each as wide as the keys that it sees.</summary>
    public readonly long PowersOfHead(int first, int end)
    {
        long floats = 0;
        while (first < end && end - first <= KeptLength)
        {
            AttentionRun run = RunAt(first, end);
            for (int row = run.FirstOfTiles; row < run.EndPosition; row += SmallProduct.TileRows)
                floats += SmallProduct.TileRows * RoundUp(row + SmallProduct.TileRows);
            first = run.End;
        }

        return floats;
    }

    /// <summary>The kept exponentials of a chunk, run by run and in a run head by head; null when there are none.</summary>
    public readonly float* PowersOf(int chunk)
    {
        if (PowerOffsets == null)
            return null;
        int sequence = chunk / KeyValueHeads;
        long ofHeads = PowerOffsets[sequence + 1] - PowerOffsets[sequence];
        return ofHeads == 0 ? null : Powers + PowerOffsets[sequence] + (chunk % KeyValueHeads * (ofHeads / KeyValueHeads));
    }

    /// <summary>Fetches the share of one tile of the keys and values that are read soon.</summary>
    public readonly void PrefetchKeys(AttentionFetch ahead, int tile)
    {
        int stride = KeyValueHeads * HeadSize;
        long offset = ahead.Keys + ((long)tile * ahead.KeysPerTile * stride);
        AttentionRows.Prefetch(K + offset, stride, ahead.KeysPerTile, HeadSize);
        AttentionRows.Prefetch(V + offset, stride, ahead.KeysPerTile, HeadSize);
    }

    /// <summary>What this thread is likely to read after a block of queries: the next block of this run, head or chunk.</summary>
    /// <param name="chunk">The chunk.</param>
    /// <param name="head">The block's head.</param>
    /// <param name="run">The block's run.</param>
    /// <param name="row">The row of the batch after the block.</param>
    /// <param name="rows">Rows of the block.</param>
    public readonly AttentionFetch After(int chunk, int head, in AttentionRun run, int row, int rows)
    {
        int sequence = chunk / KeyValueHeads, group = Heads / KeyValueHeads;
        long stride = (long)Heads * HeadSize;
        if (row < run.End)
            return new AttentionFetch { Queries = (row * stride) + (head * HeadSize) };
        if ((head + 1) % group != 0)
            return new AttentionFetch { Queries = (run.First * stride) + ((head + 1) * HeadSize) };
        if (run.End < Offsets[sequence + 1])
            return new AttentionFetch { Queries = (run.End * stride) + ((head + 1 - group) * HeadSize) };
        int next = Math.Min(chunk + Threads, Chunks - 1);
        (sequence, int keyValueHead) = (next / KeyValueHeads, next % KeyValueHeads);
        long first = Offsets[sequence];
        int tiles = rows / SmallProduct.TileRows;
        return new AttentionFetch
        {
            Queries = (first * stride) + (keyValueHead * group * HeadSize),
            Keys = ((first * KeyValueHeads) + keyValueHead) * HeadSize,
            KeysPerTile = (int)((Offsets[sequence + 1] - first + tiles) / (tiles + 1)),
        };
    }
}

/// <summary>One key-value head of one sequence, with the query heads that share it.</summary>
internal struct AttentionChunk
{
    /// <summary>The sequence's first row of the batch.</summary>
    public int First;

    /// <summary>The row after its last.</summary>
    public int End;

    public int KeyValueHead;
    public int FirstHead;
    public int EndHead;

    /// <summary>Room for the keys that the row sees which sees most of them.</summary>
    public int KeyStride;
}

/// <summary>
/// Rows of a sequence at consecutive positions. The first of them follows the last row before it of the position before:
/// what a row sees is, of each position up to its own, the last row that has it.
/// </summary>
internal struct AttentionRun
{
    /// <summary>The first row of the batch.</summary>
    public int First;

    /// <summary>The row after the last.</summary>
    public int End;

    /// <summary>The position of the first row.</summary>
    public int Position;

    /// <summary>The position after the last row's: so many keys that row sees.</summary>
    public readonly int EndPosition => Position + End - First;

    /// <summary>
    /// The position of the first tile of rows, which begins with rows of nothing where it is short of six: the tiles that see
    /// most keys are then whole.
    /// </summary>
    public readonly int FirstOfTiles =>
        EndPosition - ((End - First + SmallProduct.TileRows - 1) / SmallProduct.TileRows * SmallProduct.TileRows);
}

/// <summary>Offsets of rows that are read soon, and how many rows of keys and values to fetch with each tile; 0 for none.</summary>
internal struct AttentionFetch
{
    public long Queries;
    public long Keys;
    public int KeysPerTile;
}
