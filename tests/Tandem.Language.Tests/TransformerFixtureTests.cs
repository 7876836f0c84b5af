using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests;

/// <summary>Agreement with Hugging Face transformers (fp32), on its own checkpoints and outputs.</summary>
public sealed class TransformerFixtureTests(ITestOutputHelper output) : IDisposable
{
    private const float LogitTolerance = 1e-4f;
    private readonly WorkerPool _pool = new(2);

    public static TheoryData<string> CausalModels { get; } =
        ["qwen2_gqa_untied_f32", "qwen2_mha_tied_bf16", "llama_gqa_untied_f32", "llama3_ropescaled_tied_f32"];

    [Theory]
    [MemberData(nameof(CausalModels))]
    public void Logits_PaddedBatches_EqualTransformers(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var tape = new Tape(_pool);
        foreach (string side in new[] { "right", "left" })
        {
            var batch = Batch(reference, side + ".", out int[] rows);
            tape.Begin(recording: false);
            var logits = transformer.Logits(tape, transformer.Hidden(tape, batch));
            AssertRowsClose(reference.ReadFloats(side + ".logits"), rows, logits, LogitTolerance, side);
        }
    }

    [Theory]
    [MemberData(nameof(CausalModels))]
    public void Hidden_EveryLayer_EqualsTransformers(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var tape = new Tape(_pool);
        var batch = Batch(reference, "right.", out int[] rows);
        tape.Begin(recording: false);
        var states = new List<Tensor>();
        transformer.Hidden(tape, batch, states);

        Assert.Equal(transformer.Configuration.Layers + 1, states.Count);
        for (int i = 0; i < states.Count; i++)
            AssertRowsClose(reference.ReadFloats($"right.hidden.{i}"), rows, states[i], LogitTolerance, $"hidden.{i}");
    }

    [Theory]
    [MemberData(nameof(CausalModels))]
    public void Loss_AndGradientOfEveryParameter_EqualTransformers(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var tape = new Tape(_pool);
        var batch = Batch(reference, "right.", out int[] rows);
        long[] labels = reference.ReadIntegers("right.labels");
        int time = (int)reference.Entry("right.labels").Shape[1];

        // Row i predicts the label of the next place of its sequence.
        int[] targets = [.. rows.Select(r => (r + 1) % time == 0 ? -100 : (int)labels[r + 1])];
        int count = targets.Count(t => t != -100);
        float[] weights = [.. targets.Select(t => t == -100 ? 0f : 1f)];
        tape.Begin(recording: true);
        transformer.Parameters.ZeroGradients();
        var loss = tape.TokenCrossEntropy(transformer.Logits(tape, transformer.Hidden(tape, batch)), targets, weights, count);
        tape.Backward(loss);

        Assert.Equal(reference.ReadFloats("right.loss")[0], loss.Values[0], 1e-4f);
        AssertGradients(transformer, reference);
    }

    [Fact]
    public void Scores_RewardModel_EqualTransformersWithBradleyTerryGradients()
    {
        if (Fixtures.Find("reward_bt", output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var tape = new Tape(_pool);
        Assert.False(transformer.Configuration.LanguageHead);
        Assert.Equal(1, transformer.Configuration.ScoreHeads);

        float[] chosen = Scores("chosen");
        float[] rejected = Scores("rejected");
        float[] expected = reference.ReadFloats("chosen_scores"), expectedRejected = reference.ReadFloats("rejected_scores");
        for (int i = 0; i < chosen.Length; i++)
        {
            Assert.Equal(expected[i], chosen[i], LogitTolerance);
            Assert.Equal(expectedRejected[i], rejected[i], LogitTolerance);
        }

        // d/d chosen of the mean of -log σ(chosen - rejected) is -σ(rejected - chosen) / n: a linear loss with these
        // weights has the same parameter gradients.
        transformer.Parameters.ZeroGradients();
        for (int side = 0; side < 2; side++)
        {
            var scores = Forward(side == 0 ? "chosen" : "rejected", recording: true);
            for (int i = 0; i < chosen.Length; i++)
            {
                double weight = 1 / (1 + Math.Exp(chosen[i] - rejected[i])) / chosen.Length;
                tape.Backward(tape.GatherRows(scores, [i]), (float)(side == 0 ? -weight : weight));
            }
        }

        AssertGradients(transformer, reference);

        float[] Scores(string side) => Forward(side, recording: false).Values.ToArray();

        Tensor Forward(string side, bool recording)
        {
            int[] shape = [.. reference.Entry(side + "_ids").Shape.Select(d => (int)d)];
            var batch = TokenBatch.FromPadded(
                Integers(reference, side + "_ids"), Integers(reference, side + "_mask"), shape[0], shape[1]);
            tape.Begin(recording);
            int[] last = [.. Enumerable.Range(0, batch.Sequences).Select(s => batch.Offsets[s + 1] - 1)];
            return transformer.Scores(tape, tape.GatherRows(transformer.Hidden(tape, batch), last));
        }
    }

    [Fact]
    public void Logits_TrainedStoriesModel_EqualTransformers()
    {
        if (Fixtures.Find("stories260K_llama", output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(Integers(reference, "input_ids"));
        tape.Begin(recording: false);
        var logits = transformer.Logits(tape, transformer.Hidden(tape, batch));
        AssertRowsClose(reference.ReadFloats("logits"), [.. Enumerable.Range(0, batch.Count)], logits, LogitTolerance, "stories");
    }

    [Theory]
    [MemberData(nameof(CausalModels))]
    public void Save_LoadedCheckpoint_IsTheSameFileToTheLastBit(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var transformer = Transformer.Load(folder);
        using var original = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var temporary = new TemporaryFolder();
        var storage = Enum.Parse<StorageType>(original.Entries.Values.First().Type.ToString());
        transformer.Save(temporary.Path, storage);

        using var saved = SafeTensorsFile.Open(temporary["model.safetensors"]);
        Assert.Equal(original.Entries.Keys.Order(StringComparer.Ordinal), saved.Entries.Keys.Order(StringComparer.Ordinal));
        foreach (string tensor in original.Entries.Keys)
        {
            Assert.Equal(original.Entry(tensor).Shape, saved.Entry(tensor).Shape);
            Assert.Equal(original.ReadBytes(tensor), saved.ReadBytes(tensor));
        }

        Assert.Equal(transformer.Configuration, TransformerConfiguration.Load(temporary.Path));
    }

    public void Dispose() => _pool.Dispose();

    private static int[] Integers(SafeTensorsFile file, string tensor) => [.. file.ReadIntegers(tensor).Select(i => (int)i)];

    /// <summary>The packed batch, and for each of its rows the row of the padded one.</summary>
    private static TokenBatch Batch(SafeTensorsFile reference, string prefix, out int[] rows)
    {
        var shape = reference.Entry(prefix + "input_ids").Shape;
        int[] mask = Integers(reference, prefix + "attention_mask");
        rows = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i] != 0)];
        return TokenBatch.FromPadded(Integers(reference, prefix + "input_ids"), mask, (int)shape[0], (int)shape[1]);
    }

    private void AssertRowsClose(float[] expected, int[] rows, Tensor actual, float tolerance, string what)
    {
        Assert.Equal(rows.Length, actual.Rows);
        double worst = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < actual.Columns; j++)
                worst = Math.Max(worst, Math.Abs((double)expected[(rows[i] * actual.Columns) + j] - actual.Row(i)[j]));
        }

        output.WriteLine($"{what}: largest difference {worst:E2}");
        Assert.True(worst < tolerance, $"{what}: {worst:E2}");
    }

    private void AssertGradients(Transformer transformer, SafeTensorsFile reference)
    {
        double worst = 0;
        foreach (var parameter in transformer.Parameters.All)
        {
            float[] expected = reference.ReadFloats("grad." + parameter.Name);
            double largest = expected.Max(Math.Abs), difference = 0;
            for (int i = 0; i < expected.Length; i++)
                difference = Math.Max(difference, Math.Abs((double)expected[i] - parameter.Tensor.Gradients[i]));

            // The gradient of a key bias is zero in exact arithmetic (softmax ignores it): rounding is all there is.
            double relative = difference / Math.Max(largest, 1e-3);
            worst = Math.Max(worst, relative);
            Assert.True(relative < 1e-3, $"{parameter.Name}: {relative:E2} of the largest {largest:E2}");
        }

        output.WriteLine($"gradients: largest difference relative to the parameter's largest {worst:E2}");
    }
}
