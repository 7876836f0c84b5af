using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <content>Products whose left operand is read across k, region of C by region of C.</content>
internal static unsafe partial class GemmDriver<TKernel>
{
    // A is read across k, as in gradients of weights: C is small and k long. A chunk is a region of C over the whole of
    // k; it packs its strips of A and B for itself, so that they stay in its core's cache and nobody waits between
    // slices of k. The regions depend on the number of threads; the sums do not. Problems with the same B share its strips.
    public static void MultiplyRegions(GemmProblem* problems, int count, WorkerPool pool)
    {
        int rows = 0, tiles = 0;
        for (int i = 0; i < count; i++)
            (rows, tiles) = (rows + problems[i].M, tiles + Tiles(problems[i].M));
        int threads = (long)rows * problems[0].N * problems[0].K < ThreadingThreshold ? 1 : pool.Threads;
        var state = new RegionsState { Problems = problems, Count = count };
        state.Cut = GemmPartition.Regions(rows, tiles, problems[0].N, TKernel.Rows, TKernel.Columns, threads);
        if (threads > 1)
        {
            pool.Run(state.Cut.Chunks, &RegionChunk, &state);
        }
        else
        {
            for (int chunk = 0; chunk < state.Cut.Chunks; chunk++)
                RegionChunk(&state, chunk);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RegionChunk(void* state, int chunk)
    {
        RegionsState* region = (RegionsState*)state;
        TileCut cut = region->Cut;
        GemmProblem* parts = stackalloc GemmProblem[region->Count];
        TileBlocks blocks = cut.Blocks(chunk);
        while (blocks.Next(out TileBlock block))
        {
            int above = 0, tiles = 0;
            for (int i = 0; i < region->Count; i++)
            {
                // In a grid a region has its share of the rows of each problem; stretches run over all of them in turn.
                ref readonly GemmProblem problem = ref region->Problems[i];
                int all = Tiles(problem.M);
                (int first, int last) = cut.IsGrid
                    ? GemmPartition.Share(all, chunk / cut.Across, cut.Down)
                    : (Math.Clamp(block.FirstTile - above, 0, all), Math.Clamp(block.LastTile - above, 0, all));
                int row = first * TKernel.Rows;
                parts[i] = problem.Block(row, first == last ? 0 : Math.Min(problem.M, last * TKernel.Rows) - row);
                tiles += last - first;
                above += all;
            }

            MultiplyRegion(parts, region->Count, tiles, block.FirstPanel, block.LastPanel);
        }
    }

    // Parts with the same B, of a number of tiles in all, times some panels of it, over the whole of k.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyRegion(GemmProblem* parts, int count, int tiles, int firstPanel, int lastPanel)
    {
        ref readonly GemmProblem p = ref parts[0];
        int firstColumn = firstPanel * TKernel.Columns, columns = Math.Min(p.N, lastPanel * TKernel.Columns) - firstColumn;
        int deepest = Math.Min(Gemm.ChunkDepth, p.K);
        nint tileStride = ((nint)deepest * TKernel.Rows) + StripPadding, panelStride = ((nint)deepest * TKernel.Columns) + StripPadding;
        float* packedA = GemmScratch.Current.StripsA(tiles * tileStride);
        bool inPlace = ReadsInPlace(p);
        float* packedB = inPlace ? null : GemmScratch.Current.StripsB((lastPanel - firstPanel) * panelStride);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            // Meanwhile the next slice of k is fetched from memory.
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            int nextStart = start + depth, nextDepth = Math.Min(Gemm.ChunkDepth, p.K - nextStart);
            var next = new Lookahead((nint)depth * Panels(columns) * tiles);
            float* a = packedA;
            for (int i = 0; i < count; i++)
            {
                ref readonly GemmProblem part = ref parts[i];
                GemmPacking.PackStrips(part.A + (start * part.AStep), part.AStep, depth, part.M, TKernel.Rows, a, tileStride);
                next.Add(part.A + (nextStart * part.AStep), part.AStep, part.M, nextDepth);
                a += Tiles(part.M) * tileStride;
            }

            float* rowsOfB = p.B + firstColumn + (start * p.BStep);
            if (!inPlace)
                GemmPacking.PackStrips(rowsOfB, p.BStep, depth, columns, TKernel.Columns, packedB, panelStride);
            next.Add(p.B + firstColumn + (nextStart * p.BStep), p.BStep, columns, nextDepth);
            for (int column = 0; column < columns; column += TKernel.Columns)
            {
                float* b = inPlace ? rowsOfB + column : packedB + (column / TKernel.Columns * panelStride);
                a = packedA;
                for (int i = 0; i < count; i++)
                {
                    ref readonly GemmProblem part = ref parts[i];
                    byte* ahead = next.Take((nint)depth * Tiles(part.M), b, out nint aheadStep);
                    float* addend = part.Addend(0, firstColumn + column, start, out nint addendRow);
                    MultiplyPanel(
                        part.M, Math.Min(TKernel.Columns, columns - column), depth, a, tileStride, 1, TKernel.Rows, b,
                        inPlace ? p.BStep : TKernel.Columns, part.C + firstColumn + column, part.Ldc, addend, addendRow, ahead, aheadStep);
                    a += Tiles(part.M) * tileStride;
                }
            }
        }
    }

    // Whether a panel of B is read as fast without being packed: its rows are whole cache lines, of which the 256 of a slice
    // of k find room in a first-level cache of 64 sets.
    private static bool ReadsInPlace(in GemmProblem p) => p.N % TKernel.Columns == 0 && p.BStep % 16 == 0 && p.BStep / 16 % 4 != 0;

    // Stretches of memory to fetch during a number of steps of k. An operand that is mostly outside the region is left out.
    private struct Lookahead(nint steps)
    {
        private fixed long _from[GemmBlocks.MostTogether + 1];
        private fixed long _end[GemmBlocks.MostTogether + 1];
        private int _count;

        public void Add(float* first, nint stride, int length, int depth)
        {
            if (depth <= 0 || length == 0 || stride > (5 * length / 2) + 16)
                return;
            _from[_count] = (nint)first;
            _end[_count++] = (nint)(first + (depth * stride));
        }

        /// <summary>Where to fetch in the next <paramref name="count"/> steps, and how fast; <paramref name="otherwise"/> and 0 when done.</summary>
        public byte* Take(nint count, float* otherwise, out nint step)
        {
            while (_count > 0 && _from[_count - 1] >= _end[_count - 1])
                _count--;
            nint left = 0;
            for (int i = 0; i < _count; i++)
                left += (nint)(_end[i] - _from[i]);
            step = (left + steps - 1) / Math.Max(steps, 1);
            if (_count == 0)
                return (byte*)otherwise;
            byte* from = (byte*)_from[_count - 1];
            steps -= count;
            _from[_count - 1] += count * step;
            return from;
        }
    }

    private struct RegionsState
    {
        public GemmProblem* Problems;
        public TileCut Cut;
        public int Count;
    }
}
