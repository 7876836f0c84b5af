namespace Tandem.Tensors.Tests;

/// <summary>The cases over odd sizes, shared heads, ragged, one-row and empty inputs.</summary>
internal static class OperationCases
{
    private static readonly List<OperationCase> s_all = [.. Build()];

    public static IReadOnlyList<OperationCase> All => s_all;

    public static IEnumerable<object[]> Names => s_all.Select(c => new object[] { c.Name });

    public static OperationCase Find(string name) => s_all.Single(c => c.Name == name);

    private static IEnumerable<OperationCase> Build() =>
    [
        .. Embeddings(), .. Norms(), .. Linears(), .. Residuals(), .. Projections(), .. FeedForwards(), .. Gates(), .. Corrections(), .. Attentions(), .. Dropouts(), .. Elementwise(), .. Losses(),
    ];

    private static IEnumerable<OperationCase> Embeddings()
    {
        foreach (var (tokens, vocabulary, columns) in new[]
        {
            (new[] { 3, 0, 3, 6, 3, 1 }, 7, 5), ([2], 3, 16), ([], 4, 8), ([.. Enumerable.Range(0, 60).Select(i => i * i % 37)], 40, 3),
        })
        {
            yield return new(
                $"Embedding {tokens.Length} of {vocabulary}x{columns}", [], [(vocabulary, columns)],
                (tape, _, p) => tape.Embedding(tokens, p[0]), v => OperationReferences.Embedding(v[0], columns, tokens));
        }
    }

    private static IEnumerable<OperationCase> Norms()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (3, 7), (2, 8), (5, 19), (4, 27), (0, 8), (3, 32) })
        {
            yield return new(
                $"RmsNorm {rows}x{columns}", [(rows, columns)], [(1, columns)],
                (tape, x, p) => tape.RmsNorm(x[0], p[0], 1e-5f), v => OperationReferences.RmsNorm(v[0], v[1], 1e-5));
        }
    }

    private static IEnumerable<OperationCase> Dropouts()
    {
        foreach (var (rows, columns, probability) in new[] { (1, 1, 0.5f), (3, 7, 0.25f), (40, 33, 0.1f), (0, 4, 0.5f), (5, 8, 0f), (130, 3, 0.5f) })
        {
            const ulong Key = 0xC0FFEE;
            yield return new(
                $"Dropout of {probability} of {rows}x{columns}", [(rows, columns)], [],
                (tape, x, _) => tape.Dropout(x[0], probability, Key), v => OperationReferences.Dropout(v[0], probability, Key));
            yield return new(
                $"Dropout of {probability} of {rows}x{columns} beside itself", [(rows, columns)], [],
                (tape, x, _) => tape.Add(tape.Dropout(x[0], probability, Key), x[0]), v => [.. v[0].Zip(OperationReferences.Dropout(v[0], probability, Key), (a, b) => a + b)]);
        }
    }

    private static IEnumerable<OperationCase> Linears()
    {
        foreach (var (rows, inputs, outputs) in new[] { (1, 1, 1), (3, 7, 5), (9, 16, 12), (0, 4, 3) })
        {
            yield return new(
                $"Linear {rows}x{inputs} to {outputs}", [(rows, inputs)], [(outputs, inputs)],
                (tape, x, p) => tape.Linear(x[0], p[0]), v => OperationReferences.Linear(v[0], v[1], null, inputs, outputs));
            yield return new(
                $"Linear {rows}x{inputs} to {outputs} with bias", [(rows, inputs)], [(outputs, inputs), (1, outputs)],
                (tape, x, p) => tape.Linear(x[0], p[0], p[1]),
                v => OperationReferences.Linear(v[0], v[1], v[2], inputs, outputs));
        }
    }

    private static IEnumerable<OperationCase> Residuals()
    {
        foreach (var (rows, inputs, outputs) in new[] { (1, 1, 1), (3, 7, 5), (9, 16, 12), (0, 4, 3) })
        {
            yield return new(
                $"AddLinear {rows}x{inputs} to {outputs}", [(rows, outputs), (rows, inputs)], [(outputs, inputs)],
                (tape, x, p) => tape.AddLinear(x[0], x[1], p[0]),
                v => Sum(v[0], OperationReferences.Linear(v[1], v[2], null, inputs, outputs)));
            yield return new(
                $"AddLinear of itself {rows}x{outputs}", [(rows, outputs)], [(outputs, outputs)],
                (tape, x, p) => tape.AddLinear(x[0], x[0], p[0]),
                v => Sum(v[0], OperationReferences.Linear(v[0], v[1], null, outputs, outputs)));
            yield return new(
                $"AddLinear after a norm {rows}x{outputs}", [(rows, outputs)], [(1, outputs), (outputs, outputs)],
                (tape, x, p) => tape.AddLinear(x[0], tape.RmsNorm(x[0], p[0], 1e-3f), p[1]),
                v => Sum(v[0], OperationReferences.Linear(OperationReferences.RmsNorm(v[0], v[1], 1e-3f), v[2], null, outputs, outputs)));
            yield return new(
                $"AddLinear of one residual twice {rows}x{inputs} to {outputs}", [(rows, outputs), (rows, inputs)], [(outputs, inputs)],
                (tape, x, p) => tape.AddLinear(tape.AddLinear(x[0], x[1], p[0]), tape.Scale(x[1], 2f), p[0]),
                v => Sum(v[0], OperationReferences.Linear([.. v[1].Select(e => 3 * e)], v[2], null, inputs, outputs)));
            yield return new(
                $"AddLinear of shared residuals {rows}x{inputs} to {outputs}", [(rows, outputs), (rows, inputs)], [(outputs, inputs)],
                (tape, x, p) =>
                {
                    Tensor scaled = tape.Scale(x[0], 2f);
                    return tape.Add(tape.AddLinear(scaled, x[1], p[0]), tape.AddLinear(scaled, x[1], p[0]));
                },
                v => [.. Sum([.. v[0].Select(e => 2 * e)], OperationReferences.Linear(v[1], v[2], null, inputs, outputs)).Select(e => 2 * e)]);
        }

        static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
    }

    private static IEnumerable<OperationCase> Projections()
    {
        // More rows than 64 are taken in blocks.
        foreach (var (rows, inputs, outputs) in new[] { (1, 1, 1), (3, 7, 5), (70, 3, 2), (101, 5, 18), (0, 4, 3) })
        {
            yield return new(
                $"QueryKeyValue {rows}x{inputs} to {outputs}", [(rows, inputs)],
                [(1, inputs), (outputs, inputs), (1, outputs), (outputs, inputs), (outputs, inputs), (1, outputs)],
                (tape, x, p) =>
                {
                    var (q, k, v) = tape.QueryKeyValue(x[0], p[0], 1e-3f, p[1], p[2], p[3], null, p[4], p[5]);
                    return tape.Add(tape.Add(tape.Scale(q, 2f), k), tape.Scale(v, -1f));
                },
                v =>
                {
                    double[] normed = OperationReferences.RmsNorm(v[0], v[1], 1e-3f);
                    double[] query = OperationReferences.Linear(normed, v[2], v[3], inputs, outputs);
                    double[] key = OperationReferences.Linear(normed, v[4], null, inputs, outputs);
                    double[] value = OperationReferences.Linear(normed, v[5], v[6], inputs, outputs);
                    return [.. query.Select((q, i) => (2 * q) + key[i] - value[i])];
                });
            yield return new(
                $"QueryKeyValue of which only the value is used {rows}x{inputs} to {outputs}", [(rows, inputs)],
                [(1, inputs), (outputs, inputs), (2 * outputs, inputs), (3 * outputs, inputs), (1, 3 * outputs)],
                (tape, x, p) => tape.QueryKeyValue(tape.Scale(x[0], 1f), p[0], 1e-3f, p[1], null, p[2], null, p[3], p[4]).Value,
                v => OperationReferences.Linear(OperationReferences.RmsNorm(v[0], v[1], 1e-3f), v[4], v[5], inputs, 3 * outputs));
        }
    }

    private static IEnumerable<OperationCase> FeedForwards()
    {
        foreach (var (rows, columns, inner) in new[] { (1, 1, 1), (3, 7, 5), (5, 8, 24), (70, 3, 2), (101, 6, 11), (0, 4, 3) })
        {
            string shape = $"{rows}x{columns} by {inner}";
            (int, int)[] weights = [(1, columns), (inner, columns), (inner, columns), (columns, inner)];
            yield return new(
                $"FeedForward {shape}", [(rows, columns)], weights,
                (tape, x, p) => tape.FeedForward(x[0], p[0], 1e-3f, p[1], p[2], p[3]),
                v => OperationReferences.FeedForward(v[0], v[1], 1e-3f, v[2], v[3], v[4], columns, inner));
            yield return new(
                $"FeedForward beside another reader {shape}", [(rows, columns)], weights,
                (tape, x, p) => tape.Add(tape.FeedForward(x[0], p[0], 1e-3f, p[1], p[2], p[3]), tape.Scale(x[0], 0.5f)),
                v => [.. OperationReferences.FeedForward(v[0], v[1], 1e-3f, v[2], v[3], v[4], columns, inner).Zip(v[0], (y, x) => y + (x / 2))]);
        }
    }

    private static IEnumerable<OperationCase> Gates()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (3, 7), (5, 24), (700, 13), (0, 4) })
        {
            (int, int) one = (rows, columns);
            yield return new(
                $"SwiGlu {rows}x{columns}", [one, one], [], (tape, x, _) => tape.SwiGlu(x[0], x[1]), v => OperationReferences.SwiGlu(v[0], v[1]));
            yield return new(
                $"SwiGlu beside other readers {rows}x{columns}", [one, one], [],
                (tape, x, _) => tape.Add(tape.SwiGlu(x[0], x[1]), tape.Add(tape.Scale(x[0], 0.5f), tape.Scale(x[1], 2f))),
                v => [.. OperationReferences.SwiGlu(v[0], v[1]).Select((h, i) => h + (v[0][i] / 2) + (2 * v[1][i]))]);
        }
    }

    private static IEnumerable<OperationCase> Corrections()
    {
        foreach (var (rows, inputs, outputs) in new[] { (1, 1, 1), (3, 7, 5), (70, 16, 12), (0, 4, 3) })
        {
            yield return new(
                $"AddLinearInPlace {rows}x{inputs} to {outputs}", [(rows, inputs)], [(outputs, inputs), (outputs, inputs), (1, outputs)],
                (tape, x, p) => tape.AddLinearInPlace(tape.Linear(x[0], p[0], p[2]), x[0], p[1]),
                v => [.. OperationReferences.Linear(v[0], v[1], v[3], inputs, outputs)
                    .Zip(OperationReferences.Linear(v[0], v[2], null, inputs, outputs), (y, correction) => y + correction)]);
        }
    }

    private static IEnumerable<OperationCase> Attentions()
    {
        foreach (var (offsets, heads, keyValueHeads, headSize) in new[]
        {
            (new[] { 0, 1 }, 1, 1, 4), ([0, 5], 2, 1, 12), ([0, 3, 3, 4, 11], 4, 2, 6), ([0, 17], 1, 1, 16), ([0, 0], 2, 2, 8),
            ([0], 2, 2, 8), ([0, 2, 21], 3, 3, 5), ([0, 70], 2, 1, 2), ([0, 9], 6, 2, 18),
        })
        {
            yield return new(
                $"Attention [{string.Join(",", offsets)}], {heads}/{keyValueHeads} heads of {headSize}",
                [
                    (offsets[^1], heads * headSize), (offsets[^1], keyValueHeads * headSize),
                    (offsets[^1], keyValueHeads * headSize),
                ],
                [],
                (tape, x, _) => tape.Attention(x[0], x[1], x[2], offsets, heads, keyValueHeads),
                v => OperationReferences.Attention(v[0], v[1], v[2], offsets, heads, keyValueHeads, headSize));
        }

        foreach (var (offsets, positions, heads, keyValueHeads, headSize) in new[]
        {
            (new[] { 0, 1 }, new[] { 0 }, 1, 1, 4), ([0, 3, 5], [0, 1, 2, 0, 1], 2, 1, 6), ([0, 3], [0, 1, 1], 1, 1, 36),
            ([0, 2, 2, 7], [0, 1, 0, 1, 2, 1, 2], 4, 2, 16), ([0, 0], [], 2, 2, 4), ([0, 12], [.. Enumerable.Range(0, 12)], 1, 1, 4),
            // A branch of a branch, one that begins anew, one at the beginning's end.
            ([0, 26, 28], [.. Enumerable.Range(0, 8), 3, 4, 5, 6, 5, 6, 7, 8, 9, 10, 0, 1, 2, 1, 2, 3, 4, 5, 0, 1], 2, 1, 10),
        })
        {
            var table = new RotaryTable(headSize, 12, 100f);
            (int, int) keys = (offsets[^1], keyValueHeads * headSize);
            yield return new(
                $"Attention turned [{string.Join(",", offsets)}], {heads}/{keyValueHeads} heads of {headSize}",
                [(offsets[^1], heads * headSize), keys, keys], [],
                (tape, x, _) => tape.Attention(x[0], x[1], x[2], offsets, heads, keyValueHeads, table, positions),
                v => OperationReferences.Attention(
                    OperationReferences.Rotary(v[0], positions, heads, headSize, 100),
                    OperationReferences.Rotary(v[1], positions, keyValueHeads, headSize, 100), v[2], offsets, heads, keyValueHeads, headSize, positions));
            yield return new(
                $"Attention turned of one tensor [{string.Join(",", offsets)}], {heads} heads of {headSize}",
                [(offsets[^1], heads * headSize)], [],
                (tape, x, _) => tape.Attention(x[0], x[0], x[0], offsets, heads, heads, table, positions),
                v =>
                {
                    double[] turned = OperationReferences.Rotary(v[0], positions, heads, headSize, 100);
                    return OperationReferences.Attention(turned, turned, v[0], offsets, heads, heads, headSize, positions);
                });
        }
    }

    private static IEnumerable<OperationCase> Elementwise()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (3, 7), (4, 8), (5, 13), (0, 5) })
        {
            string shape = $"{rows}x{columns}";
            (int, int) one = (rows, columns);
            yield return new($"Add {shape}", [one, one], [],
                (tape, x, _) => tape.Add(x[0], x[1]), v => [.. v[0].Zip(v[1], (a, b) => a + b)]);
            yield return new($"Add to itself {shape}", [one], [],
                (tape, x, _) => tape.Add(x[0], x[0]), v => [.. v[0].Select(a => 2 * a)]);
            yield return new($"Scale {shape}", [one], [],
                (tape, x, _) => tape.Scale(x[0], -1.5f), v => [.. v[0].Select(a => -1.5 * a)]);
            yield return new($"Unused input {shape}", [one, one], [],
                (tape, x, _) => { tape.Scale(x[1], 3f); return tape.Scale(x[0], 1f); }, v => [.. v[0]]);
            yield return new($"Reshape {shape}", [one], [],
                (tape, x, _) => tape.Add(tape.Reshape(x[0], columns, rows), tape.Reshape(tape.Scale(x[0], 2f), columns, rows)),
                v => [.. v[0].Select(a => 3 * a)]);
            if (rows == 0)
                continue;
            int[] some = [rows - 1, 0, rows / 2, 0];
            yield return new($"GatherRows {shape}", [one], [],
                (tape, x, _) => tape.GatherRows(tape.Scale(x[0], 1f), some),
                v => [.. some.SelectMany(r => v[0].Skip(r * columns).Take(columns))]);
            yield return new($"Column {shape}", [one], [],
                (tape, x, _) => tape.Column(x[0], columns - 1),
                v => [.. Enumerable.Range(0, rows).Select(r => v[0][(r * columns) + columns - 1])]);
            yield return new($"Several readers {shape}", [one], [(1, columns)],
                (tape, x, p) => tape.Add(tape.GatherRows(x[0], some), tape.GatherRows(tape.RmsNorm(x[0], p[0], 1e-3f), some)),
                v =>
                {
                    double[] y = OperationReferences.RmsNorm(v[0], v[1], 1e-3f);
                    return [.. some.SelectMany(r => v[0].Zip(y, (a, b) => a + b).Skip(r * columns).Take(columns))];
                });
        }
    }

    private static IEnumerable<OperationCase> Losses()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (4, 5), (3, 8), (5, 13), (2, 43), (0, 3) })
        {
            string shape = $"{rows}x{columns}";
            int[] targets = [.. Enumerable.Range(0, rows).Select(i => i == 2 ? Tape.IgnoredTarget : i * 3 % columns)];
            float[] weights = [.. Enumerable.Range(0, rows).Select(i => i == 1 ? 0f : 0.5f + i)];
            float[] soft = [.. Enumerable.Range(0, rows * columns).Select(i => i * 7 % 5 / 6f)];
            float[] elementWeights = [.. Enumerable.Range(0, rows * columns).Select(i => i % 3 * 0.5f)];
            yield return new($"TokenCrossEntropy {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.TokenCrossEntropy(x[0], targets, weights, 2.5f),
                v => OperationReferences.TokenCrossEntropy(v[0], columns, targets, weights, 2.5));
            yield return new($"LinearCrossEntropy {shape}", [(rows, 5)], [(columns, 5)],
                (tape, x, p) => tape.LinearCrossEntropy(x[0], p[0], targets, weights, 2.5f),
                v => OperationReferences.TokenCrossEntropy(
                    OperationReferences.Linear(v[0], v[1], null, 5, columns), columns, targets, weights, 2.5));
            yield return new($"TokenCrossEntropy smoothed {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.TokenCrossEntropy(x[0], targets, weights, 2.5f, 0.15f),
                v => OperationReferences.TokenCrossEntropy(v[0], columns, targets, weights, 2.5, 0.15f));
            yield return new($"LinearCrossEntropy smoothed {shape}", [(rows, 5)], [(columns, 5)],
                (tape, x, p) => tape.LinearCrossEntropy(x[0], p[0], targets, weights, 2.5f, 0.15f),
                v => OperationReferences.TokenCrossEntropy(
                    OperationReferences.Linear(v[0], v[1], null, 5, columns), columns, targets, weights, 2.5, 0.15f));
            int[] sequences = [.. Enumerable.Range(0, rows).Select(i => 2 * (i * 5 % 2))];
            yield return new($"SequenceLogProbabilities {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.SequenceLogProbabilities(x[0], targets, weights, sequences, 4),
                v => OperationReferences.SequenceLogProbabilities(v[0], columns, targets, weights, sequences, 4));
            yield return new($"LinearSequenceLogProbabilities {shape}", [(rows, 5)], [(columns, 5)],
                (tape, x, p) => tape.LinearSequenceLogProbabilities(x[0], p[0], targets, weights, sequences, 4),
                v => OperationReferences.SequenceLogProbabilities(
                    OperationReferences.Linear(v[0], v[1], null, 5, columns), columns, targets, weights, sequences, 4));
            yield return new($"SquaredError {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.SquaredError(x[0], soft, elementWeights, 2.5f),
                v => OperationReferences.ElementLoss(v[0], soft, elementWeights, 2.5, d => d * d));
            yield return new($"Hinge {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.Hinge(x[0], soft, elementWeights, 2.5f),
                v => OperationReferences.ElementLoss(v[0], soft, elementWeights, 2.5, d => Math.Max(0, -d)));
            yield return new($"SoftCrossEntropy {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.SoftCrossEntropy(x[0], soft, weights, 2.5f),
                v => OperationReferences.SoftCrossEntropy(v[0], columns, soft, weights, 2.5));
            yield return new($"BinaryCrossEntropy {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.BinaryCrossEntropy(x[0], soft, elementWeights, 2.5f),
                v => OperationReferences.BinaryCrossEntropy(v[0], soft, elementWeights, 2.5));
            yield return new($"Losses of the same logits {shape}", [(rows, columns)], [],
                (tape, x, _) => tape.Add(
                    tape.TokenCrossEntropy(x[0], targets, [], 1f),
                    tape.Add(tape.SoftCrossEntropy(x[0], soft, [], 2f), tape.BinaryCrossEntropy(x[0], soft, [], 3f))),
                v =>
                [
                    OperationReferences.TokenCrossEntropy(v[0], columns, targets, [.. targets.Select(_ => 1f)], 1)[0]
                    + OperationReferences.SoftCrossEntropy(v[0], columns, soft, [.. targets.Select(_ => 1f)], 2)[0]
                    + OperationReferences.BinaryCrossEntropy(v[0], soft, [.. soft.Select(_ => 1f)], 3)[0],
                ]);
        }
    }
}
