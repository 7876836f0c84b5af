namespace Tandem.Tensors;

/// <summary>
/// The definition of <see cref="Gemm"/>'s results, element by element: what the kernels must equal bit for bit.
/// </summary>
internal static unsafe class GemmReference
{
    /// <summary>C = A · B or C += A · B in the strided form of <see cref="GemmProblem"/>.</summary>
    public static void Multiply(in GemmProblem p)
    {
        for (int i = 0; i < p.M; i++)
        {
            for (int j = 0; j < p.N; j++)
            {
                float* c = p.C + (i * p.Ldc) + j;
                if (p.K == 0 && !p.Accumulate)
                    *c = 0;
                for (int start = 0; start < p.K; start += Gemm.ChunkDepth)
                {
                    float sum = 0;
                    for (int k = start; k < Math.Min(start + Gemm.ChunkDepth, p.K); k++)
                        sum = MathF.FusedMultiplyAdd(p.A[(i * p.ARow) + (k * p.AStep)], p.B[(k * p.BStep) + (j * p.BColumn)], sum);
                    *c = p.Accumulate || start > 0 ? *c + sum : sum;
                }
            }
        }
    }
}
