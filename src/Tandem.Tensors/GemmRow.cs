using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>
/// One row times the rows of a weight, as in decoding: every weight is read once, straight from memory. Sums run side by side,
/// each over ascending k as in the kernels: over panels as they are, and over rows of a weight by blocks of 8 × 8 that are
/// transposed in registers.
/// </summary>
internal static unsafe class GemmRow
{
    // Rows of the weight that are taken together.
    private const int Width = 16;

    private const int ChunksPerThread = 6;

    // Steps of k by which a panel is fetched ahead.
    private const int FetchedSteps = 32;

    /// <summary>Whether a product has the shape for it, and the path in use and the processor the instructions.</summary>
    public static bool Serves(in GemmProblem problem) =>
        problem.M == 1 && problem.AStep == 1 && problem.BStep == 1 && problem.N % Width == 0
        && InstructionSet.Active != VectorPath.Portable && Avx.IsSupported && Fma.IsSupported;

    /// <summary>Computes such a product.</summary>
    /// <param name="problem">The product.</param>
    /// <param name="panelWidth">The columns of its <see cref="GemmProblem.Panels"/>, if it has any.</param>
    /// <param name="pool">The threads, or null for the calling one alone.</param>
    public static void Multiply(GemmProblem* problem, int panelWidth, WorkerPool? pool)
    {
        var state = new State { Problem = problem, PanelWidth = panelWidth, Threads = pool?.Threads ?? 1 };
        state.Chunks = pool is null ? 1 : Math.Min(problem->N / Width, pool.Threads * ChunksPerThread);
        delegate*<void*, int, void> chunk = problem->HalfB == null ? &MultiplyChunk<Float32> : &MultiplyChunk<BFloat16>;
        if (pool is null)
            chunk(&state, 0);
        else
            pool.Run(state.Chunks, chunk, &state);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyChunk<T>(void* state, int chunk)
        where T : unmanaged, IStoredElement<T>
    {
        State* work = (State*)state;
        ref readonly GemmProblem p = ref *work->Problem;
        T* b = (T*)p.AddressOfB(0);
        int first = FirstColumn(work, chunk), end = FirstColumn(work, chunk + 1);
        for (int column = first; column < end; column += Width)
        {
            if (p.Panels != null)
            {
                MultiplyPanel<T>(p, column, work->PanelWidth);
                continue;
            }

            // After its last rows a thread is likely to go on with the chunk that follows those of the other threads.
            int next = column + Width < end ? column + Width : FirstColumn(work, Math.Min(chunk + work->Threads, work->Chunks));
            nint ahead = next < p.N ? (next - column) * p.BColumn : 0;
            for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
            {
                MultiplyBlock(
                    Math.Min(Gemm.ChunkDepth, p.K - start), p.A + start, b + start + (column * p.BColumn), p.BColumn, ahead,
                    p.C + column, p.Addend(0, column, start, out _));
            }
        }

        p.AddResidual(0, 1, first, end - first);
    }

    // As below, of a panel: one stream of memory.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPanel<T>(in GemmProblem p, int column, int width)
        where T : unmanaged, IStoredElement<T>
    {
        T* b = (T*)p.AddressOfPanels(((nint)(column / width) * width * p.K) + (column % width));
        for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
        {
            Vector256<float> low = default, high = default;
            int end = Math.Min(start + Gemm.ChunkDepth, p.K);
            for (int k = start; k < end; k++, b += width)
            {
                Sse.Prefetch0(b + (FetchedSteps * width));
                Vector256<float> x = Vector256.Create(p.A[k]);
                low = Vector256.FusedMultiplyAdd(x, T.Load(b), low);
                high = Vector256.FusedMultiplyAdd(x, T.Load(b + 8), high);
            }

            Store(low, high, p.C + column, p.Addend(0, column, start, out _));
        }
    }

    private static int FirstColumn(State* work, int chunk) => (int)((long)(work->Problem->N / Width) * chunk / work->Chunks) * Width;

    // c[j] = addend[j] + Σ a[k]·b[j, k]. Meanwhile the rows that come next are fetched, which are more than the processor follows
    // by itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyBlock<T>(int depth, float* a, T* b, nint stride, nint ahead, float* c, float* addend)
        where T : unmanaged, IStoredElement<T>
    {
        Vector256<float> low = default, high = default;
        T* upper = b + (8 * stride);
        int k = 0;
        for (; k + 8 <= depth; k += 8)
        {
            Eight(a + k, b + k, stride, ahead, ref low);
            Eight(a + k, upper + k, stride, ahead, ref high);
        }

        for (; k < depth; k++)
        {
            Vector256<float> x = Vector256.Create(a[k]);
            low = Vector256.FusedMultiplyAdd(x, Column(b + k, stride), low);
            high = Vector256.FusedMultiplyAdd(x, Column(upper + k, stride), high);
        }

        Store(low, high, c, addend);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> low, Vector256<float> high, float* c, float* addend)
    {
        if (addend != null)
        {
            low = Vector256.Load(addend) + low;
            high = Vector256.Load(addend + 8) + high;
        }

        low.Store(c);
        high.Store(c + 8);
    }

    private static Vector256<float> Column<T>(T* b, nint stride)
        where T : unmanaged, IStoredElement<T> => Vector256.Create(
        T.Widen(b[0]), T.Widen(b[stride]), T.Widen(b[2 * stride]), T.Widen(b[3 * stride]),
        T.Widen(b[4 * stride]), T.Widen(b[5 * stride]), T.Widen(b[6 * stride]), T.Widen(b[7 * stride]));

    // Eight steps of k for eight sums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight<T>(float* a, T* b, nint stride, nint ahead, ref Vector256<float> sum)
        where T : unmanaged, IStoredElement<T>
    {
        T* b4 = b + (4 * stride);
        Vector256<float> r0 = T.Load(b), r1 = T.Load(b + stride);
        Vector256<float> r2 = T.Load(b + (2 * stride)), r3 = T.Load(b + (3 * stride));
        GemmPacking.TransposeHalves(ref r0, ref r1, ref r2, ref r3);
        Vector256<float> r4 = T.Load(b4), r5 = T.Load(b4 + stride);
        Vector256<float> r6 = T.Load(b4 + (2 * stride)), r7 = T.Load(b4 + (3 * stride));
        GemmPacking.TransposeHalves(ref r4, ref r5, ref r6, ref r7);
        T* next = b + ahead;
        T* next4 = b4 + ahead;
        Sse.Prefetch1(next);
        Sse.Prefetch1(next + stride);
        Sse.Prefetch1(next + (2 * stride));
        Sse.Prefetch1(next + (3 * stride));
        Sse.Prefetch1(next4);
        Sse.Prefetch1(next4 + stride);
        Sse.Prefetch1(next4 + (2 * stride));
        Sse.Prefetch1(next4 + (3 * stride));
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[0]), Avx.Permute2x128(r0, r4, 0x20), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[1]), Avx.Permute2x128(r1, r5, 0x20), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[2]), Avx.Permute2x128(r2, r6, 0x20), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[3]), Avx.Permute2x128(r3, r7, 0x20), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[4]), Avx.Permute2x128(r0, r4, 0x31), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[5]), Avx.Permute2x128(r1, r5, 0x31), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[6]), Avx.Permute2x128(r2, r6, 0x31), sum);
        sum = Vector256.FusedMultiplyAdd(Vector256.Create(a[7]), Avx.Permute2x128(r3, r7, 0x31), sum);
    }

    private struct State
    {
        public GemmProblem* Problem;
        public int PanelWidth;
        public int Chunks;
        public int Threads;
    }
}
