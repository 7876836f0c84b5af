using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors;

/// <content>Panels of B that are packed once for many products.</content>
internal static unsafe partial class GemmDriver<TKernel>
{
    /// <summary>See <see cref="Gemm.BytesOfPanels"/>.</summary>
    public static nuint BytesOfPanels(in GemmProblem problem) =>
        (nuint)Panels(problem.N) * (nuint)TKernel.Columns * (nuint)problem.K * (nuint)problem.SizeOfB;

    /// <summary>See <see cref="Gemm.PackPanels"/>.</summary>
    public static void PackPanels(in GemmProblem problem, void* to, WorkerPool pool)
    {
        var state = new PanelState { Problem = problem, To = to };
        pool.Run(Panels(problem.N), &PackPanelOfSeveral, &state);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanelOfSeveral(void* state, int panel)
    {
        ref readonly GemmProblem p = ref ((PanelState*)state)->Problem;
        int column = panel * TKernel.Columns, columns = Math.Min(TKernel.Columns, p.N - column);
        nint at = column * p.BColumn, element = (nint)panel * TKernel.Columns * p.K;
        if (p.HalfB == null)
        {
            p.PackPanelOfB(at, p.K, columns, TKernel.Columns, (float*)((PanelState*)state)->To + element);
            return;
        }

        // Widened and narrowed again, which is exact.
        BFloat16* to = (BFloat16*)((PanelState*)state)->To + element;
        float* wide = GemmScratch.Current.StripsB((long)Gemm.ChunkDepth * TKernel.Columns);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            p.PackPanelOfB(at + (start * p.BStep), depth, columns, TKernel.Columns, wide);
            Narrow(wide, depth * TKernel.Columns, (ushort*)to);
            to += depth * TKernel.Columns;
        }
    }

    // A chunk of a product with few rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PanelChunk(void* state, int panel)
    {
        ref readonly GemmProblem p = ref ((DirectState*)state)->Problem;
        int width = TKernel.Columns, column = panel * width, columns = Math.Min(width, p.N - column), tiles = p.M / TKernel.Rows;

        // Panels come from memory: meanwhile the one is fetched that this thread is likely to take next.
        int next = panel + ((DirectState*)state)->Threads;
        bool fetches = tiles > 0 && next * width < p.N;
        nint aheadStep = fetches ? width * p.SizeOfB / tiles : 0;
        byte* ahead = p.AddressOfPanels(fetches ? (nint)next * width * p.K : 0);
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            int depth = Math.Min(Gemm.ChunkDepth, p.K - start);
            nint at = ((nint)column * p.K) + ((nint)start * width);
            float* b = (float*)p.Panels + at;
            if (p.HalfB != null)
            {
                b = GemmScratch.Current.StripsB((long)Gemm.ChunkDepth * width);
                GemmPacking.CopyRow((BFloat16*)p.Panels + at, depth * width, b);
            }

            float* a = p.A + (start * p.AStep);
            float* addend = p.Addend(0, column, start, out nint addendRow);
            MultiplyPanel(
                p.M, columns, depth, a, TKernel.Rows * p.ARow, p.ARow, p.AStep, b, width, p.C + column, p.Ldc, addend, addendRow, ahead, aheadStep);
            ahead += tiles * depth * aheadStep;
        }

        p.AddResidual(0, p.M, column, columns);
    }

    // The upper halves of numbers whose lower halves are zero.
    private static void Narrow(float* from, int count, ushort* to)
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Vector256<uint> low = Vector256.Load((uint*)from + i) >>> 16, high = Vector256.Load((uint*)from + i + 8) >>> 16;
            Vector256.Narrow(low, high).Store(to + i);
        }

        for (; i < count; i++)
            to[i] = (ushort)(((uint*)from)[i] >> 16);
    }

    private struct PanelState
    {
        public GemmProblem Problem;
        public void* To;
    }
}
