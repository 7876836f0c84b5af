using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <summary>
/// How the tiles of a product are spread over threads: pure functions of its shape and their number, which can be asked
/// without computing anything. No cut changes a result. C is counted in register tiles: rows of tiles × panels of columns.
/// </summary>
internal static class GemmPartition
{
    /// <summary>The widest block of columns whose panels of B are packed at once.</summary>
    public const int BlockWidth = 4096;

    private const int TilesPerRowBlock = 16;
    private const int WantedChunks = 16;

    // Up to this many threads a grid of rectangles is even enough. More of them take stretches of tiles instead, since the
    // rows or columns that a rectangle has more than another are then a larger part of it.
    private const int GridThreads = 2;

    // Rows plus columns of a region whose strips of A and B are still read at full speed. They outgrow a second-level
    // cache of 512 KiB, but in long runs that the processor fetches ahead, while every cut packs one operand once more.
    private const int RegionWidth = 768;
    private static readonly int[] s_splits = [1, 2, 3, 4, 6, 8];

    /// <summary>The part of a number of things that is nearest to one of so many equal parts.</summary>
    public static (int First, int Last) Share(int count, int part, int parts) =>
        ((int)((long)count * part / parts), (int)((long)count * (part + 1) / parts));

    /// <summary>Blocks of whole rows: as many for each thread, so that none waits for another's last block.</summary>
    public static int RowBlocks(int tiles, int threads)
    {
        long fewest = Quotient(Quotient(tiles, TilesPerRowBlock), threads), rounds = fewest;
        if (threads > GridThreads)
        {
            // The blocks that have a tile more than others may all fall to one thread: smaller ones, if they make that less.
            for (long more = fewest + 1; more <= 2 * fewest && !IsEven(Longest(rounds), 1, tiles, threads); more++)
                rounds = Longest(more) < Longest(rounds) ? more : rounds;
        }

        return (int)Math.Min(rounds * threads, tiles);

        long Longest(long each) => each * Quotient(tiles, each * threads);
    }

    /// <summary>
    /// Chunks of a product whose panels of B are packed beforehand and whose rows of A are read in place: blocks of rows,
    /// times groups of panels where there are few; stretches of tiles where blocks would leave threads waiting.
    /// </summary>
    public static TileCut Rows(int tiles, int panels, int threads)
    {
        int down = RowBlocks(tiles, threads), across = Math.Min(panels, (WantedChunks + down - 1) / down);
        long rounds = Quotient(down * across, threads), longest = rounds * Quotient(tiles, down) * Quotient(panels, across);
        return threads <= GridThreads || IsEven(longest, panels, tiles, threads)
            ? TileCut.Grid(tiles, panels, down, across)
            : TileCut.Stretches(tiles, panels, down, (int)Math.Min(rounds * threads, (long)tiles * panels));
    }

    /// <summary>
    /// Whether a product whose rows of A run across k is too large for regions: neither operand would be packed just once, which
    /// takes longer than packing all of B beforehand.
    /// </summary>
    public static bool OutgrowsRegions(int rows, int columns) => rows > RegionWidth && columns > RegionWidth;

    /// <summary>
    /// Chunks of a product whose operands are both packed by the chunk: near squares, of which each thread has as many tiles.
    /// </summary>
    /// <param name="rows">Rows of C.</param>
    /// <param name="tiles">Tiles in a column of C, which may be more than its rows need where it is made of several matrices.</param>
    /// <param name="columns">Columns of C.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="tileColumns">Columns of a tile.</param>
    /// <param name="threads">The threads.</param>
    public static TileCut Regions(int rows, int tiles, int columns, int tileRows, int tileColumns, int threads)
    {
        int panels = (int)Quotient(columns, tileColumns);
        return threads <= GridThreads
            ? RegionGrid(rows, tiles, columns, panels, tileRows, tileColumns, threads)
            : RegionStretches(tiles, panels, tileRows, tileColumns, threads);
    }

    // The grid with the least estimated time per step of k: rounds of regions, each its multiply-adds (16 per cycle) and
    // its packing (4 floats per cycle); a region whose strips outgrow the caches is dearer.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TileCut RegionGrid(int m, int tiles, int n, int panels, int tileRows, int tileColumns, int threads)
    {
        (int down, int across) = (1, 1);
        double least = double.PositiveInfinity;
        for (int i = 0; i < s_splits.Length; i++)
        {
            int rows = Math.Min(tiles, s_splits[i] * ((m + RegionWidth - 1) / RegionWidth));
            double height = (double)((tiles + rows - 1) / rows) * tileRows;
            for (int j = 0; j < s_splits.Length; j++)
            {
                int columns = Math.Min(panels, s_splits[j] * ((n + RegionWidth - 1) / RegionWidth));
                double width = (double)((panels + columns - 1) / columns) * tileColumns;
                double rounds = (((long)rows * columns) + threads - 1) / threads;
                double cost = rounds * ((height * width / 16) + ((height + width) / 4)) * (height + width > RegionWidth ? 1.15 : 1);
                if (cost < least)
                    (least, down, across) = (cost, rows, columns);
            }
        }

        return TileCut.Grid(tiles, panels, down, across);
    }

    // The multiply-adds are even for any strips: the packing decides on their height, and on the rounds whether it stays in
    // the caches. A stretch that begins or ends within a panel packs its rows and that panel once more.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TileCut RegionStretches(int tiles, int panels, int tileRows, int tileColumns, int threads)
    {
        long total = (long)tiles * panels;
        for (int rounds = 1; ; rounds++)
        {
            int chunks = (int)Math.Min(total, (long)rounds * threads), best = tiles;
            double each = (double)total / chunks, least = double.PositiveInfinity, packed = 0;
            for (int height = 1; height <= tiles && height * tileRows < RegionWidth; height++)
            {
                int strips = (int)Quotient(tiles, height);
                double high = (double)tiles / strips, wide = each / high, width = (high * tileRows) + (wide * tileColumns);
                bool whole = tiles % strips == 0 && chunks % strips == 0 && panels % (chunks / strips) == 0;
                double cost = width + (whole ? 0 : (high * tileRows) + (2 * tileColumns));
                if (cost < least)
                    (least, packed, best) = (cost, width, strips);
            }

            if (packed <= RegionWidth || chunks == total)
                return TileCut.Stretches(tiles, panels, best, chunks);
        }
    }

    // Whether the thread with most tiles has at most a twentieth more than on average.
    private static bool IsEven(long longest, int panels, int tiles, int threads) => 20 * longest * threads <= 21L * tiles * panels;

    private static long Quotient(long count, long size) => (count + size - 1) / size;
}

/// <summary>A rectangle of tiles, ends excluded.</summary>
internal readonly record struct TileBlock(int FirstTile, int LastTile, int FirstPanel, int LastPanel);

/// <summary>
/// Tiles × panels cut into chunks: a grid of rectangles, or stretches of an order in which strips of some rows of tiles
/// follow each other, and in a strip its panels. Stretches differ by one tile at most.
/// </summary>
internal readonly struct TileCut
{
    private TileCut(int tiles, int panels, int down, int across, int chunks) =>
        (Tiles, Panels, Down, Across, Chunks) = (tiles, panels, down, across, chunks);

    /// <summary>Rows of tiles.</summary>
    public int Tiles { get; }

    /// <summary>Panels of columns.</summary>
    public int Panels { get; }

    /// <summary>Rectangles down the grid, or strips.</summary>
    public int Down { get; }

    /// <summary>Rectangles across the grid; 0 for stretches.</summary>
    public int Across { get; }

    /// <summary>The number of chunks.</summary>
    public int Chunks { get; }

    /// <summary>Whether each chunk is one rectangle of a grid.</summary>
    public bool IsGrid => Across > 0;

    /// <summary>A grid of rectangles.</summary>
    public static TileCut Grid(int tiles, int panels, int down, int across) => new(tiles, panels, down, across, down * across);

    /// <summary>Stretches along strips.</summary>
    public static TileCut Stretches(int tiles, int panels, int strips, int chunks) => new(tiles, panels, strips, 0, chunks);

    /// <summary>The rectangles of a chunk.</summary>
    public TileBlocks Blocks(int chunk) => new(this, chunk);
}

/// <summary>The rectangles of a chunk of a <see cref="TileCut"/>, one after the other.</summary>
internal struct TileBlocks
{
    private readonly TileCut _cut;
    private long _at, _end;

    /// <summary>Starts before the first.</summary>
    public TileBlocks(in TileCut cut, int chunk)
    {
        long total = (long)cut.Tiles * cut.Panels;
        _cut = cut;
        (_at, _end) = cut.IsGrid ? (chunk, chunk + 1) : (total * chunk / cut.Chunks, total * (chunk + 1) / cut.Chunks);
    }

    /// <summary>The next rectangle; false when there is none.</summary>
    public bool Next(out TileBlock block)
    {
        block = default;
        if (_at >= _end)
            return false;
        if (_cut.IsGrid)
        {
            (int firstTile, int lastTile) = GemmPartition.Share(_cut.Tiles, (int)_at / _cut.Across, _cut.Down);
            (int firstPanel, int lastPanel) = GemmPartition.Share(_cut.Panels, (int)_at % _cut.Across, _cut.Across);
            block = new TileBlock(firstTile, lastTile, firstPanel, lastPanel);
            _at++;
            return true;
        }

        // The last strip that begins at this row of tiles or above.
        long row = _at / _cut.Panels;
        (int first, int last) = GemmPartition.Share(_cut.Tiles, (int)((((row + 1) * _cut.Down) - 1) / _cut.Tiles), _cut.Down);
        int height = last - first;
        long inStrip = _at - ((long)first * _cut.Panels), left = Math.Min(_end - _at, ((long)height * _cut.Panels) - inStrip);
        int panel = (int)(inStrip / height), tile = (int)(inStrip % height);
        if (tile > 0 || left < height)
        {
            int count = (int)Math.Min(height - tile, left);
            block = new TileBlock(first + tile, first + tile + count, panel, panel + 1);
            _at += count;
        }
        else
        {
            int whole = (int)(left / height);
            block = new TileBlock(first, last, panel, panel + whole);
            _at += (long)whole * height;
        }

        return true;
    }
}
