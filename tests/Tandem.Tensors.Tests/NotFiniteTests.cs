namespace Tandem.Tensors.Tests;

/// <summary>
/// Numbers that are not finite reach what depends on them by an operation's definition and nothing else. The scalar
/// references multiply and add what the definitions name, so that NaN in one of their inputs marks what depends on it.
/// </summary>
public sealed class NotFiniteTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    public static IEnumerable<object[]> Names => OperationCases.Names;

    // Operations each of whose rows depends on the same row of its inputs alone, and on parameters.
    public static IEnumerable<object[]> NamesOfRowOperations => OperationCases.All
        .Where(c => c.Name.StartsWith("RmsNorm", StringComparison.Ordinal) || c.Name.StartsWith("Linear ", StringComparison.Ordinal)
            || c.Name.StartsWith("AddLinear", StringComparison.Ordinal) || c.Name.StartsWith("QueryKeyValue", StringComparison.Ordinal)
            || c.Name.StartsWith("FeedForward", StringComparison.Ordinal) || c.Name.StartsWith("Add ", StringComparison.Ordinal)
            || c.Name.StartsWith("Scale", StringComparison.Ordinal) || c.Name.StartsWith("SwiGlu", StringComparison.Ordinal))
        .Where(c => c.Inputs[0].Rows > 1).Select(c => new object[] { c.Name });

    [Theory]
    [MemberData(nameof(Names))]
    public void Output_WithANotFiniteNumberAnywhereBefore_IsNotFiniteWhereTheDefinitionsIs(string name)
    {
        OperationCase operation = OperationCases.Find(name);
        float[][] values = operation.Values(7);
        double[][] exact = Array.ConvertAll(values, v => Array.ConvertAll(v, x => (double)x));
        float[] gradients = new float[operation.Reference(exact).Length];
        if (gradients.Length == 0)
            return;
        float[] clean = operation.Compute(_pool, values, gradients)[0];
        var random = new RandomStream(1);
        for (int part = 0; part < values.Length; part++)
        {
            for (int trial = 0; trial < 8 && values[part].Length > 0; trial++)
            {
                int place = random.NextInt32(values[part].Length);
                float original = values[part][place];
                foreach (float spoiled in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    values[part][place] = spoiled;
                    exact[part][place] = spoiled;
                    double[] expected = operation.Reference(exact);
                    AssertSameWhereFinite(
                        clean, operation.Compute(_pool, values, gradients)[0], expected, spoiled, 2e-6, $"{spoiled} at {place} of part {part}");
                }

                values[part][place] = original;
                exact[part][place] = original;
            }
        }
    }

    [Theory]
    [MemberData(nameof(NamesOfRowOperations))]
    public void Gradients_OfRowOperationsWithNotANumberInARow_StayFiniteInOtherRows(string name)
    {
        OperationCase operation = OperationCases.Find(name);
        float[][] values = operation.Values(7);
        int outputs = operation.Reference(Array.ConvertAll(values, v => Array.ConvertAll(v, x => (double)x))).Length;
        float[] gradients = [.. Enumerable.Range(0, outputs).Select(i => MathF.Cos(i))];
        float[][] clean = operation.Compute(_pool, values, gradients);
        int rows = operation.Inputs[0].Rows;
        foreach (int row in new[] { 0, rows / 2, rows - 1 })
        {
            for (int part = 0; part <= operation.Inputs.Length; part++)
            {
                // The last part is the gradient of the output.
                float[] spoiled = part < operation.Inputs.Length ? values[part] : gradients;
                int columns = spoiled.Length / rows, place = (row * columns) + (columns / 2);
                float original = spoiled[place];
                spoiled[place] = float.NaN;
                float[][] found = operation.Compute(_pool, values, gradients);
                spoiled[place] = original;
                for (int input = 0; input < operation.Inputs.Length; input++)
                {
                    int width = operation.Inputs[input].Columns;
                    for (int i = 0; i < found[1 + input].Length; i++)
                    {
                        if (i / width != row)
                            Assert.Equal(clean[1 + input][i], found[1 + input][i]);
                    }
                }

                Assert.Contains(found.SelectMany(f => f), float.IsNaN);
            }
        }
    }

    [Theory]
    [InlineData(2, 1, 4, 16, false)]
    [InlineData(2, 2, 5, 23, true)]
    [InlineData(4, 2, 18, 7, false)]
    [InlineData(1, 1, 3, 70, true)]
    [InlineData(1, 1, 2, 260, true)] // recomputed exponentials
    public void Attention_WithANotFiniteNumberAnywhere_SpreadsItToWhatSeesItOnly(
        int heads, int keyValueHeads, int headSize, int length, bool branches)
    {
        // A short sequence, one of this length, with two branches, the second of which has two ends itself, or without, and another
        // short one.
        int[] offsets = [0, 3, 3 + length, 3 + length + 5];
        int rows = offsets[^1], beginning = length / 3, firstEnd = length - (length / 4), secondEnd = (firstEnd + length) / 2;
        int[] path =
        [
            .. Enumerable.Range(0, firstEnd), .. Enumerable.Range(beginning, secondEnd - firstEnd),
            .. Enumerable.Range(beginning + 1, length - secondEnd),
        ];
        int[]? positions = branches ? [0, 1, 2, .. path, 0, 1, 2, 3, 4] : null;

        var random = new RandomStream(3);
        float[][] values = [.. new[] { heads, keyValueHeads, keyValueHeads, heads }.Select(h => Draw(rows * h * headSize))]; // q, k, v, dO
        float[][] clean = Fast();
        double[][] definition = Reference();
        for (int result = 0; result < clean.Length; result++)
            AssertSameWhereFinite(clean[result], clean[result], definition[result], 0f, 1e-5, $"result {result}");
        int trials = length > 100 ? 2 : 12;
        for (int part = 0; part < values.Length; part++)
        {
            for (int trial = 0; trial < trials; trial++)
            {
                // Rows of the same tile of six as others, in the beginning, in a branch or near the end.
                int place = random.NextInt32(values[part].Length);
                float original = values[part][place];
                foreach (float spoiled in length > 100 ? [float.NaN] : new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    values[part][place] = spoiled;
                    float[][] found = Fast();
                    double[][] expected = Reference();
                    for (int result = 0; result < found.Length; result++)
                    {
                        AssertSameWhereFinite(
                            clean[result], found[result], expected[result], spoiled, 1e-5, $"{spoiled} at {place} of part {part}, result {result}");
                    }
                }

                values[part][place] = original;
            }
        }

        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];

        float[][] Fast()
        {
            var operation = new OperationCase(
                "Attention", [(rows, heads * headSize), (rows, keyValueHeads * headSize), (rows, keyValueHeads * headSize)], [],
                (tape, x, _) => tape.Attention(x[0], x[1], x[2], offsets, heads, keyValueHeads, positions: positions), _ => []);
            return operation.Compute(_pool, values[..3], values[3]);
        }

        double[][] Reference()
        {
            double[][] exact = Array.ConvertAll(values, v => Array.ConvertAll(v, x => (double)x));
            return
            [
                OperationReferences.Attention(exact[0], exact[1], exact[2], offsets, heads, keyValueHeads, headSize, positions),
                .. OperationReferences.AttentionGradients(
                    exact[0], exact[1], exact[2], exact[3], offsets, heads, keyValueHeads, headSize, positions),
            ];
        }
    }

    public void Dispose() => _pool.Dispose();

    // What depends on NaN is NaN, so that what is finite has the bits that it has without; infinity may vanish on its way.
    private static void AssertSameWhereFinite(
        float[] clean, float[] found, double[] expected, float spoiled, double tolerance, string what)
    {
        double size = expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = !float.IsFinite(found[i]) ? !double.IsFinite(expected[i])
                : float.IsNaN(spoiled) ? double.IsFinite(expected[i]) && clean[i].Equals(found[i])
                : Math.Abs(expected[i] - found[i]) <= tolerance * Math.Max(1, size);
            Assert.True(same, $"{what}, element {i}: {found[i]} for {expected[i]}, {clean[i]} without");
        }
    }
}
