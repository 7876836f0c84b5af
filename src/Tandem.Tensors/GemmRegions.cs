using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <content>Products whose left operand is read across k, region of C by region of C.</content>
internal static unsafe partial class GemmDriver<TKernel>
{
    // Rows plus columns of a region whose strips of A and B are still read at full speed. They outgrow a second-level
    // cache of 512 KiB, but in long runs that the processor fetches ahead, while every cut packs one operand once more.
    private const int RegionWidth = 768;
    private static readonly int[] s_splits = [1, 2, 3, 4, 6, 8];

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
        ChooseRegions(rows, tiles, problems[0].N, threads, out state.Down, out state.Across);
        int chunks = state.Down * state.Across;
        if (threads > 1)
        {
            pool.Run(chunks, &RegionChunk, &state);
        }
        else
        {
            for (int chunk = 0; chunk < chunks; chunk++)
                RegionChunk(&state, chunk);
        }
    }

    // The grid with the least estimated time per step of k: rounds of regions, each its multiply-adds (16 per cycle) and
    // its packing (4 floats per cycle); a region whose strips outgrow the caches is dearer.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ChooseRegions(int m, int tiles, int n, int threads, out int down, out int across)
    {
        (down, across) = (1, 1);
        double least = double.PositiveInfinity;
        int panels = Panels(n);
        for (int i = 0; i < s_splits.Length; i++)
        {
            int rows = Math.Min(tiles, s_splits[i] * ((m + RegionWidth - 1) / RegionWidth));
            double height = (double)((tiles + rows - 1) / rows) * TKernel.Rows;
            for (int j = 0; j < s_splits.Length; j++)
            {
                int columns = Math.Min(panels, s_splits[j] * ((n + RegionWidth - 1) / RegionWidth));
                double width = (double)((panels + columns - 1) / columns) * TKernel.Columns;
                double rounds = (((long)rows * columns) + threads - 1) / threads;
                double cost = rounds * ((height * width / 16) + ((height + width) / 4)) * (height + width > RegionWidth ? 1.15 : 1);
                if (cost < least)
                    (least, down, across) = (cost, rows, columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RegionChunk(void* state, int chunk)
    {
        RegionsState* region = (RegionsState*)state;
        ref readonly GemmProblem p = ref region->Problems[0];
        (int down, int across) = (chunk / region->Across, chunk % region->Across);
        (int firstPanel, int lastPanel) = Share(Panels(p.N), across, region->Across);
        int firstColumn = firstPanel * TKernel.Columns, columns = Math.Min(p.N, lastPanel * TKernel.Columns) - firstColumn;
        int deepest = Math.Min(Gemm.ChunkDepth, p.K), tiles = 0;
        nint tileStride = ((nint)deepest * TKernel.Rows) + StripPadding, panelStride = ((nint)deepest * TKernel.Columns) + StripPadding;
        GemmProblem* parts = stackalloc GemmProblem[region->Count];
        for (int i = 0; i < region->Count; i++)
        {
            (int firstTile, int lastTile) = Share(Tiles(region->Problems[i].M), down, region->Down);
            int firstRow = firstTile * TKernel.Rows;
            parts[i] = region->Problems[i].Block(firstRow, Math.Min(region->Problems[i].M, lastTile * TKernel.Rows) - firstRow);
            tiles += lastTile - firstTile;
        }

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
            for (int i = 0; i < region->Count; i++)
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
                for (int i = 0; i < region->Count; i++)
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
        public int Count, Down, Across;
    }
}
