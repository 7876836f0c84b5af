namespace Tandem.Tensors.Operations;

/// <summary>What the chunks of one pass of <see cref="AttentionOperation"/> share.</summary>
internal unsafe struct AttentionWork
{
    /// <summary>
    /// The longest sequence of which the exponentials are kept: each row of a head then has 128 of them on average, two to
    /// eight times what it has of queries in a usual model.
    /// </summary>
    private const int KeptLength = 256;

    public RotaryRows Rotary;
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
    public HiddenKeys* Hidden; // of each row, or null
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

    /// <summary>Whole groups of the columns that <see cref="AttentionRows"/> works on.</summary>
    public static int RoundUp(int count) => (count + 15) / 16 * 16;

    /// <summary>
    /// Rows of nothing that complete the first tile of a sequence: the tiles that see most keys are then whole.
    /// </summary>
    public static int RowsBefore(int length) => (SmallProduct.TileRows - (length % SmallProduct.TileRows)) % SmallProduct.TileRows;

    /// <summary>The kept exponentials of one head: tiles of rows, each as wide as the keys that it sees.</summary>
    public static long PowersOfHead(int length)
    {
        long floats = 0;
        for (int row = -RowsBefore(length); row < length && length <= KeptLength; row += SmallProduct.TileRows)
            floats += SmallProduct.TileRows * RoundUp(row + SmallProduct.TileRows);
        return floats;
    }

    /// <summary>The kept exponentials of a chunk, head by head; null when there are none.</summary>
    public readonly float* PowersOf(int chunk, int length)
    {
        if (PowerOffsets == null || length > KeptLength)
            return null;
        long firstHead = chunk % KeyValueHeads * (Heads / KeyValueHeads);
        return Powers + PowerOffsets[chunk / KeyValueHeads] + (firstHead * PowersOfHead(length));
    }

    /// <summary>Whether a row of the sequence that begins at <paramref name="first"/> sees a key of it up to its own.</summary>
    public readonly bool Sees(int first, int row, int key) =>
        Hidden == null || !Hidden[first + row].Hides(key);

    /// <summary>Sets the scores of keys that rows do not see to -∞.</summary>
    public readonly void Hide(float* scores, int stride, int row, int rows)
    {
        for (int r = 0; Hidden != null && r < rows; r++)
        {
            HiddenKeys hidden = Hidden[row + r];
            float* scoresOfRow = scores + ((long)r * stride);
            new Span<float>(scoresOfRow + hidden.Start, hidden.End - hidden.Start).Fill(float.NegativeInfinity);
            new Span<float>(scoresOfRow + hidden.LaterStart, hidden.LaterEnd - hidden.LaterStart).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>Fetches the share of one tile of the keys and values that are read soon.</summary>
    public readonly void PrefetchKeys(AttentionFetch ahead, int tile)
    {
        int stride = KeyValueHeads * HeadSize;
        long offset = ahead.Keys + ((long)tile * ahead.KeysPerTile * stride);
        AttentionRows.Prefetch(K + offset, stride, ahead.KeysPerTile, HeadSize);
        AttentionRows.Prefetch(V + offset, stride, ahead.KeysPerTile, HeadSize);
    }

    /// <summary>What this thread is likely to read after a block of queries: the next block of this chunk or another.</summary>
    public readonly AttentionFetch After(int chunk, int head, int start, int rows)
    {
        int sequence = chunk / KeyValueHeads, group = Heads / KeyValueHeads, stride = Heads * HeadSize;
        long first = Offsets[sequence];
        if (first + start + rows < Offsets[sequence + 1])
            return new AttentionFetch { Queries = ((first + start + rows) * stride) + (head * HeadSize) };
        if ((head + 1) % group != 0)
            return new AttentionFetch { Queries = (first * stride) + ((head + 1) * HeadSize) };
        int next = Math.Min(chunk + Threads, Chunks - 1);
        (sequence, int keyValueHead) = (next / KeyValueHeads, next % KeyValueHeads);
        first = Offsets[sequence];
        int tiles = rows / SmallProduct.TileRows;
        return new AttentionFetch
        {
            Queries = (first * stride) + (keyValueHead * group * HeadSize),
            Keys = ((first * KeyValueHeads) + keyValueHead) * HeadSize,
            KeysPerTile = (int)((Offsets[sequence + 1] - first + tiles) / (tiles + 1)),
        };
    }
}

/// <summary>Offsets of rows that are read soon, and how many rows of keys and values to fetch with each tile; 0 for none.</summary>
internal struct AttentionFetch
{
    public long Queries;
    public long Keys;
    public int KeysPerTile;
}
