using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <summary>Cuts a product into tiles of one kernel and spreads them over threads. No cut changes a result.</summary>
internal static unsafe partial class GemmDriver<TKernel>
    where TKernel : struct, IGemmKernel
{
    // Multiply-adds under which waking a second thread costs more than it gains (about 4 µs of one core).
    private const long ThreadingThreshold = 100_000;

    // The largest block of B packed at once.
    private const int BlockFloats = 1 << 18;

    // Floats of a packed block of B from which on its panels no longer stay in a second-level cache.
    private const int BlockFetchFloats = 1 << 16;

    // A block of B smaller than this is packed by the calling thread.
    private const int PackingThreshold = 8192;
    private const int PackDepth = 64;

    // Strips that are packed side by side would start in the same set of the first-level cache without it.
    private const int StripPadding = 16;

    public static void Multiply(in GemmProblem problem, WorkerPool pool)
    {
        bool alongRows = problem.AStep == 1;
        if (alongRows ? problem.M <= Gemm.FewRows : problem.M <= 2 * TKernel.Rows && problem.K <= Gemm.ChunkDepth)
        {
            MultiplyDirectly(problem, pool);
        }
        else if (alongRows || GemmPartition.OutgrowsRegions(problem.M, problem.N))
        {
            MultiplyRows(problem, pool);
        }
        else
        {
            GemmProblem only = problem;
            MultiplyRegions(&only, 1, pool);
        }
    }

    private static int Panels(int columns) => (columns + TKernel.Columns - 1) / TKernel.Columns;

    private static int Tiles(int rows) => (rows + TKernel.Rows - 1) / TKernel.Rows;

    // Few rows: a chunk is a panel of B, which was packed beforehand, or is packed by the chunk in the calling thread's scratch.
    private static void MultiplyDirectly(in GemmProblem problem, WorkerPool pool)
    {
        int panels = Panels(problem.N);
        bool threaded = panels > 1 && pool.Threads > 1 && (long)problem.M * problem.N * problem.K >= ThreadingThreshold;
        var state = new DirectState { Problem = problem, Threads = threaded ? pool.Threads : 1 };
        delegate*<void*, int, void> chunk = problem.Panels == null ? &DirectChunk : &PanelChunk;
        if (GemmRow.Serves(problem))
        {
            GemmRow.Multiply(&state.Problem, TKernel.Columns, threaded ? pool : null);
        }
        else if (threaded)
        {
            pool.Run(panels, chunk, &state);
        }
        else
        {
            for (int panel = 0; panel < panels; panel++)
                chunk(&state, panel);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DirectChunk(void* state, int panel)
    {
        ref readonly GemmProblem p = ref ((DirectState*)state)->Problem;
        int column = panel * TKernel.Columns;

        // Rows of a weight come from memory: meanwhile those of the panel that this thread is likely to take next are fetched.
        byte* ahead = p.AddressOfB(0);
        nint aheadStep = 0;
        int next = column + (((DirectState*)state)->Threads * TKernel.Columns), tiles = p.M / TKernel.Rows;
        if (p.BStep == 1 && p.BColumn == p.K && next < p.N && tiles > 0)
        {
            ahead = p.AddressOfB(next * p.BColumn);
            aheadStep = Math.Min(TKernel.Columns, p.N - next) * p.SizeOfB / tiles;
        }

        int columns = Math.Min(TKernel.Columns, p.N - column);
        // Rows of B are read in place when few tiles use them.
        bool inPlace = p.HalfB == null && p.BColumn == 1 && columns == TKernel.Columns && p.M <= 2 * TKernel.Rows;
        float* scratch = inPlace ? null : GemmScratch.Current.StripsB((long)Gemm.ChunkDepth * TKernel.Columns);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            nint at = (start * p.BStep) + (column * p.BColumn);
            float* b = inPlace ? p.B + at : scratch;
            nint bStep = inPlace ? p.BStep : TKernel.Columns;
            if (!inPlace)
                p.PackPanelOfB(at, depth, columns, TKernel.Columns, scratch);

            float* a = p.A + (start * p.AStep);
            float* addend = p.Addend(0, column, start, out nint addendRow);
            MultiplyPanel(
                p.M, columns, depth, a, TKernel.Rows * p.ARow, p.ARow, p.AStep, b, bStep, p.C + column, p.Ldc, addend, addendRow,
                ahead, aheadStep);
            ahead += tiles * depth * aheadStep;
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

    // Many rows of A: all threads pack a block of B, then each takes blocks of rows.
    private static void MultiplyRows(in GemmProblem problem, WorkerPool pool)
    {
        int blockN = Math.Min(problem.N, GemmPartition.BlockWidth);
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
                int packChunks = PackChunks(&block);
                if (block.Depth * width < PackingThreshold)
                {
                    for (int chunk = 0; chunk < packChunks; chunk++)
                        PackChunk(&block, chunk);
                }
                else
                {
                    pool.Run(packChunks, &PackChunk, &block);
                }

                block.Cut = GemmPartition.Rows(Tiles(problem.M), Panels(block.Columns), pool.Threads);
                pool.Run(block.Cut.Chunks, &RowsChunk, &block);
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
            nint at = ((block->Start + from) * p.BStep) + block->Column;
            p.PackStripsOfB(at, depth, block->Columns, width, block->PackedB + ((nint)from * width), block->PanelStride);
        }
        else
        {
            int column = chunk * width;
            nint at = (block->Start * p.BStep) + ((block->Column + column) * p.BColumn);
            float* to = block->PackedB + (chunk * block->PanelStride);
            p.PackPanelOfB(at, block->Depth, Math.Min(width, block->Columns - column), width, to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowsChunk(void* state, int chunk)
    {
        RowsState* block = (RowsState*)state;
        ref readonly GemmProblem p = ref block->Problem;
        TileBlocks blocks = block->Cut.Blocks(chunk);
        while (blocks.Next(out TileBlock tiles))
        {
            int firstRow = tiles.FirstTile * TKernel.Rows, rows = Math.Min(tiles.LastTile * TKernel.Rows, p.M) - firstRow;

            // Rows that are not packed come from memory: while a block of them is computed, the one that this thread is likely to
            // take next is fetched.
            int panels = tiles.LastPanel - tiles.FirstPanel;
            var ahead = new Lookahead(LookaheadSteps(block, panels, rows));
            if (block->Cut.IsGrid && tiles.FirstPanel == 0 && p.AStep == 1 && p.ARow <= 2 * block->Depth)
                AddNextRows(ref ahead, block, chunk / block->Cut.Across, p.A + block->Start, (int)p.ARow);
            MultiplyPanels(p.Block(firstRow, rows), block, tiles.FirstPanel, tiles.LastPanel, ref ahead);
        }
    }

    private static (int First, int Rows) RowsOfBlock(int rows, int block, int blocks)
    {
        (int firstTile, int lastTile) = GemmPartition.Share(Tiles(rows), block, blocks);
        return (firstTile * TKernel.Rows, Math.Min(lastTile * TKernel.Rows, rows) - (firstTile * TKernel.Rows));
    }

    // The rows of the block that this thread is likely to take next.
    private static void AddNextRows(ref Lookahead ahead, RowsState* block, int rowBlock, float* matrix, int columns)
    {
        int next = rowBlock + block->Threads;
        if (next >= block->Cut.Down)
            return;
        (int first, int rows) = RowsOfBlock(block->Problem.M, next, block->Cut.Down);
        ahead.Add(matrix + ((nint)first * columns), columns, columns, rows);
    }

    // The tiles of each panel during which the next panel of a packed block of B is fetched, if the block is too large to stay
    // in a core's cache: half of them. During the others the rows are fetched that are needed next.
    private static int TilesFetchingB(RowsState* block, int panels, int rows) =>
        panels * (long)block->Depth * TKernel.Columns > BlockFetchFloats ? rows / TKernel.Rows / 2 : 0;

    private static nint LookaheadSteps(RowsState* block, int panels, int rows) =>
        (nint)panels * block->Depth * (Tiles(rows) - TilesFetchingB(block, panels, rows));

    // All rows of a product times some panels of a packed block of B.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPanels(
        in GemmProblem p, RowsState* block, int firstPanel, int lastPanel, ref Lookahead next)
    {
        int tilesFetchingB = TilesFetchingB(block, lastPanel - firstPanel, p.M);
        for (int from = 0; from < block->Depth; from += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, block->Depth - from);
            float* a = p.A + ((block->Start + from) * p.AStep);
            nint aTile = TKernel.Rows * p.ARow, aRow = p.ARow, aStep = 1;
            if (p.AStep != 1)
            {
                // Rows across k are packed by each block of them.
                aTile = ((nint)Gemm.ChunkDepth * TKernel.Rows) + StripPadding;
                float* strips = GemmScratch.Current.StripsA(Tiles(p.M) * aTile);
                GemmPacking.PackStrips(a, p.AStep, depth, p.M, TKernel.Rows, strips, aTile);
                a = strips;
                aRow = 1;
                aStep = TKernel.Rows;
            }

            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * TKernel.Columns;
                int columns = Math.Min(TKernel.Columns, block->Columns - column);
                float* b = block->PackedB + (panel * block->PanelStride) + ((nint)from * TKernel.Columns);
                float* addend = p.Addend(0, block->Column + column, block->Start + from, out nint addendRow);
                float* c = p.C + block->Column + column, rowsOfA = a;
                int rows = p.M;
                if (tilesFetchingB > 0)
                {
                    int some = tilesFetchingB * TKernel.Rows;
                    nint step = (TKernel.Columns * sizeof(float) + tilesFetchingB - 1) / tilesFetchingB;
                    MultiplyPanel(
                        some, columns, depth, a, aTile, aRow, aStep, b, TKernel.Columns, c, p.Ldc, addend, addendRow,
                        (byte*)(b + block->PanelStride), step);
                    rows -= some;
                    rowsOfA += tilesFetchingB * aTile;
                    c += some * p.Ldc;
                    addend += some * addendRow;
                }

                byte* ahead = next.Take((nint)depth * Tiles(rows), b, out nint aheadStep);
                MultiplyPanel(
                    rows, columns, depth, rowsOfA, aTile, aRow, aStep, b, TKernel.Columns, c, p.Ldc, addend, addendRow, ahead,
                    aheadStep);
            }
        }

        if (block->Start + block->Depth == p.K)
        {
            int first = firstPanel * TKernel.Columns, end = Math.Min(lastPanel * TKernel.Columns, block->Columns);
            p.AddResidual(0, p.M, block->Column + first, end - first);
        }
    }

    private struct DirectState
    {
        public GemmProblem Problem;
        public int Threads;
    }

    private struct RowsState
    {
        public GemmProblem Problem;
        public float* PackedB;
        public nint PanelStride;
        public TileCut Cut;
        public int Column, Columns, Start, Depth, Threads;
    }
}
