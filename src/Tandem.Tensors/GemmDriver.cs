using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <summary>Cuts a product into tiles of one kernel and spreads them over threads. No cut changes a result.</summary>
internal static unsafe class GemmDriver<TKernel>
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
                MultiplyDirectly(problem, pool);
            else
                MultiplyRegions(problem, pool);
        }
    }

    private static int Panels(int columns) => (columns + TKernel.Columns - 1) / TKernel.Columns;

    private static int Tiles(int rows) => (rows + TKernel.Rows - 1) / TKernel.Rows;

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
                int panels = Panels(block.Columns);
                int packChunks = problem.BColumn == 1 ? (block.Depth + PackDepth - 1) / PackDepth : panels;
                if (block.Depth * width < PackingThreshold)
                {
                    for (int chunk = 0; chunk < packChunks; chunk++)
                        PackChunk(&block, chunk);
                }
                else
                {
                    pool.Run(packChunks, &PackChunk, &block);
                }

                block.RowBlocks = (Tiles(problem.M) + TilesPerRowBlock - 1) / TilesPerRowBlock;
                block.PanelGroups = Math.Min(panels, (WantedChunks + block.RowBlocks - 1) / block.RowBlocks);
                pool.Run(block.RowBlocks * block.PanelGroups, &RowsChunk, &block);
            }
        }
    }

    // B in place: a chunk is a slice of k. B transposed: a chunk is a panel.
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
        ref readonly GemmProblem p = ref block->Problem;
        (int rowBlock, int group) = (chunk / block->PanelGroups, chunk % block->PanelGroups);
        (int firstTile, int lastTile) = Share(Tiles(p.M), rowBlock, block->RowBlocks);
        (int firstPanel, int lastPanel) = Share(Panels(block->Columns), group, block->PanelGroups);

        int firstRow = firstTile * TKernel.Rows, rows = Math.Min(lastTile * TKernel.Rows, p.M) - firstRow;

        // A comes from memory: while a block of rows is computed, the one that this thread is likely to take next is
        // fetched, evenly over the multiply-adds.
        bool isAhead = group == 0 && rowBlock + block->Threads < block->RowBlocks && p.ARow <= 2 * block->Depth;
        int aheadTile = Share(Tiles(p.M), rowBlock + block->Threads, block->RowBlocks).First;
        byte* ahead = (byte*)(p.A + ((nint)aheadTile * TKernel.Rows * p.ARow) + block->Start);
        nint steps = (nint)(lastPanel - firstPanel) * block->Depth;
        nint aheadStep = isAhead ? ((TKernel.Rows * p.ARow * sizeof(float)) + steps - 1) / steps : 0;
        for (int from = 0; from < block->Depth; from += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, block->Depth - from);
            float* a = p.A + (firstRow * p.ARow) + block->Start + from;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * TKernel.Columns;
                int columns = Math.Min(TKernel.Columns, block->Columns - column);
                float* b = block->PackedB + (panel * block->PanelStride) + ((nint)from * TKernel.Columns);
                float* c = p.C + (firstRow * p.Ldc) + block->Column + column;
                float* addend = p.Addend(firstRow, block->Column + column, block->Start + from, out nint addendRow);
                MultiplyPanel(
                    rows, columns, depth, a, TKernel.Rows * p.ARow, p.ARow, 1, b, TKernel.Columns, c, p.Ldc, addend, addendRow,
                    isAhead ? ahead : (byte*)b, aheadStep);
                ahead += (lastTile - firstTile) * depth * aheadStep;
            }
        }

        if (block->Start + block->Depth == p.K)
        {
            int first = firstPanel * TKernel.Columns, end = Math.Min(lastPanel * TKernel.Columns, block->Columns);
            p.AddResidual(firstRow, rows, block->Column + first, end - first);
        }
    }

    // A is read across k, as in gradients of weights: C is small and k long. A chunk is a region of C over the whole of
    // k; it packs its strips of A and B for itself, so that they stay in its core's cache and nobody waits between
    // slices of k. The regions depend on the number of threads; the sums do not.
    private static void MultiplyRegions(in GemmProblem problem, WorkerPool pool)
    {
        int threads = (long)problem.M * problem.N * problem.K < ThreadingThreshold ? 1 : pool.Threads;
        var state = new RegionsState { Problem = problem };
        ChooseRegions(problem.M, problem.N, threads, out state.Down, out state.Across);
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
    private static void ChooseRegions(int m, int n, int threads, out int down, out int across)
    {
        (down, across) = (1, 1);
        double least = double.PositiveInfinity;
        int tiles = Tiles(m), panels = Panels(n);
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
        ref readonly GemmProblem p = ref region->Problem;
        (int firstTile, int lastTile) = Share(Tiles(p.M), chunk / region->Across, region->Down);
        (int firstPanel, int lastPanel) = Share(Panels(p.N), chunk % region->Across, region->Across);
        int firstRow = firstTile * TKernel.Rows, rows = Math.Min(p.M, lastTile * TKernel.Rows) - firstRow;
        int firstColumn = firstPanel * TKernel.Columns, columns = Math.Min(p.N, lastPanel * TKernel.Columns) - firstColumn;
        int deepest = Math.Min(Gemm.ChunkDepth, p.K);
        nint tileStride = ((nint)deepest * TKernel.Rows) + StripPadding, panelStride = ((nint)deepest * TKernel.Columns) + StripPadding;
        float* packedA = GemmScratch.Current.StripsA((lastTile - firstTile) * tileStride);
        float* packedB = GemmScratch.Current.StripsB((lastPanel - firstPanel) * panelStride);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            GemmPacking.PackStrips(p.A + firstRow + (start * p.AStep), p.AStep, depth, rows, TKernel.Rows, packedA, tileStride);
            GemmPacking.PackStrips(p.B + firstColumn + (start * p.BStep), p.BStep, depth, columns, TKernel.Columns, packedB, panelStride);

            // Meanwhile the next slice of k is fetched from memory.
            int nextStart = start + depth, nextDepth = Math.Min(Gemm.ChunkDepth, p.K - nextStart);
            var next = new Lookahead((nint)depth * Panels(columns) * (lastTile - firstTile));
            next.Add(p.A + firstRow + (nextStart * p.AStep), p.AStep, rows, nextDepth);
            next.Add(p.B + firstColumn + (nextStart * p.BStep), p.BStep, columns, nextDepth);
            for (int column = 0; column < columns; column += TKernel.Columns)
            {
                float* b = packedB + (column / TKernel.Columns * panelStride);
                float* c = p.C + (firstRow * p.Ldc) + firstColumn + column;
                byte* ahead = next.Take((nint)depth * (lastTile - firstTile), b, out nint aheadStep);
                float* addend = p.Addend(firstRow, firstColumn + column, start, out nint addendRow);
                MultiplyPanel(
                    rows, Math.Min(TKernel.Columns, columns - column), depth, packedA, tileStride, 1, TKernel.Rows, b,
                    TKernel.Columns, c, p.Ldc, addend, addendRow, ahead, aheadStep);
            }
        }
    }

    // Up to two stretches of memory to fetch during a number of steps of k. An operand that is mostly outside the region
    // is left out.
    private struct Lookahead(nint steps)
    {
        private byte* _from, _end, _laterFrom, _laterEnd;

        public void Add(float* first, nint stride, int length, int depth)
        {
            if (depth <= 0 || stride > (5 * length / 2) + 16)
                return;
            _laterFrom = _from;
            _laterEnd = _end;
            _from = (byte*)first;
            _end = _from + (depth * stride * sizeof(float));
        }

        /// <summary>Where to fetch in the next <paramref name="count"/> steps, and how fast; <paramref name="otherwise"/> and 0 when done.</summary>
        public byte* Take(nint count, float* otherwise, out nint step)
        {
            if (_from >= _end)
            {
                _from = _laterFrom;
                _end = _laterEnd;
                _laterFrom = _laterEnd;
            }

            if (_from >= _end)
            {
                step = 0;
                return (byte*)otherwise;
            }

            byte* from = _from;
            step = ((nint)(_end - _from) + (nint)(_laterEnd - _laterFrom) + steps - 1) / Math.Max(steps, 1);
            steps -= count;
            _from += count * step;
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
        public GemmProblem Problem;
        public int Down, Across;
    }
}
