namespace Tandem.Tensors.Tests;

[Collection(nameof(InstructionSet))]
public sealed unsafe class StorageTests
{
    [Theory]
    [InlineData(0, 5, 3)]
    [InlineData(1, 32, 48)]
    [InlineData(1, 300, 33)]
    [InlineData(3, 7, 5)]
    [InlineData(5, 40, 64)]
    [InlineData(70, 17, 31)]
    [InlineData(14, 513, 80)]
    [InlineData(62, 21, 16)]
    [InlineData(130, 300, 35)]
    public void Operations_OfWeightsInAnyStoragePackedOrNot_GiveTheSameBits(int rows, int inputs, int outputs)
    {
        foreach (VectorPath path in Enum.GetValues<VectorPath>())
        {
            InstructionSet.Force(path);
            try
            {
                foreach (int threads in new[] { 1, 3 })
                {
                    float[][] expected = Run(ParameterStorage.FrozenSingle, rows, inputs, outputs, threads);
                    Assert.Equal(expected, Run(ParameterStorage.FrozenBFloat16, rows, inputs, outputs, threads));
                    foreach (ParameterStorage storage in Enum.GetValues<ParameterStorage>())
                    {
                        // Room for all copies, and for some.
                        Assert.Equal(expected, Run(storage, rows, inputs, outputs, threads, copiedBytes: long.MaxValue));
                        Assert.Equal(expected, Run(storage, rows, inputs, outputs, threads, copiedBytes: 3L * inputs * outputs * sizeof(float)));
                    }
                }
            }
            finally
            {
                InstructionSet.Force(null);
            }
        }
    }

    [Fact]
    public void PackedWeights_ForgottenAfterAChange_AreThoseOfTheChangedWeights()
    {
        using var pool = new WorkerPool(2);
        using var packed = new PackedWeights();
        using var tape = new Tape(pool) { PackedWeights = packed };
        using var weights = new ParameterSet([new ParameterShape("w", 20, 3)]);
        foreach (float value in new[] { 2f, 5f })
        {
            weights["w"].Tensor.Values.Fill(value);
            packed.Forget();
            foreach (int rows in new[] { 1, 7, 65 })
            {
                tape.Begin(recording: false);
                Tensor x = tape.Input([.. Enumerable.Repeat(1f, 3 * rows)], rows, 3);
                Assert.Equal([.. Enumerable.Repeat(3 * value, 20 * rows)], tape.Linear(x, weights["w"]).Values.ToArray());
            }
        }
    }

    [Fact]
    public void Parameters_OfEachStorage_KeepWhatTheyCan()
    {
        float[] values = [1f, -2.5f, 0.1f, float.NaN, float.PositiveInfinity, 3e-39f];
        using var set = new ParameterSet(
        [
            new ParameterShape("trained", 2, 3), new ParameterShape("frozen", 2, 3, Storage: ParameterStorage.FrozenSingle),
            new ParameterShape("half", 2, 3, Storage: ParameterStorage.FrozenBFloat16),
        ]);
        set["trained"].WriteValues(0, values);
        set["frozen"].CopyValuesFrom(set["trained"]);
        set["half"].CopyValuesFrom(set["trained"]);
        Assert.Equal(values, set["frozen"].Tensor.Values.ToArray());
        float[] read = new float[6];
        set["half"].ReadValues(0, read);
        Assert.Equal([.. values.Select(v => BFloat16.Round(v).Widen())], read);
        set["half"].ReadValues(1, read.AsSpan(0, 1));
        Assert.Equal(-2.5f, read[0]);
        Assert.Equal(16, set.Length);
        Assert.Equal(18, set.Count);
        Assert.True(set["half"].Tensor.Data == null && set["frozen"].Tensor.Gradient == null && set["frozen"].Offset == -1);
        Assert.Throws<InvalidOperationException>(() => set["half"].IsTrainable = true);
        Assert.Throws<ArgumentOutOfRangeException>(() => set["half"].WriteValues(4, read));
        Assert.Throws<ArgumentException>(() => set["half"].CopyValuesFrom(new ParameterSet([new ParameterShape("x", 3, 2)]).All[0]));
    }

    // Values and input gradients of every operation that reads weights.
    private static float[][] Run(ParameterStorage storage, int rows, int inputs, int outputs, int threads, long copiedBytes = 0)
    {
        var random = new RandomStream(3);
        using var pool = new WorkerPool(threads);
        using var copies = copiedBytes > 0 ? new PackedWeights(copiedBytes) : null;
        using var tape = new Tape(pool) { PackedWeights = copies };
        using var weights = new ParameterSet(
        [
            new ParameterShape("table", 9, inputs, Storage: storage), new ParameterShape("norm", 1, inputs, true, ParameterStorage.FrozenSingle),
            new ParameterShape("up", outputs, inputs, Storage: storage), new ParameterShape("gate", outputs, inputs, Storage: storage),
            new ParameterShape("down", inputs, outputs, Storage: storage), new ParameterShape("coefficients", 1, inputs),
        ]);
        foreach (Parameter parameter in weights.All)
            parameter.WriteValues(0, [.. Draw(parameter.Tensor.Length).Select(v => BFloat16.Round(v).Widen())]);

        tape.Begin(recording: true);
        Tensor x = tape.Input(Draw(rows * inputs), rows, inputs, wantsGradient: true); // [N, in]
        Tensor rowsOfTable = tape.Embedding([.. Enumerable.Range(0, rows).Select(i => i * 5 % 9)], weights["table"]); // [N, in]
        Tensor projected = tape.Linear(x, weights["up"]); // [N, out]
        var (q, k, v) = tape.QueryKeyValue(x, weights["norm"], 1e-5f, weights["up"], null, weights["gate"], null, weights["gate"], null);
        Tensor mixed = tape.Add(tape.Add(projected, q), tape.Add(k, v)); // [N, out]
        Tensor added = tape.AddLinear(x, mixed, weights["down"]); // [N, in]
        Tensor fed = tape.FeedForward(added, weights["norm"], 1e-5f, weights["gate"], weights["up"], weights["down"]); // [N, in]
        Tensor corrected = tape.AddLinearInPlace(tape.Linear(fed, weights["up"]), fed, weights["gate"]); // [N, out]
        if (rows == 0)
            return [rowsOfTable.Values.ToArray(), corrected.Values.ToArray()];
        Tensor sum = tape.Linear(tape.Reshape(tape.Add(rowsOfTable, fed), rows, inputs), weights["coefficients"]); // [N, 1]
        int[] targets = [.. Enumerable.Range(0, rows).Select(i => i * 7 % outputs)];
        Tensor loss = tape.Add(
            tape.BinaryCrossEntropy(sum, Draw(rows), default, rows), tape.LinearCrossEntropy(fed, weights["up"], targets, default, rows));
        tape.Backward(loss);
        return [rowsOfTable.Values.ToArray(), corrected.Values.ToArray(), loss.Values.ToArray(), x.Gradients.ToArray()];

        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
    }
}
