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

    // The largest packed block, in columns of B (rows of A) and in floats.
    private const int BlockWidth = 4096;
    private const int BlockFloats = 1 << 18;

    private const int TilesPerRowBlock = 16;
    private const int WantedChunks = 16;

    public static void Multiply(in GemmProblem problem, WorkerPool pool)
    {
        if (problem.M <= DirectRows && (problem.AStep == 1 || problem.K <= Gemm.ChunkDepth))
            MultiplyDirectly(problem, pool);
        else
            MultiplyBlocked(problem, pool);
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

    private static void DirectChunk(void* state, int panel)
    {
        ref readonly GemmProblem p = ref Unsafe.AsRef<GemmProblem>(state);
        int column = panel * TKernel.Columns;
        int columns = Math.Min(TKernel.Columns, p.N - column);

        // Rows of B are read in place when few tiles use them.
        bool inPlace = p.BColumn == 1 && columns == TKernel.Columns && p.M <= 2 * TKernel.Rows;
        float* scratch = inPlace ? null : GemmScratch.Current.Panel((long)Gemm.ChunkDepth * TKernel.Columns);
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
                WriteTile(rows, columns, depth, a, p.ARow, p.AStep, b, bStep, p.C + (row * p.Ldc) + column, p.Ldc, accumulate);
            }
        }
    }

    // A kernel writes whole tiles: a tile cut by the right edge of C goes through a buffer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteTile(
        int rows, int columns, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate)
    {
        if (columns == TKernel.Columns)
            TKernel.Multiply(rows, depth, a, aRow, aStep, b, bStep, c, ldc, accumulate);
        else
            WriteCutTile(rows, columns, depth, a, aRow, aStep, b, bStep, c, ldc, accumulate);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteCutTile(
        int rows, int columns, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, bool accumulate)
    {
        float* tile = stackalloc float[8 * 32];
        TKernel.Multiply(rows, depth, a, aRow, aStep, b, bStep, tile, TKernel.Columns, false);
        for (int i = 0; i < rows; i++, c += ldc, tile += TKernel.Columns)
        {
            for (int j = 0; j < columns; j++)
                c[j] = accumulate ? c[j] + tile[j] : tile[j];
        }
    }

    // Many rows: all threads pack a block of B (and of A when its rows do not run along k), then all threads compute
    // the part of C that needs no other block.
    private static void MultiplyBlocked(in GemmProblem problem, WorkerPool pool)
    {
        bool packA = problem.AStep != 1;
        int blockN = Math.Min(problem.N, BlockWidth);
        int blockM = packA ? Math.Min(problem.M, BlockWidth) : problem.M;
        long width = Panels(blockN) * (long)TKernel.Columns;
        long height = packA ? Tiles(blockM) * (long)TKernel.Rows : 0;
        long affordable = BlockFloats / (width + height) / Gemm.ChunkDepth;
        int blockK = (int)Math.Min(problem.K, Math.Max(affordable, 1) * Gemm.ChunkDepth);

        GemmScratch scratch = GemmScratch.Current;
        var block = new Block
        {
            Problem = problem,
            PackedB = scratch.BlockB(width * blockK),
            PackedA = packA ? scratch.BlockA((height * blockK) + 8) : null,
        };
        for (int column = 0; column < problem.N; column += blockN)
        {
            for (int depth = 0; depth < problem.K; depth += blockK)
            {
                for (int row = 0; row < problem.M; row += blockM)
                {
                    block.Column = column;
                    block.Columns = Math.Min(blockN, problem.N - column);
                    block.Start = depth;
                    block.Depth = Math.Min(blockK, problem.K - depth);
                    block.Row = row;
                    block.Rows = Math.Min(blockM, problem.M - row);
                    RunBlock(&block, pool);
                }
            }
        }
    }

    private static void RunBlock(Block* block, WorkerPool pool)
    {
        // B in place: chunks of rows along k. B transposed: one chunk is one panel.
        bool alongK = block->Problem.BColumn == 1;
        block->PackDepth = 64;
        int slices = (block->Depth + block->PackDepth - 1) / block->PackDepth;
        block->PackChunksA = block->PackedA != null ? slices : 0;
        int packChunksB = block->Row > 0 ? 0 : alongK ? slices : Panels(block->Columns);
        pool.Run(block->PackChunksA + packChunksB, &PackChunk, block);

        int tiles = Tiles(block->Rows), panels = Panels(block->Columns);
        block->RowBlocks = (tiles + TilesPerRowBlock - 1) / TilesPerRowBlock;
        block->PanelGroups = Math.Min(panels, (WantedChunks + block->RowBlocks - 1) / block->RowBlocks);
        pool.Run(block->RowBlocks * block->PanelGroups, &ComputeChunk, block);
    }

    private static void PackChunk(void* state, int chunk)
    {
        Block* block = (Block*)state;
        ref readonly GemmProblem p = ref block->Problem;
        if (chunk < block->PackChunksA)
        {
            int from = chunk * block->PackDepth;
            int depth = Math.Min(block->PackDepth, block->Depth - from);
            float* a = p.A + (block->Row * p.ARow) + ((block->Start + from) * p.AStep);
            float* to = block->PackedA + ((nint)from * TKernel.Rows);
            GemmPacking.PackTiles(a, p.AStep, depth, block->Rows, TKernel.Rows, to, (nint)block->Depth * TKernel.Rows);
            return;
        }

        chunk -= block->PackChunksA;
        int width = TKernel.Columns;
        if (p.BColumn == 1)
        {
            int from = chunk * block->PackDepth;
            int depth = Math.Min(block->PackDepth, block->Depth - from);
            for (int panel = 0; panel < Panels(block->Columns); panel++)
            {
                int column = panel * width;
                float* b = p.B + ((block->Start + from) * p.BStep) + block->Column + column;
                float* to = block->PackedB + (((nint)panel * block->Depth) + from) * width;
                GemmPacking.PackPanel(b, p.BStep, 1, depth, Math.Min(width, block->Columns - column), width, to);
            }
        }
        else
        {
            int column = chunk * width;
            float* b = p.B + (block->Start * p.BStep) + ((block->Column + column) * p.BColumn);
            float* to = block->PackedB + ((nint)chunk * block->Depth * width);
            GemmPacking.PackPanel(b, p.BStep, p.BColumn, block->Depth, Math.Min(width, block->Columns - column), width, to);
        }
    }

    private static void ComputeChunk(void* state, int chunk)
    {
        Block* block = (Block*)state;
        ref readonly GemmProblem p = ref block->Problem;
        (int rowBlock, int group) = (chunk / block->PanelGroups, chunk % block->PanelGroups);
        int tiles = Tiles(block->Rows), panels = Panels(block->Columns);
        int firstTile = (int)((long)tiles * rowBlock / block->RowBlocks);
        int lastTile = (int)((long)tiles * (rowBlock + 1) / block->RowBlocks);
        int firstPanel = panels * group / block->PanelGroups;
        int lastPanel = panels * (group + 1) / block->PanelGroups;
        for (int from = 0; from < block->Depth; from += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, block->Depth - from);
            bool accumulate = p.Accumulate || block->Start + from > 0;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * TKernel.Columns;
                int columns = Math.Min(TKernel.Columns, block->Columns - column);
                float* b = block->PackedB + ((((nint)panel * block->Depth) + from) * TKernel.Columns);
                for (int tile = firstTile; tile < lastTile; tile++)
                {
                    int row = tile * TKernel.Rows;
                    int rows = Math.Min(TKernel.Rows, block->Rows - row);
                    float* c = p.C + ((block->Row + row) * p.Ldc) + block->Column + column;
                    float* a;
                    nint aRow, aStep;
                    if (block->PackedA == null)
                    {
                        a = p.A + ((block->Row + row) * p.ARow) + block->Start + from;
                        (aRow, aStep) = (p.ARow, 1);
                    }
                    else
                    {
                        a = block->PackedA + ((((nint)tile * block->Depth) + from) * TKernel.Rows);
                        (aRow, aStep) = (1, TKernel.Rows);
                    }

                    WriteTile(rows, columns, depth, a, aRow, aStep, b, TKernel.Columns, c, p.Ldc, accumulate);
                }
            }
        }
    }

    private struct Block
    {
        public GemmProblem Problem;
        public float* PackedA, PackedB;
        public int Column, Columns, Start, Depth, Row, Rows;
        public int PackDepth, PackChunksA, RowBlocks, PanelGroups;
    }
}
