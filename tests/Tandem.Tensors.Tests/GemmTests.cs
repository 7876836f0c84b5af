namespace Tandem.Tensors.Tests;

/// <summary>Every path, form, shape and thread count against the scalar definition, bit for bit.</summary>
[Collection(nameof(InstructionSet))]
public sealed unsafe class GemmTests
{
    private static readonly VectorPath[] s_paths = [VectorPath.Portable, VectorPath.Avx2, VectorPath.Avx512];

    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 1, 16, 1 }, { 1, 33, 130 }, { 1, 320, 257 }, { 1, 48, 603 }, { 2, 15, 3 }, { 3, 17, 31 }, { 5, 7, 255 }, { 6, 16, 256 },
        { 7, 32, 257 }, { 8, 31, 64 }, { 13, 48, 513 }, { 64, 64, 64 }, { 65, 33, 65 }, { 97, 100, 40 }, { 128, 96, 300 },
        { 200, 1, 70 }, { 131, 18, 600 }, { 30, 50, 1100 }, { 0, 5, 4 }, { 5, 0, 4 }, { 5, 6, 0 }, { 100, 70, 0 },
        { 8, 17, 140 }, { 9, 20, 200 }, { 13, 16, 128 }, { 15, 33, 300 }, { 87, 18, 290 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_EveryPathFormAndThreadCount_EqualsDefinitionBitForBit(int m, int n, int k)
    {
        var random = new RandomStream(((ulong)m << 40) + ((ulong)n << 20) + (ulong)k);
        foreach (char form in "NTX") // X: A transposed
        {
            foreach (bool accumulate in new[] { false, true })
                CheckAllPaths(form, m, n, k, accumulate, random, (_, _) => { });
        }
    }

    [Theory]
    [InlineData(5000, 20, 30, 'N')]
    [InlineData(70, 4200, 20, 'T')]
    [InlineData(4200, 20, 40, 'X')]
    [InlineData(20, 4200, 300, 'X')]
    [InlineData(80, 90, 5000, 'X')]
    [InlineData(80, 2100, 700, 'N')]
    [InlineData(771, 800, 600, 'X')]
    public void Multiply_LargerThanOneBlock_EqualsDefinitionBitForBit(int m, int n, int k, char form)
    {
        CheckAllPaths(form, m, n, k, accumulate: true, new RandomStream(1), (_, _) => { });
    }

    [Theory]
    [InlineData(200, 90, 300, 'N')]
    [InlineData(131, 18, 600, 'T')]
    [InlineData(70, 300, 20, 'T')]
    [InlineData(90, 75, 600, 'X')]
    [InlineData(17, 200, 300, 'X')]
    [InlineData(790, 1000, 30, 'X')]
    public void Multiply_ByMoreThreadsThanTilesOrAlmost_EqualsDefinitionBitForBit(int m, int n, int k, char form)
    {
        foreach (int threads in new[] { 5, 64 })
            CheckAllPaths(form, m, n, k, accumulate: true, new RandomStream(1), (_, _) => { }, threads);
    }

    [Theory]
    [InlineData('N')]
    [InlineData('T')]
    [InlineData('X')]
    public void Multiply_NotANumberAndInfinity_ReachTheSameElementsAsInTheDefinition(char form)
    {
        CheckAllPaths(form, 70, 35, 290, accumulate: false, new RandomStream(2), (a, b) =>
        {
            a[3] = float.NaN;
            a[a.Length - 1] = float.PositiveInfinity;
            b[5] = float.NegativeInfinity;
            b[b.Length / 2] = float.NaN;
            a[a.Length / 2] = 3e38f;
        });
    }

    [Theory]
    [InlineData(1, 33, 300)]
    [InlineData(1, 48, 603)]
    [InlineData(70, 50, 30)]
    [InlineData(200, 16, 520)]
    [InlineData(5, 7, 0)]
    public void MultiplyNT_WithBias_EqualsAddingToRowsOfBiasesBitForBit(int m, int n, int k)
    {
        // Leading dimensions beyond the widths, as in CheckAllPaths.
        int lda = k + 3, ldb = k + 1, ldc = n + 5;
        var random = new RandomStream(3);
        float[] a = Fill(random, (m * lda) + 1), b = Fill(random, (n * ldb) + 1), bias = Fill(random, n + 1);
        float[] initial = Fill(random, (m * ldc) + 1), expected = (float[])initial.Clone();
        for (int i = 0; i < m; i++)
            bias.AsSpan(1).CopyTo(expected.AsSpan(1 + (i * ldc)));
        fixed (float* pa = a, pb = b, pBias = bias, pExpected = expected)
        {
            GemmReference.Multiply(new GemmProblem(m, n, k, pa + 1, lda, 1, pb + 1, 1, ldb, pExpected + 1, ldc, accumulate: true));
            foreach (int threads in new[] { 1, 2, 7 })
            {
                using var pool = new WorkerPool(threads);
                foreach (VectorPath path in s_paths)
                {
                    float[] actual = (float[])initial.Clone();
                    InstructionSet.Force(path);
                    try
                    {
                        fixed (float* pActual = actual)
                            Gemm.Multiply(new GemmProblem(m, n, k, pa + 1, lda, 1, pb + 1, 1, ldb, pActual + 1, ldc, false, pBias + 1), pool);
                    }
                    finally
                    {
                        InstructionSet.Force(null);
                    }

                    AssertSameBits(expected, actual, $"{path} {m}×{n}×{k} with bias, {threads} threads");
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 33, 300)]
    [InlineData(70, 50, 30)]
    [InlineData(200, 16, 520)]
    [InlineData(230, 520, 600)]
    [InlineData(5, 7, 0)]
    public void Multiply_ResidualOnEveryPathAndThreadCount_EqualsAddingTheProductBitForBit(int m, int n, int k)
    {
        var random = new RandomStream(4);
        float[] a = Fill(random, (m * k) + 1), b = Fill(random, (n * k) + 1), residual = Fill(random, m * n);
        float[] expected = new float[m * n], actual = Fill(random, m * n);
        fixed (float* pa = a, pb = b, pResidual = residual, pExpected = expected, pActual = actual)
        {
            GemmReference.Multiply(new GemmProblem(m, n, k, pa, k, 1, pb, 1, k, pExpected, n, accumulate: false));
            for (int i = 0; i < expected.Length; i++)
                expected[i] += residual[i];
            try
            {
                foreach (VectorPath path in Enum.GetValues<VectorPath>())
                {
                    InstructionSet.Force(path);
                    foreach (int threads in new[] { 1, 2, 3 })
                    {
                        using var pool = new WorkerPool(threads);
                        Gemm.Multiply(new GemmProblem(m, n, k, pa, k, 1, pb, 1, k, pActual, n, false, null, pResidual), pool);
                        AssertSameBits(expected, actual, $"{m}×{n}×{k} plus residual, {path}, {threads} threads");
                    }
                }
            }
            finally
            {
                InstructionSet.Force(null);
            }
        }
    }

    [Theory]
    [InlineData(new[] { 20, 9, 9 }, 35, 300)]
    [InlineData(new[] { 1, 130, 5 }, 64, 600)]
    [InlineData(new[] { 70, 70 }, 130, 40)]
    [InlineData(new[] { 800 }, 33, 30)]
    [InlineData(new[] { 3, 2 }, 5, 0)]
    public void MultiplySharingB_EveryPathAndThreadCount_EqualsOneProductAfterTheOtherBitForBit(int[] rows, int n, int k)
    {
        // Odd leading dimensions and offsets, as in CheckAllPaths.
        var random = new RandomStream(5);
        int most = rows.Max(), lda = most + 3, ldb = n + 1, ldc = n + 5;
        float[] a = Fill(random, (rows.Length * k * lda) + 1), b = Fill(random, (k * ldb) + 1), initial = Fill(random, (rows.Sum() * ldc) + 1);
        float[] expected = (float[])initial.Clone();
        GemmProblem* problems = stackalloc GemmProblem[GemmBlocks.MostTogether];
        fixed (float* pa = a, pb = b, pExpected = expected)
        {
            Describe(problems, pa, pb, pExpected);
            for (int i = 0; i < rows.Length; i++)
                GemmReference.Multiply(problems[i]);
            foreach (int threads in new[] { 1, 2, 3, 7, 64 })
            {
                using var pool = new WorkerPool(threads);
                foreach (VectorPath path in s_paths)
                {
                    float[] actual = (float[])initial.Clone();
                    InstructionSet.Force(path);
                    try
                    {
                        fixed (float* pActual = actual)
                        {
                            Describe(problems, pa, pb, pActual);
                            GemmBlocks.MultiplySharingB(problems, rows.Length, pool);
                        }
                    }
                    finally
                    {
                        InstructionSet.Force(null);
                    }

                    AssertSameBits(expected, actual, $"{path} {string.Join("+", rows)}×{n}×{k} threads {threads}");
                }
            }
        }

        void Describe(GemmProblem* to, float* a, float* b, float* c)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                to[i] = new GemmProblem(rows[i], n, k, a + 1 + (i * k * lda), 1, lda, b + 1, ldb, 1, c + 1, ldc, accumulate: true);
                c += rows[i] * ldc;
            }
        }
    }

    [Fact]
    public void Multiply_DepthZeroWithoutAccumulate_ClearsAndWithAccumulateKeeps()
    {
        using var pool = new WorkerPool(1);
        float[] values = [1, 2, 3, 4];
        fixed (float* c = values)
        {
            Gemm.MultiplyNN(2, 1, 0, null, 0, null, 1, c, 2, accumulate: true, pool);
            Assert.Equal([1, 2, 3, 4], values);
            Gemm.MultiplyNN(2, 1, 0, null, 0, null, 1, c, 2, accumulate: false, pool);
            Assert.Equal([0, 2, 0, 4], values);
        }
    }

    [Fact]
    public void Multiply_ThirdCall_AllocatesNothing()
    {
        using var pool = new WorkerPool(2);
        float[] a = new float[300 * 64], b = new float[300 * 64], c = new float[300 * 300];
        long Allocated()
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            fixed (float* pa = a, pb = b, pc = c)
            {
                Gemm.MultiplyNT(300, 300, 64, pa, 64, pb, 64, pc, 300, false, pool);
                Gemm.MultiplyTN(64, 64, 300, pa, 64, pb, 64, pc, 300, true, pool);
                Gemm.MultiplyNT(1, 300, 64, pa, 64, pb, 64, pc, 300, false, pool);
            }

            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        Allocated();

        // The test host's own threads allocate now and then: one clean call proves the point.
        Assert.Contains(0L, Enumerable.Range(0, 20).Select(_ => Allocated()));
    }

    private static void CheckAllPaths(
        char form, int m, int n, int k, bool accumulate, RandomStream random, Action<float[], float[]> spoil,
        params int[] threadCounts)
    {
        // Odd leading dimensions and offsets: nothing is aligned, and what lies between rows must survive.
        int lda = (form == 'X' ? m : k) + 3, ldb = (form == 'T' ? k : n) + 1, ldc = n + 5;
        float[] a = Fill(random, ((form == 'X' ? k : m) * lda) + 1);
        float[] b = Fill(random, ((form == 'T' ? n : k) * ldb) + 1);
        float[] initial = Fill(random, (m * ldc) + 1);
        spoil(a, b);
        float[] expected = (float[])initial.Clone();
        fixed (float* pa = a, pb = b, pc = expected)
        {
            GemmReference.Multiply(new GemmProblem(
                m, n, k, pa + 1, form == 'X' ? 1 : lda, form == 'X' ? lda : 1, pb + 1, form == 'T' ? 1 : ldb, form == 'T' ? ldb : 1, pc + 1, ldc, accumulate));
        }

        foreach (int threads in threadCounts is [] ? [1, 2, 3] : threadCounts)
        {
            using var pool = new WorkerPool(threads);
            foreach (VectorPath path in s_paths)
            {
                float[] actual = (float[])initial.Clone();
                InstructionSet.Force(path);
                try
                {
                    fixed (float* pa = a, pb = b, pc = actual)
                    {
                        switch (form)
                        {
                            case 'N': Gemm.MultiplyNN(m, n, k, pa + 1, lda, pb + 1, ldb, pc + 1, ldc, accumulate, pool); break;
                            case 'T': Gemm.MultiplyNT(m, n, k, pa + 1, lda, pb + 1, ldb, pc + 1, ldc, accumulate, pool); break;
                            default: Gemm.MultiplyTN(m, n, k, pa + 1, lda, pb + 1, ldb, pc + 1, ldc, accumulate, pool); break;
                        }
                    }
                }
                finally
                {
                    InstructionSet.Force(null);
                }

                AssertSameBits(expected, actual, $"{path} {form} {m}×{n}×{k} accumulate {accumulate} threads {threads}");
            }
        }
    }

    private static float[] Fill(RandomStream random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(random.NextDouble() - 0.5);
        return values;
    }

    private static void AssertSameBits(float[] expected, float[] actual, string what)
    {
        // Which of two NaNs survives an operation is the processor's business; that one does is not.
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(float.IsNaN(expected[i]) && float.IsNaN(actual[i])))
                Assert.True(BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]), $"{what}: element {i} is {actual[i]:G9}, not {expected[i]:G9}");
        }
    }
}

/// <summary>Tests that force a vector path run one after the other.</summary>
[CollectionDefinition(nameof(InstructionSet), DisableParallelization = true)]
public sealed class InstructionSetCollection;
