using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;
using Xunit.Abstractions;

namespace Tandem.Training.Tests;

public class AdamWFixtureTests(ITestOutputHelper output)
{
    [Fact]
    public void Training_SixSteps_FollowsPyTorch()
    {
        if (Fixtures.Find("train_adamw", output) is not { } folder || Fixtures.Find("manifest.json", output) is not { } manifestPath)
            return;
        using var manifest = JsonDocument.Parse(File.ReadAllText(manifestPath));
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using Transformer model = Transformer.Load(Path.Combine(folder, "init"));
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        using var norm = new GradientNorm(model.Parameters, pool);
        using IOptimizer optimizer = new OptimizerConfiguration { LearningRate = 3e-3, WeightDecay = 0.1 }.Create(model.Parameters, pool);
        var schedule = new WarmupCosine(6, 2);
        int[] tokens = [.. reference.ReadIntegers("input_ids").Select(t => (int)t)];
        int length = (int)reference.Entry("input_ids").Shape[1];
        var batch = new TokenBatch();
        var targets = new List<int>();
        for (int start = 0; start < tokens.Length; start += length)
        {
            batch.Add(tokens.AsSpan(start, length));
            targets.AddRange(tokens[(start + 1)..(start + length)]);
            targets.Add(Tape.IgnoredTarget);
        }

        int counted = targets.Count(t => t != Tape.IgnoredTarget);
        int step = 0;
        foreach (JsonElement expected in manifest.RootElement.GetProperty("train_adamw").GetProperty("log").EnumerateArray())
        {
            model.Parameters.ZeroGradients();
            tape.Begin(recording: true);
            Tensor loss = tape.TokenCrossEntropy(model.Logits(tape, model.Hidden(tape, batch)), [.. targets], default, counted);
            tape.Backward(loss);
            double gradientNorm = norm.Compute();
            AssertRelative(expected.GetProperty("loss").GetDouble(), loss.Values[0], 1e-4);
            AssertRelative(expected.GetProperty("grad_norm").GetDouble(), gradientNorm, 1e-4);
            Assert.Equal(expected.GetProperty("lr").GetDouble(), 3e-3 * schedule.At(step), 1e-12);
            optimizer.Step(schedule.At(step++), GradientNorm.ClippingFactor(gradientNorm, 1.0));
        }

        Assert.Equal(6, step);
        foreach (Parameter parameter in model.Parameters.All)
        {
            if (!reference.Contains("final." + parameter.Name))
                continue;
            float[] final = reference.ReadFloats("final." + parameter.Name);
            for (int i = 0; i < final.Length; i++)
                Assert.True(Math.Abs(final[i] - parameter.Tensor.Values[i]) < 1e-4, $"{parameter.Name}[{i}]: {final[i]} and {parameter.Tensor.Values[i]}");
        }
    }

    private static void AssertRelative(double expected, double actual, double tolerance) =>
        Assert.Equal(expected, actual, Math.Abs(expected) * tolerance);
}
