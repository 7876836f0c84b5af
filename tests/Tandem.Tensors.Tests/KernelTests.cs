namespace Tandem.Tensors.Tests;

/// <summary>Kernels that other tests reach through operations only, against their definitions, at odd sizes and any place in memory.</summary>
[Collection(nameof(InstructionSet))]
public sealed unsafe class KernelTests
{
    private const float Guard = 12345f;

    [Fact]
    public void PackPanel_AnySizeAndStrides_CopiesColumnsAndClearsTheRest()
    {
        var random = new RandomStream(1);
        foreach (int width in new[] { 16, 32, 48 })
        {
            foreach (int depth in new[] { 0, 1, 7, 8, 9, 31 })
            {
                foreach (int columns in new[] { 1, 5, 8, 15, width - 1, width })
                {
                    foreach (bool transposed in new[] { false, true })
                    {
                        int stride = (transposed ? depth : columns) + 3;
                        (int rowStride, int columnStride) = transposed ? (1, stride) : (stride, 1);
                        float[] from = Draw(random, 1 + ((transposed ? columns : depth) * stride)), to = Guarded(1 + (depth * width) + 1);
                        fixed (float* pFrom = from, pTo = to)
                            GemmPacking.PackPanel(pFrom + 1, rowStride, columnStride, depth, columns, width, pTo + 1);
                        float[] expected = Guarded(to.Length);
                        for (int k = 0; k < depth; k++)
                        {
                            for (int j = 0; j < width; j++)
                                expected[1 + (k * width) + j] = j < columns ? from[1 + (k * rowStride) + (j * columnStride)] : 0;
                        }

                        Assert.Equal(expected, to);
                    }
                }
            }
        }
    }

    [Fact]
    public void PackStrips_AnySizeAndStrides_CopiesStripByStripAndClearsTheRest()
    {
        var random = new RandomStream(2);
        foreach (int width in new[] { 4, 6, 8, 16, 32 })
        {
            foreach (int depth in new[] { 0, 1, 3, 4, 10 })
            {
                foreach (int columns in new[] { 1, width - 1, width, (2 * width) + 1, (5 * width) - 1, 37 * width })
                {
                    int stride = columns + 3, strips = (columns + width - 1) / width, stripStride = (depth * width) + 5;
                    float[] from = Draw(random, 1 + (depth * stride)), to = Guarded(1 + (strips * stripStride));
                    fixed (float* pFrom = from, pTo = to)
                        GemmPacking.PackStrips(pFrom + 1, stride, depth, columns, width, pTo + 1, stripStride);
                    float[] expected = Guarded(to.Length);
                    for (int k = 0; k < depth; k++)
                    {
                        for (int c = 0; c < strips * width; c++)
                        {
                            expected[1 + (c / width * stripStride) + (k * width) + (c % width)] =
                                c < columns ? from[1 + (k * stride) + c] : 0;
                        }
                    }

                    Assert.Equal(expected, to);
                }
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(203)]
    public void GemmBlocks_OfChainedProducts_EqualTheirDefinitionsBitForBit(int rows)
    {
        // Forms of both kinds, with bias, residual and accumulation, of left operands whose rows are apart.
        const int depth = 270, inner = 37, stride = depth + 5;
        var random = new RandomStream(3);
        float[] x = Draw(random, (rows * stride) + 1), weight = Draw(random, inner * depth), bias = Draw(random, inner);
        float[] second = Draw(random, inner * depth), residual = Draw(random, rows * inner), initial = Draw(random, rows * inner);
        float[] expected = Compute(1, null);
        foreach (VectorPath path in Enum.GetValues<VectorPath>())
        {
            foreach (int threads in new[] { 1, 2, 5, 64 })
                Assert.Equal(Bits(expected), Bits(Compute(threads, path)));
        }

        float[] Compute(int threads, VectorPath? path)
        {
            float[] result = new float[(2 * rows * inner) + (rows * depth)];
            initial.CopyTo(result.AsSpan(rows * inner));
            fixed (float* pX = x, pWeight = weight, pBias = bias, pSecond = second, pResidual = residual, first = result)
            {
                float* middle = first + (rows * inner), last = middle + (rows * inner);
                BlockStep* steps = stackalloc BlockStep[3];
                steps[0].Problem = new GemmProblem(rows, inner, depth, pX + 1, stride, 1, pWeight, 1, depth, first, inner, false, pBias, pResidual);
                steps[1].Problem = new GemmProblem(rows, inner, depth, pX + 1, stride, 1, pSecond, 1, depth, middle, inner, true);
                steps[2].Problem = new GemmProblem(rows, depth, inner, first, inner, 1, pWeight, depth, 1, last, depth, false);
                if (path is null)
                {
                    for (int i = 0; i < rows * inner; i++)
                        first[i] = pBias[i % inner];
                    GemmReference.Multiply(new GemmProblem(rows, inner, depth, pX + 1, stride, 1, pWeight, 1, depth, first, inner, true));
                    for (int i = 0; i < rows * inner; i++)
                        first[i] += pResidual[i];
                    GemmReference.Multiply(steps[1].Problem);
                    GemmReference.Multiply(steps[2].Problem);
                    return result;
                }

                using var pool = new WorkerPool(threads);
                InstructionSet.Force(path);
                try
                {
                    GemmBlocks.Multiply(rows, steps, 3, null, null, pool);
                }
                finally
                {
                    InstructionSet.Force(null);
                }
            }

            return result;
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 2, 1)]
    [InlineData(3, 4, 2, 6, 17)]
    [InlineData(2, 6, 6, 5, 16)]
    [InlineData(4, 8, 2, 64, 300)]
    public void CachedAttention_OfRows_IsTheDefinitionAndReadsNoKeyThatARowDoesNotSee(
        int rows, int heads, int keyValueHeads, int headSize, int longest)
    {
        int capacity = ((longest + 15) / 16 * 16) + 16, cache = keyValueHeads * headSize * capacity;
        var random = new RandomStream(4);
        int[] visible = [.. Enumerable.Range(0, rows).Select(row => row == 0 ? longest : 1 + random.NextInt32(longest))];
        float[] q = Draw(random, rows * heads * headSize), result = new float[q.Length];
        float[] keys = Draw(random, rows * cache), values = Draw(random, rows * cache);
        fixed (float* pQ = q, pResult = result, pKeys = keys, pValues = values)
        fixed (int* pVisible = visible)
        {
            for (int row = 0; row < rows; row++)
            {
                for (int i = 0; i < keyValueHeads * headSize; i++)
                    new Span<float>(pKeys + (row * cache) + (i * capacity), capacity)[visible[row]..].Fill(float.NaN);
                for (int group = 0; group < keyValueHeads; group++)
                    new Span<float>(pValues + (row * cache) + (group * headSize * capacity), capacity * headSize)[(visible[row] * headSize)..].Fill(float.NaN);
            }

            float** keysOf = stackalloc float*[rows];
            float** valuesOf = stackalloc float*[rows];
            for (int row = 0; row < rows; row++)
            {
                keysOf[row] = pKeys + (row * cache);
                valuesOf[row] = pValues + (row * cache);
            }

            using var pool = new WorkerPool(2);
            CachedAttention.Attend(
                new Tensor(pQ, null, rows, heads * headSize), keysOf, valuesOf, pVisible, capacity, heads, keyValueHeads,
                new Tensor(pResult, null, rows, heads * headSize), pool);
        }

        for (int row = 0; row < rows; row++)
        {
            for (int head = 0; head < heads; head++)
            {
                int at = ((row * heads) + head) * headSize, group = (row * cache) + (head / (heads / keyValueHeads) * headSize * capacity);
                double[] p = OperationReferences.Softmax([.. Enumerable.Range(0, visible[row]).Select(j =>
                    Enumerable.Range(0, headSize).Sum(d => (double)q[at + d] * keys[group + (d * capacity) + j]) / Math.Sqrt(headSize))]);
                for (int d = 0; d < headSize; d++)
                    Assert.Equal(p.Select((weight, j) => weight * values[group + (j * headSize) + d]).Sum(), result[at + d], 1e-5);
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 15)]
    [InlineData(3, 16)]
    [InlineData(40, 1037)]
    public void LogProbabilities_OfRowsInAnyOrder_AreTheDefinitionAndNotANumberStaysInItsRow(int rows, int columns)
    {
        var random = new RandomStream(5);
        int[] sources = [.. Enumerable.Range(0, rows), .. Enumerable.Range(0, rows).Reverse()];
        float[] logits = Draw(random, rows * columns), found = new float[sources.Length];
        int[] targets = [.. sources.Select((_, i) => i % 7 == 3 ? Tape.IgnoredTarget : random.NextInt32(columns))];
        int spoiled = rows / 2;
        logits[(spoiled * columns) + (columns - 1)] = float.NaN;
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        tape.Begin(recording: false);
        tape.LogProbabilities(tape.Input(logits, rows, columns), sources, targets, found);
        for (int i = 0; i < sources.Length; i++)
        {
            double[] p = OperationReferences.Softmax([.. logits.Skip(sources[i] * columns).Take(columns).Select(z => (double)z)]);
            if (targets[i] == Tape.IgnoredTarget)
                Assert.Equal(0f, found[i]);
            else if (sources[i] == spoiled)
                Assert.True(float.IsNaN(found[i]));
            else
                Assert.Equal(Math.Log(p[targets[i]]), found[i], 2e-6);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(150)]
    public void QueryKeyValue_InPlaceOfNormAndLinears_GivesTheSameBits(int rows)
    {
        const int width = 43, inner = 22;
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("norm", 1, width, true), new("weight", inner, width), new("bias", 1, inner, true)]);
        var random = new RandomStream(6);
        foreach (Parameter parameter in parameters.All)
            Draw(random, parameter.Tensor.Length).CopyTo(parameter.Tensor.Values);
        (Parameter norm, Parameter weight, Parameter bias) = (parameters["norm"], parameters["weight"], parameters["bias"]);
        tape.Begin(recording: false);
        Tensor x = tape.Input(Draw(random, rows * width), rows, width);
        (Tensor query, Tensor key, Tensor value) = tape.QueryKeyValue(x, norm, 1e-5f, weight, bias, weight, null, weight, bias);
        Tensor normed = tape.RmsNorm(x, norm, 1e-5f), expected = tape.Linear(normed, weight, bias);
        Assert.Equal(Bits(expected.Values.ToArray()), Bits(query.Values.ToArray()));
        Assert.Equal(Bits(expected.Values.ToArray()), Bits(value.Values.ToArray()));
        Assert.Equal(Bits(tape.Linear(normed, weight).Values.ToArray()), Bits(key.Values.ToArray()));
    }

    [Fact]
    public void RotaryTable_OfLlama3_StretchesLongWavelengthsAndKeepsShortOnes()
    {
        // The frequencies 1, 0.1, 0.01 and 0.001 have wavelengths of 6.3, 63, 628 and 6283; kept below 128 / 4 = 32, stretched
        // eight times above 128 / 1, and blended between them.
        using RotaryTable table = RotaryTable.Llama3(8, 50, 10_000f, 8f, 1f, 4f, 128);
        double smooth = ((128 / (2 * Math.PI / 0.1)) - 1) / (4 - 1);
        double[] frequencies = [1, ((1 - smooth) * 0.1 / 8) + (smooth * 0.1), 0.01 / 8, 0.001 / 8];
        for (int position = 0; position < 50; position++)
        {
            for (int i = 0; i < 4; i++)
            {
                Assert.Equal(Math.Cos(position * frequencies[i]), table.Cosines[(position * 4) + i], 1e-5);
                Assert.Equal(Math.Sin(position * frequencies[i]), table.Sines[(position * 4) + i], 1e-5);
            }
        }
    }

    private static float[] Draw(RandomStream random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];

    private static float[] Guarded(int count)
    {
        float[] values = new float[count];
        Array.Fill(values, Guard);
        return values;
    }

    private static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);
}
