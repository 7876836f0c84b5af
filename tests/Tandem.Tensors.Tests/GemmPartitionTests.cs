using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors.Tests;

/// <summary>
/// How evenly work is spread over 64 threads, for the products of training steps of models of 1, 10 and 100 million
/// parameters. Work is counted in multiply-adds of whole register tiles, since a tile that an edge cuts takes as long;
/// chunks go to the least loaded thread in their order, as threads claim them.
/// </summary>
public sealed class GemmPartitionTests
{
    private const int Threads = 64;
    private const double Even = 1.05;

    private static readonly (string Name, int Rows, int Columns)[] s_kernels =
    [
        ("portable", PortableGemmKernel.Rows, PortableGemmKernel.Columns),
        ("AVX2", Avx2GemmKernel.Rows, Avx2GemmKernel.Columns),
        ("AVX-512", Avx512GemmKernel.Rows, Avx512GemmKernel.Columns),
    ];

    // Width, inner width of the feed-forward layer, query heads, key-value heads, size of a head, vocabulary.
    private static readonly (string Name, int Width, int Inner, int Heads, int Groups, int HeadSize, int Vocabulary)[] s_models =
    [
        ("1M", 128, 352, 4, 2, 32, 256), ("10M", 320, 864, 10, 5, 32, 4096), ("100M", 768, 2048, 12, 6, 64, 32_000),
    ];

    public static TheoryData<int> Tokens => [2048, 4096, 16_384];

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Rows_OfProjectionsAndTheirInputGradients_AreEven(int tokens)
    {
        foreach (var (kernel, tileRows, tileColumns) in s_kernels)
        {
            foreach (var (model, width, _, heads, _, headSize, vocabulary) in s_models)
            {
                // NT of the output projection and the logits, NN of their input gradients.
                foreach (int columns in new[] { width, vocabulary, heads * headSize })
                {
                    for (int column = 0; column < columns; column += GemmPartition.BlockWidth)
                    {
                        int block = Math.Min(GemmPartition.BlockWidth, columns - column);
                        AssertEven(
                            GemmPartition.Rows(Quotient(tokens, tileRows), Quotient(block, tileColumns), Threads),
                            $"{kernel}, {model}, {tokens} rows, columns {column} to {column + block}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Regions_OfWeightGradients_AreEven(int tokens)
    {
        _ = tokens; // They run along the sums, and do not change the cut.
        foreach (var (kernel, tileRows, tileColumns) in s_kernels)
        {
            foreach (var (model, width, inner, heads, groups, headSize, vocabulary) in s_models)
            {
                (int queries, int keys) = (heads * headSize, groups * headSize);
                foreach (var (rows, columns) in new (int[] Rows, int Columns)[]
                {
                    ([queries, keys, keys], width), ([width], queries), ([inner, inner], width), ([width], inner), ([vocabulary], width),
                })
                {
                    AssertEven(
                        GemmPartition.Regions(
                            rows.Sum(), rows.Sum(r => Quotient(r, tileRows)), columns, tileRows, tileColumns, Threads),
                        $"{kernel}, {model}, {string.Join(" + ", rows)} x {columns}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tokens))]
    public void RowBlocks_OfProductsThatShareRows_AreEven(int tokens)
    {
        // Queries, keys and values, and the feed-forward layer: whole rows go through all of it.
        foreach (var (kernel, tileRows, _) in s_kernels)
        {
            int tiles = Quotient(tokens, tileRows), blocks = GemmPartition.RowBlocks(tiles, Threads);
            AssertEven(TileCut.Grid(tiles, 1, blocks, 1), $"{kernel}, {tokens} rows");
        }
    }

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Chunks_OfAttentionAndRowOperations_AreAsEvenAsWholeOnesCanBe(int tokens)
    {
        foreach (var (model, width, _, _, groups, _, vocabulary) in s_models)
        {
            foreach (int length in new[] { 64, 256 })
            {
                // A chunk is a key-value head of a sequence.
                AssertEven(TileCut.Grid(tokens / length * groups, 1, tokens / length * groups, 1), $"attention, {model}, {tokens} / {length}");
            }

            foreach (int columns in new[] { width, vocabulary })
            {
                int rows = RowPartition.RowsPerChunk(columns), chunks = RowPartition.Chunks(tokens, rows);
                long[] work = [.. Enumerable.Range(0, chunks).Select(c => (long)Math.Min(rows, tokens - (c * rows)))];
                Assert.Equal(tokens, work.Sum());
                Assert.True(rows * columns <= Math.Max(RowPartition.ChunkElements, columns));
                AssertLoad(work, rows * (long)Quotient(chunks, Threads), $"rows, {model}, {tokens} x {columns}");
            }
        }
    }

    [Fact]
    public void Blocks_OfAnyCut_CoverEveryTileOnce()
    {
        Gen<(int, int, int)> shapes = Gen.Choose(1, 300).SelectMany(
            _ => Gen.Choose(1, 70).SelectMany(_ => Gen.Elements(1, 2, 3, 5, 16, 64, 200), (panels, threads) => (panels, threads)),
            (tiles, rest) => (tiles, rest.panels, rest.threads));
        Prop.ForAll(shapes.ToArbitrary(), shape =>
        {
            (int tiles, int panels, int threads) = shape;
            foreach (var (_, tileRows, tileColumns) in s_kernels)
            {
                foreach (TileCut cut in (TileCut[])[
                    GemmPartition.Rows(tiles, panels, threads),
                    GemmPartition.Regions(tiles * tileRows, tiles, panels * tileColumns, tileRows, tileColumns, threads)])
                {
                    Assert.True(threads > 2 || cut.IsGrid);
                    int[] times = new int[tiles * panels];
                    for (int chunk = 0; chunk < cut.Chunks; chunk++)
                    {
                        foreach (TileBlock block in Blocks(cut, chunk))
                        {
                            Assert.True(block.FirstTile < block.LastTile && block.FirstPanel < block.LastPanel);
                            for (int i = block.FirstTile; i < block.LastTile; i++)
                            {
                                for (int j = block.FirstPanel; j < block.LastPanel; j++)
                                    times[(i * panels) + j]++;
                            }
                        }
                    }

                    Assert.True(Array.TrueForAll(times, count => count == 1), $"{tiles} x {panels} tiles, {threads} threads");
                }
            }
        }).QuickCheckThrowOnFailure();
    }

    private static void AssertEven(TileCut cut, string what)
    {
        long[] work = [.. Enumerable.Range(0, cut.Chunks).Select(chunk => Blocks(cut, chunk).Sum(Area))];
        long total = (long)cut.Tiles * cut.Panels;
        Assert.Equal(total, work.Sum());
        AssertLoad(work, (total + Threads - 1) / Threads, what);

        static long Area(TileBlock b) => (long)(b.LastTile - b.FirstTile) * (b.LastPanel - b.FirstPanel);
    }

    /// <summary>5% above the mean, or where units are too few for that, <paramref name="achievable"/>.</summary>
    private static void AssertLoad(long[] work, long achievable, string what)
    {
        var loads = new PriorityQueue<long, long>(Enumerable.Repeat((0L, 0L), Threads));
        foreach (long chunk in work)
        {
            long load = loads.Peek() + chunk;
            loads.DequeueEnqueue(load, load);
        }

        double mean = (double)work.Sum() / Threads, most = loads.UnorderedItems.Max(item => item.Element);
        Assert.True(most <= Math.Max(Even * mean, achievable), $"{what}: {work.Length} chunks, {most / mean:F3} of the mean");
    }

    private static List<TileBlock> Blocks(TileCut cut, int chunk)
    {
        var found = new List<TileBlock>();
        TileBlocks blocks = cut.Blocks(chunk);
        while (blocks.Next(out TileBlock block))
            found.Add(block);
        return found;
    }

    private static int Quotient(int count, int size) => (count + size - 1) / size;
}
