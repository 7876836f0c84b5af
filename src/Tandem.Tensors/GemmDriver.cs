using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

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

    // Rows plus columns of a region whose strips of A and B fit a second-level cache of 512 KiB with room to spare.
    private const int RegionWidth = 384;
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

            bool accumulate = p.Accumulate || start > 0;
            for (int row = 0; row < p.M; row += TKernel.Rows)
            {
                int rows = Math.Min(TKernel.Rows, p.M - row);
                float* a = p.A + (row * p.ARow) + (start * p.AStep);
                WriteTile(
                    rows, columns, depth, a, p.ARow, p.AStep, b, bStep, p.C + (row * p.Ldc) + column, p.Ldc, accumulate, (byte*)b, 0);
            }
        }
    }

    // A kernel writes whole tiles: a tile cut by the right edge of C goes through a buffer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteTile(
        int rows, int columns, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
    {
        if (columns == TKernel.Columns)
            TKernel.Multiply(rows, depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep);
        else
            WriteCutTile(rows, columns, depth, a, aRow, aStep, b, bStep, c, ldc, accumulate, ahead, aheadStep);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void WriteCutTile(
        int rows, int columns, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate,
        byte* ahead, nint aheadStep)
    {
        float* tile = stackalloc float[8 * 32];
        TKernel.Multiply(rows, depth, a, aRow, aStep, b, bStep, tile, TKernel.Columns, false, ahead, aheadStep);
        for (int i = 0; i < rows; i++, c += ldc, tile += TKernel.Columns)
        {
            for (int j = 0; j < columns; j++)
                c[j] = accumulate ? c[j] + tile[j] : tile[j];
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

        // A comes from memory: while a block of rows is computed, the one that this thread is likely to take next is
        // fetched, evenly over the multiply-adds.
        int aheadTile = Share(Tiles(p.M), rowBlock + block->Threads, block->RowBlocks).First;
        bool isAhead = group == 0 && rowBlock + block->Threads < block->RowBlocks && p.ARow <= 2 * block->Depth;
        byte* ahead = (byte*)(p.A + ((nint)aheadTile * TKernel.Rows * p.ARow) + block->Start);
        byte* aheadEnd = ahead + ((nint)(lastTile - firstTile) * TKernel.Rows * p.ARow * sizeof(float));
        nint steps = (nint)(lastPanel - firstPanel) * block->Depth;
        nint aheadStep = isAhead ? ((TKernel.Rows * p.ARow * sizeof(float)) + steps - 1) / steps : 0;
        for (int from = 0; from < block->Depth; from += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, block->Depth - from);
            bool accumulate = p.Accumulate || block->Start + from > 0;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * TKernel.Columns;
                int columns = Math.Min(TKernel.Columns, block->Columns - column);
                float* b = block->PackedB + (panel * block->PanelStride) + ((nint)from * TKernel.Columns);
                for (int tile = firstTile; tile < lastTile; tile++)
                {
                    int row = tile * TKernel.Rows;
                    int rows = Math.Min(TKernel.Rows, p.M - row);
                    float* a = p.A + (row * p.ARow) + block->Start + from;
                    float* c = p.C + (row * p.Ldc) + block->Column + column;
                    if (!isAhead || ahead >= aheadEnd)
                    {
                        isAhead = false;
                        ahead = (byte*)b;
                        aheadStep = 0;
                    }

                    WriteTile(rows, columns, depth, a, p.ARow, 1, b, TKernel.Columns, c, p.Ldc, accumulate, ahead, aheadStep);
                    ahead += depth * aheadStep;
                }
            }
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
    // its packing (4 floats per cycle); a region whose strips outgrow the second-level cache is dearer.
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
            bool accumulate = p.Accumulate || start > 0;
            GemmPacking.PackStrips(p.A + firstRow + (start * p.AStep), p.AStep, depth, rows, TKernel.Rows, packedA, tileStride);
            GemmPacking.PackStrips(p.B + firstColumn + (start * p.BStep), p.BStep, depth, columns, TKernel.Columns, packedB, panelStride);

            // Meanwhile the next slice of k is fetched from memory: first A, then B.
            int nextStart = start + depth, nextDepth = Math.Min(Gemm.ChunkDepth, p.K - nextStart);
            var next = new Lookahead(
                new Operand(p.A + firstRow + (nextStart * p.AStep), p.AStep, rows),
                new Operand(p.B + firstColumn + (nextStart * p.BStep), p.BStep, columns),
                nextDepth, Panels(columns) * Tiles(rows), (nint)depth * Panels(columns) * Tiles(rows));
            for (int column = 0; column < columns; column += TKernel.Columns)
            {
                float* b = packedB + (column / TKernel.Columns * panelStride);
                float* c = p.C + (firstRow * p.Ldc) + firstColumn + column;
                float* a = packedA;
                for (int row = 0; row < rows; row += TKernel.Rows)
                {
                    next.Advance(depth, b, out byte* ahead, out nint aheadStep);
                    WriteTile(
                        Math.Min(TKernel.Rows, rows - row), Math.Min(TKernel.Columns, columns - column), depth, a, 1, TKernel.Rows, b,
                        TKernel.Columns, c, p.Ldc, accumulate, ahead, aheadStep);
                    a += tileStride;
                    c += TKernel.Rows * p.Ldc;
                }
            }
        }
    }

    // What of the next slice is fetched during each tile. Operands whose rows lie one after the other are streams that
    // the kernel follows; of an operand that is only partly in the region, some rows are fetched before each tile.
    private struct Lookahead
    {
        private readonly nint _streamStep;
        private readonly int _rowsPerTile;
        private byte* _stream, _streamEnd, _later, _laterEnd;
        private float* _row;
        private nint _stride;
        private int _rowLength, _rowsLeft;

        public Lookahead(in Operand a, in Operand b, int depth, int tiles, nint steps)
        {
            _rowsPerTile = (depth + tiles - 1) / tiles;
            Add(a, depth);
            Add(b, depth);
            _streamStep = ((nint)(_streamEnd - _stream) + (nint)(_laterEnd - _later) + steps - 1) / steps;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Advance(int depth, float* otherwise, out byte* ahead, out nint aheadStep)
        {
            if (Sse.IsSupported && _rowsLeft > 0)
            {
                for (int i = 0; i < _rowsPerTile && _rowsLeft > 0; i++)
                {
                    for (int j = 0; j < _rowLength; j += 16)
                        Sse.Prefetch1(_row + j);
                    _row += _stride;
                    _rowsLeft--;
                }
            }

            if (_stream >= _streamEnd)
            {
                _stream = _later;
                _streamEnd = _laterEnd;
                _later = _laterEnd;
            }

            bool more = _stream < _streamEnd;
            ahead = more ? _stream : (byte*)otherwise;
            aheadStep = more ? _streamStep : 0;
            _stream += depth * aheadStep;
        }

        private void Add(in Operand operand, int depth)
        {
            byte* first = (byte*)operand.First, end = first + (depth * operand.Stride * sizeof(float));
            if (operand.Stride > operand.Length + (operand.Length / 4))
            {
                _row = operand.First;
                _stride = operand.Stride;
                _rowLength = operand.Length;
                _rowsLeft = depth;
            }
            else if (_stream == null)
            {
                _stream = first;
                _streamEnd = end;
            }
            else
            {
                _later = first;
                _laterEnd = end;
            }
        }
    }

    private readonly struct Operand(float* first, nint stride, int length)
    {
        public readonly float* First = first;
        public readonly nint Stride = stride;
        public readonly int Length = length;
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
