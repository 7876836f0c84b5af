using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <summary>Cuts a product into tiles of one kernel and spreads them over threads. No cut changes a result.</summary>
internal static unsafe partial class GemmDriver<TKernel>
    where TKernel : struct, IGemmKernel
{
    // Multiply-adds under which waking a second thread costs more than it gains (about 4 µs of one core).
    private const long ThreadingThreshold = 100_000;

    // Rows up to which each chunk packs the panels of B that it needs itself, instead of all threads packing first.
    private const int DirectRows = 64;

    // The largest block of B packed at once, in columns and in floats.
    private const int BlockWidth = 4096;
    private const int BlockFloats = 1 << 18;

    // A block of B smaller than this is packed by the calling thread.
    private const int PackingThreshold = 8192;
    private const int PackDepth = 64;

    // Strips that are packed side by side would start in the same set of the first-level cache without it.
    private const int StripPadding = 16;

    private const int TilesPerRowBlock = 16;
    private const int WantedChunks = 16;

    // Rows plus columns of a region whose strips of A and B are still read at full speed. They outgrow a second-level
    // cache of 512 KiB, but in long runs that the processor fetches ahead, while every cut packs one operand once more.
    private const int RegionWidth = 768;
    private static readonly int[] s_splits = [1, 2, 3, 4, 6, 8];

    public static void Multiply(in GemmProblem problem, WorkerPool pool)
    {
        if (problem.AStep == 1)
        {
            if (problem.M <= DirectRows)
                MultiplyDirectly(problem, pool);
            else
                MultiplyRows(problem, pool);
        }
        else
        {
            if (problem.M <= 2 * TKernel.Rows && problem.K <= Gemm.ChunkDepth)
            {
                MultiplyDirectly(problem, pool);
            }
            else
            {
                GemmProblem only = problem;
                MultiplyRegions(&only, 1, pool);
            }
        }
    }

    private static int Panels(int columns) => (columns + TKernel.Columns - 1) / TKernel.Columns;

    private static int Tiles(int rows) => (rows + TKernel.Rows - 1) / TKernel.Rows;

    // As many for each thread, so that none waits for another's last block.
    private static int RowBlocks(int rows, int threads)
    {
        int blocks = (Tiles(rows) + TilesPerRowBlock - 1) / TilesPerRowBlock;
        return Math.Min((blocks + threads - 1) / threads * threads, Tiles(rows));
    }

    // Few rows: a chunk is a panel of B, packed by the chunk in the calling thread's scratch.
    private static void MultiplyDirectly(in GemmProblem problem, WorkerPool pool)
    {
        int panels = Panels(problem.N);
        fixed (GemmProblem* state = &problem)
        {
            if (panels > 1 && pool.Threads > 1 && (long)problem.M * problem.N * problem.K >= ThreadingThreshold)
            {
                pool.Run(panels, &DirectChunk, state);
            }
            else
            {
                for (int panel = 0; panel < panels; panel++)
                    DirectChunk(state, panel);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DirectChunk(void* state, int panel)
    {
        ref readonly GemmProblem p = ref Unsafe.AsRef<GemmProblem>(state);
        int column = panel * TKernel.Columns;
        int columns = Math.Min(TKernel.Columns, p.N - column);

        // Rows of B are read in place when few tiles use them.
        bool inPlace = p.BColumn == 1 && columns == TKernel.Columns && p.M <= 2 * TKernel.Rows;
        float* scratch = inPlace ? null : GemmScratch.Current.StripsB((long)Gemm.ChunkDepth * TKernel.Columns);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            float* b = p.B + (start * p.BStep) + (column * p.BColumn);
            nint bStep = p.BStep;
            if (!inPlace)
            {
                GemmPacking.PackPanel(b, p.BStep, p.BColumn, depth, columns, TKernel.Columns, scratch);
                b = scratch;
                bStep = TKernel.Columns;
            }

            float* a = p.A + (start * p.AStep);
            float* addend = p.Addend(0, column, start, out nint addendRow);
            MultiplyPanel(
                p.M, columns, depth, a, TKernel.Rows * p.ARow, p.ARow, p.AStep, b, bStep, p.C + column, p.Ldc, addend, addendRow,
                (byte*)b, 0);
        }

        p.AddResidual(0, p.M, column, columns);
    }

    // A kernel writes all columns of a panel: tiles of one that is cut by the right edge of C go through a buffer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyPanel(
        int rows, int columns, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
    {
        if (columns == TKernel.Columns)
            TKernel.Multiply(rows, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
        else
            MultiplyCutPanel(rows, columns, depth, a, aTile, aRow, aStep, b, bStep, c, ldc, addend, addendRow, ahead, aheadStep);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyCutPanel(
        int rows, int columns, int depth, float* a, nint aTile, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc,
        float* addend, nint addendRow, byte* ahead, nint aheadStep)
    {
        float* tile = stackalloc float[8 * 32];
        bool accumulate = addend != null;
        for (int row = 0; row < rows; row += TKernel.Rows, a += aTile)
        {
            int height = Math.Min(TKernel.Rows, rows - row);
            TKernel.Multiply(height, depth, a, aTile, aRow, aStep, b, bStep, tile, TKernel.Columns, null, 0, ahead, aheadStep);
            ahead += depth * aheadStep;
            for (int i = 0; i < height; i++, c += ldc, addend += addendRow)
            {
                for (int j = 0; j < columns; j++)
                    c[j] = accumulate ? addend[j] + tile[(i * TKernel.Columns) + j] : tile[(i * TKernel.Columns) + j];
            }
        }
    }

    // Many rows of A, which run along k: all threads pack a block of B, then each takes blocks of rows.
    private static void MultiplyRows(in GemmProblem problem, WorkerPool pool)
    {
        int blockN = Math.Min(problem.N, BlockWidth);
        long width = Panels(blockN) * (long)TKernel.Columns;
        int blockK = (int)Math.Min(problem.K, Math.Max(BlockFloats / width / Gemm.ChunkDepth, 1) * Gemm.ChunkDepth);
        var block = new RowsState { Problem = problem, Threads = pool.Threads, PanelStride = ((nint)blockK * TKernel.Columns) + StripPadding };
        block.PackedB = GemmScratch.Current.Shared(Panels(blockN) * block.PanelStride);
        for (int column = 0; column < problem.N; column += blockN)
        {
            for (int start = 0; start < problem.K; start += blockK)
            {
                (block.Column, block.Columns) = (column, Math.Min(blockN, problem.N - column));
                (block.Start, block.Depth) = (start, Math.Min(blockK, problem.K - start));
                int panels = Panels(block.Columns), packChunks = PackChunks(&block);
                if (block.Depth * width < PackingThreshold)
                {
                    for (int chunk = 0; chunk < packChunks; chunk++)
                        PackChunk(&block, chunk);
                }
                else
                {
                    pool.Run(packChunks, &PackChunk, &block);
                }

                block.RowBlocks = RowBlocks(problem.M, pool.Threads);
                block.PanelGroups = Math.Min(panels, (WantedChunks + block.RowBlocks - 1) / block.RowBlocks);
                pool.Run(block.RowBlocks * block.PanelGroups, &RowsChunk, &block);
            }
        }
    }

    // B in place: a chunk is a slice of k. B transposed: a chunk is a panel.
    private static int PackChunks(RowsState* block) =>
        block->Problem.BColumn == 1 ? (block->Depth + PackDepth - 1) / PackDepth : Panels(block->Columns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackChunk(void* state, int chunk)
    {
        RowsState* block = (RowsState*)state;
        ref readonly GemmProblem p = ref block->Problem;
        int width = TKernel.Columns;
        if (p.BColumn == 1)
        {
            int from = chunk * PackDepth;
            int depth = Math.Min(PackDepth, block->Depth - from);
            float* b = p.B + ((block->Start + from) * p.BStep) + block->Column;
            GemmPacking.PackStrips(b, p.BStep, depth, block->Columns, width, block->PackedB + ((nint)from * width), block->PanelStride);
        }
        else
        {
            int column = chunk * width;
            float* b = p.B + (block->Start * p.BStep) + ((block->Column + column) * p.BColumn);
            float* to = block->PackedB + (chunk * block->PanelStride);
            GemmPacking.PackPanel(b, p.BStep, p.BColumn, block->Depth, Math.Min(width, block->Columns - column), width, to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowsChunk(void* state, int chunk)
    {
        RowsState* block = (RowsState*)state;
        int group = chunk % block->PanelGroups;
        MultiplyRowBlock(block, chunk / block->PanelGroups, group, fetchesAhead: group == 0);
    }

    private static (int First, int Rows) RowsOfBlock(int rows, int block, int blocks)
    {
        (int firstTile, int lastTile) = Share(Tiles(rows), block, blocks);
        return (firstTile * TKernel.Rows, Math.Min(lastTile * TKernel.Rows, rows) - (firstTile * TKernel.Rows));
    }

    // A block of rows times a group of panels of a packed block of B.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyRowBlock(RowsState* block, int rowBlock, int group, bool fetchesAhead)
    {
        ref readonly GemmProblem p = ref block->Problem;
        (int firstRow, int rows) = RowsOfBlock(p.M, rowBlock, block->RowBlocks);
        (int firstPanel, int lastPanel) = Share(Panels(block->Columns), group, block->PanelGroups);

        // A comes from memory: while a block of rows is computed, the one that this thread is likely to take next is fetched.
        var ahead = new Lookahead((nint)(lastPanel - firstPanel) * block->Depth * Tiles(rows));
        if (fetchesAhead && p.ARow <= 2 * block->Depth)
            AddNextRows(ref ahead, block, rowBlock, p.A + block->Start, (int)p.ARow);
        MultiplyPanels(p.Block(firstRow, rows), block, firstPanel, lastPanel, ref ahead);
    }

    // The rows of the block that this thread is likely to take next.
    private static void AddNextRows(ref Lookahead ahead, RowsState* block, int rowBlock, float* matrix, int columns)
    {
        int next = rowBlock + block->Threads;
        if (next >= block->RowBlocks)
            return;
        (int first, int rows) = RowsOfBlock(block->Problem.M, next, block->RowBlocks);
        ahead.Add(matrix + ((nint)first * columns), columns, columns, rows);
    }

    // All rows of a product times some panels of a packed block of B.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPanels(
        in GemmProblem p, RowsState* block, int firstPanel, int lastPanel, ref Lookahead next)
    {
        for (int from = 0; from < block->Depth; from += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, block->Depth - from);
            float* a = p.A + block->Start + from;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * TKernel.Columns;
                int columns = Math.Min(TKernel.Columns, block->Columns - column);
                float* b = block->PackedB + (panel * block->PanelStride) + ((nint)from * TKernel.Columns);
                byte* ahead = next.Take((nint)depth * Tiles(p.M), b, out nint aheadStep);
                float* addend = p.Addend(0, block->Column + column, block->Start + from, out nint addendRow);
                MultiplyPanel(
                    p.M, columns, depth, a, TKernel.Rows * p.ARow, p.ARow, 1, b, TKernel.Columns, p.C + block->Column + column,
                    p.Ldc, addend, addendRow, ahead, aheadStep);
            }
        }

        if (block->Start + block->Depth == p.K)
        {
            int first = firstPanel * TKernel.Columns, end = Math.Min(lastPanel * TKernel.Columns, block->Columns);
            p.AddResidual(0, p.M, block->Column + first, end - first);
        }
    }

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

    private static (int First, int Last) Share(int count, int part, int parts) =>
        ((int)((long)count * part / parts), (int)((long)count * (part + 1) / parts));

    private struct RowsState
    {
        public GemmProblem Problem;
        public float* PackedB;
        public nint PanelStride;
        public int Column, Columns, Start, Depth, RowBlocks, PanelGroups, Threads;
    }

    private struct RegionsState
    {
        public GemmProblem* Problems;
        public int Count, Down, Across;
    }
}
