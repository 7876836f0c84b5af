using System.Runtime.CompilerServices;

namespace Tandem.Tensors;

/// <summary>
/// Several products whose left operands have the same rows, block of rows by block of rows: what one leaves in a core's
/// cache is there for the next, and for the work between them. Gives the bits of one product after the other.
/// </summary>
internal static unsafe class GemmBlocks
{
    /// <summary>The most products that are computed together.</summary>
    public const int MostTogether = 3;

    /// <summary>Takes the steps in order for each block of rows.</summary>
    /// <param name="rows">Rows of every problem.</param>
    /// <param name="steps">Products whose left operands run along k.</param>
    /// <param name="count">How many steps.</param>
    /// <param name="first">Called with the state, the first row and the number of rows of a block before its first step; or null.</param>
    /// <param name="state">Passed to the steps' own work.</param>
    /// <param name="pool">The threads to use.</param>
    public static void Multiply(
        int rows, BlockStep* steps, int count, delegate*<void*, int, int, void> first, void* state, WorkerPool pool)
    {
        if (rows == 0 || count == 0)
            return;
        switch (InstructionSet.Active)
        {
            case VectorPath.Avx512: GemmDriver<Avx512GemmKernel>.MultiplyBlocks(rows, steps, count, first, state, pool); break;
            case VectorPath.Avx2: GemmDriver<Avx2GemmKernel>.MultiplyBlocks(rows, steps, count, first, state, pool); break;
            default: GemmDriver<PortableGemmKernel>.MultiplyBlocks(rows, steps, count, first, state, pool); break;
        }
    }

    /// <summary>Computes up to <see cref="MostTogether"/> products Aᵀ·B with the same B, which is packed once for all.</summary>
    /// <param name="problems">Products whose left operands run across k.</param>
    /// <param name="count">How many; 0 does nothing.</param>
    /// <param name="pool">The threads to use.</param>
    public static void MultiplySharingB(GemmProblem* problems, int count, WorkerPool pool)
    {
        if (count == 0 || problems[0].K == 0)
            return;
        switch (InstructionSet.Active)
        {
            case VectorPath.Avx512: GemmDriver<Avx512GemmKernel>.MultiplyRegions(problems, count, pool); break;
            case VectorPath.Avx2: GemmDriver<Avx2GemmKernel>.MultiplyRegions(problems, count, pool); break;
            default: GemmDriver<PortableGemmKernel>.MultiplyRegions(problems, count, pool); break;
        }
    }
}

/// <summary>A product of a block of rows, and what is done with the block then.</summary>
internal unsafe struct BlockStep
{
    /// <summary>The product over all rows.</summary>
    public GemmProblem Problem;

    /// <summary>Called with the state, the first row and the number of rows of a block after its product; or null.</summary>
    public delegate*<void*, int, int, void> Then;

    /// <summary>What is fetched from memory meanwhile.</summary>
    public RowFetch Fetch, SecondFetch;
}

/// <summary>Rows that are needed soon: those of the block at work, or of the one that the thread is likely to take next.</summary>
internal readonly unsafe struct RowFetch(float* matrix, int columns, bool ofNextBlock)
{
    public readonly float* Matrix = matrix; // [rows, columns]; null for none
    public readonly int Columns = columns;
    public readonly bool OfNextBlock = ofNextBlock;
}

/// <content>Several products, block of rows by block of rows.</content>
internal static unsafe partial class GemmDriver<TKernel>
{
    // Elements between products from which on a second thread gains more than it costs, and rows that one takes of them.
    private const int RowsThreshold = 8192;
    private const int RowsTogether = 8;

    /// <summary>See <see cref="GemmBlocks.Multiply"/>.</summary>
    public static void MultiplyBlocks(
        int rows, BlockStep* steps, int count, delegate*<void*, int, int, void> first, void* state, WorkerPool pool)
    {
        if (rows <= Gemm.FewRows)
        {
            RunRows(first, state, rows, steps[0].Problem.K, pool);
            for (int i = 0; i < count; i++)
            {
                MultiplyDirectly(steps[i].Problem, pool);
                RunRows(steps[i].Then, state, rows, steps[i].Problem.N, pool);
            }

            return;
        }

        RowsState* packed = stackalloc RowsState[count];
        long floats = 0;
        int packChunks = 0, blocksOfRows = GemmPartition.RowBlocks(Tiles(rows), pool.Threads);
        for (int i = 0; i < count; i++)
        {
            ref readonly GemmProblem p = ref steps[i].Problem;
            packed[i] = new RowsState
            {
                Problem = p,
                Columns = p.N,
                Depth = p.K,
                PanelStride = ((nint)p.K * TKernel.Columns) + StripPadding,
                Threads = pool.Threads,
                Cut = TileCut.Grid(Tiles(rows), Panels(p.N), blocksOfRows, 1),
            };
            floats += Panels(p.N) * packed[i].PanelStride;
            packChunks += PackChunks(packed + i);
        }

        float* panels = GemmScratch.Current.Shared(floats);
        for (int i = 0; i < count; i++)
        {
            packed[i].PackedB = panels;
            panels += Panels(packed[i].Columns) * packed[i].PanelStride;
        }

        var blocks = new BlocksState { Packed = packed, Steps = steps, Count = count, First = first, State = state, Rows = rows };
        pool.Run(packChunks, &PackChunkOfSeveral, &blocks);
        pool.Run(blocksOfRows, &BlockChunk, &blocks);
    }

    // What stands between products, if anything does, of few rows.
    private static void RunRows(delegate*<void*, int, int, void> run, void* state, int rows, int columns, WorkerPool pool)
    {
        if (run == null)
            return;
        if (rows < RowsTogether || rows * columns < RowsThreshold)
        {
            run(state, 0, rows);
            return;
        }

        var work = new RowsWork { Run = run, State = state, Rows = rows };
        pool.Run((rows + RowsTogether - 1) / RowsTogether, &RunRowsChunk, &work);
    }

    private static void RunRowsChunk(void* state, int chunk)
    {
        ref RowsWork work = ref *(RowsWork*)state;
        int first = chunk * RowsTogether;
        work.Run(work.State, first, Math.Min(RowsTogether, work.Rows - first));
    }

    private static void PackChunkOfSeveral(void* state, int chunk)
    {
        RowsState* packed = ((BlocksState*)state)->Packed;
        for (; chunk >= PackChunks(packed); packed++)
            chunk -= PackChunks(packed);
        PackChunk(packed, chunk);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BlockChunk(void* state, int chunk)
    {
        BlocksState* blocks = (BlocksState*)state;
        (int first, int rows) = RowsOfBlock(blocks->Rows, chunk, blocks->Packed->Cut.Down);
        if (blocks->First != null)
            blocks->First(blocks->State, first, rows);
        for (int i = 0; i < blocks->Count; i++)
        {
            RowsState* packed = blocks->Packed + i;
            var ahead = new Lookahead(LookaheadSteps(packed, Panels(packed->Columns), rows));
            Add(ref ahead, packed, chunk, blocks->Steps[i].Fetch);
            Add(ref ahead, packed, chunk, blocks->Steps[i].SecondFetch);
            MultiplyPanels(packed->Problem.Block(first, rows), packed, 0, Panels(packed->Columns), ref ahead);
            if (blocks->Steps[i].Then != null)
                blocks->Steps[i].Then(blocks->State, first, rows);
        }
    }

    private static void Add(ref Lookahead ahead, RowsState* packed, int block, in RowFetch fetch)
    {
        if (fetch.Matrix == null)
            return;
        if (fetch.OfNextBlock)
        {
            AddNextRows(ref ahead, packed, block, fetch.Matrix, fetch.Columns);
            return;
        }

        (int first, int rows) = RowsOfBlock(packed->Problem.M, block, packed->Cut.Down);
        ahead.Add(fetch.Matrix + ((nint)first * fetch.Columns), fetch.Columns, fetch.Columns, rows);
    }

    private struct RowsWork
    {
        public delegate*<void*, int, int, void> Run;
        public void* State;
        public int Rows;
    }

    private struct BlocksState
    {
        public RowsState* Packed;
        public BlockStep* Steps;
        public delegate*<void*, int, int, void> First;
        public void* State;
        public int Count, Rows;
    }
}
