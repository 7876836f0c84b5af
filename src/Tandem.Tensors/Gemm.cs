namespace Tandem.Tensors;

/// <summary>
/// Matrix products in fp32 over row-major matrices with leading dimensions. Every element of C is computed the same
/// way whatever the shape of the tiles, the number of threads or the instruction set: k is cut into chunks of
/// <see cref="ChunkDepth"/>, each chunk is one chain of fused multiply-adds in ascending k started at zero, and the
/// chunks' sums are added in order to C (the first one is stored when C is not accumulated into).
/// </summary>
/// <remarks>
/// The blocking follows Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (ACM TOMS 2008):
/// B is packed into panels that stay in the first-level cache while tiles of A pass by. A is read in place where its
/// rows run along k, and packed otherwise.
/// </remarks>
public static unsafe class Gemm
{
    /// <summary>
    /// How many products are summed before the sum is added to C. It defines the results: pre-trained models are
    /// reproducible bit for bit only while it stays as it is.
    /// </summary>
    public const int ChunkDepth = 256;

    /// <summary>Up to so many rows a product reads panels of B that were packed beforehand.</summary>
    internal const int FewRows = 64;

    /// <summary>C[m, n] = A[m, k] · B[k, n], or C += A · B.</summary>
    /// <param name="m">Rows of C; 0 does nothing.</param>
    /// <param name="n">Columns of C; 0 does nothing.</param>
    /// <param name="k">Length of the sums; with 0 the product is zero.</param>
    /// <param name="a">A, row by row.</param>
    /// <param name="lda">Floats between rows of A, at least <paramref name="k"/>.</param>
    /// <param name="b">B, row by row.</param>
    /// <param name="ldb">Floats between rows of B, at least <paramref name="n"/>.</param>
    /// <param name="c">C, row by row; must not overlap A or B.</param>
    /// <param name="ldc">Floats between rows of C, at least <paramref name="n"/>.</param>
    /// <param name="accumulate">Whether the product is added to C; otherwise C is overwritten, unread.</param>
    /// <param name="pool">The threads to use.</param>
    public static void MultiplyNN(
        int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc, bool accumulate, WorkerPool pool)
    {
        Multiply(new GemmProblem(m, n, k, a, lda, 1, b, ldb, 1, c, ldc, accumulate), pool);
    }

    /// <summary>
    /// C[m, n] = A[m, k] · Bᵀ with B[n, k], or C += A · Bᵀ. Parameters as in <see cref="MultiplyNN"/>, with
    /// <paramref name="ldb"/> at least <paramref name="k"/>.
    /// </summary>
    public static void MultiplyNT(
        int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc, bool accumulate, WorkerPool pool)
    {
        Multiply(new GemmProblem(m, n, k, a, lda, 1, b, 1, ldb, c, ldc, accumulate), pool);
    }

    /// <summary>
    /// C[m, n] = Aᵀ · B[k, n] with A[k, m], or C += Aᵀ · B. Parameters as in <see cref="MultiplyNN"/>, with
    /// <paramref name="lda"/> at least <paramref name="m"/>.
    /// </summary>
    public static void MultiplyTN(
        int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc, bool accumulate, WorkerPool pool)
    {
        Multiply(new GemmProblem(m, n, k, a, 1, lda, b, ldb, 1, c, ldc, accumulate), pool);
    }

    /// <summary>Any product in strided form.</summary>
    internal static void Multiply(in GemmProblem problem, WorkerPool pool)
    {
        if (problem.M <= 0 || problem.N <= 0)
            return;
        if (problem.K <= 0)
        {
            if (!problem.Accumulate)
            {
                for (int i = 0; i < problem.M; i++)
                {
                    var row = new Span<float>(problem.C + (i * problem.Ldc), problem.N);
                    if (problem.Bias == null)
                        row.Clear();
                    else
                        new Span<float>(problem.Bias, problem.N).CopyTo(row);
                    problem.AddResidual(i, 1, 0, problem.N);
                }
            }

            return;
        }

        switch (InstructionSet.Active)
        {
            case VectorPath.Avx512: GemmDriver<Avx512GemmKernel>.Multiply(problem, pool); break;
            case VectorPath.Avx2: GemmDriver<Avx2GemmKernel>.Multiply(problem, pool); break;
            default: GemmDriver<PortableGemmKernel>.Multiply(problem, pool); break;
        }
    }

    /// <summary>The bytes that the panels of B take.</summary>
    internal static nuint BytesOfPanels(in GemmProblem problem) => InstructionSet.Active switch
    {
        VectorPath.Avx512 => GemmDriver<Avx512GemmKernel>.BytesOfPanels(problem),
        VectorPath.Avx2 => GemmDriver<Avx2GemmKernel>.BytesOfPanels(problem),
        _ => GemmDriver<PortableGemmKernel>.BytesOfPanels(problem),
    };

    /// <summary>Packs B for <see cref="GemmProblem.Panels"/>.</summary>
    internal static void PackPanels(in GemmProblem problem, void* to, WorkerPool pool)
    {
        switch (InstructionSet.Active)
        {
            case VectorPath.Avx512: GemmDriver<Avx512GemmKernel>.PackPanels(problem, to, pool); break;
            case VectorPath.Avx2: GemmDriver<Avx2GemmKernel>.PackPanels(problem, to, pool); break;
            default: GemmDriver<PortableGemmKernel>.PackPanels(problem, to, pool); break;
        }
    }
}
