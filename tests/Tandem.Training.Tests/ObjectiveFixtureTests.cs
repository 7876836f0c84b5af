using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;
using Tandem.Training.Optimization;
using Xunit.Abstractions;

namespace Tandem.Training.Tests;

/// <summary>Objectives against the losses, rewards and gradients of other programs.</summary>
public sealed class ObjectiveFixtureTests(ITestOutputHelper output) : IDisposable
{
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [InlineData("dpo_b01", 0.1f, 0f, PreferenceLoss.Sigmoid, true)]
    [InlineData("dpo_b05", 0.5f, 0f, PreferenceLoss.Sigmoid, true)]
    [InlineData("cdpo_b01_ls02", 0.1f, 0.2f, PreferenceLoss.Sigmoid, true)]
    [InlineData("ipo_b01", 0.1f, 0f, PreferenceLoss.Identity, true)]
    [InlineData("dpo_reffree_b01", 0.1f, 0f, PreferenceLoss.Sigmoid, false)]
    public void PreferenceObjective_OnReferencePairs_GivesTheirLossesRewardsAndGradients(
        string name, float beta, float smoothing, PreferenceLoss loss, bool referenced)
    {
        if (Fixtures.Find("dpo", output) is not { } folder || Fixtures.Find("manifest.json", output) is not { } manifestPath)
            return;
        using var manifest = JsonDocument.Parse(File.ReadAllText(manifestPath));
        using var file = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using Transformer policy = Transformer.Load(Path.Combine(folder, "policy"));
        using Transformer reference = Transformer.Load(Path.Combine(folder, "ref"));
        List<PreferenceExample> examples = Pairs(file, withLabels: true);
        var configuration = new PreferenceConfiguration { Beta = beta, LabelSmoothing = smoothing, Loss = loss };
        var objective = new PreferenceObjective(configuration, referenced ? PreferenceReference.Frozen(reference) : PreferenceReference.None);

        float[] losses = file.ReadFloats(name + ".losses");
        for (int i = 0; i < examples.Count; i++)
        {
            using ObjectiveStep<PreferenceExample> one = ObjectiveStep<PreferenceExample>.Take(policy, objective, [examples[i]], _pool);
            AssertClose(losses[i], one.Loss, $"loss {i}");
            if (!referenced)
                continue;
            AssertClose(file.ReadFloats(name + ".chosen_rewards")[i], one.Metrics[2], "chosen reward");
            AssertClose(file.ReadFloats(name + ".rejected_rewards")[i], one.Metrics[3], "rejected reward");
            AssertClose(file.ReadFloats("policy_chosen_logps")[i], one.Metrics[4], "chosen log-probability");
            AssertClose(file.ReadFloats("policy_rejected_logps")[i], one.Metrics[5], "rejected log-probability");
        }

        using ObjectiveStep<PreferenceExample> all = ObjectiveStep<PreferenceExample>.Take(policy, objective, examples, _pool);
        AssertClose(manifest.RootElement.GetProperty("dpo").GetProperty("results").GetProperty(name).GetProperty("loss").GetDouble(), all.Loss, "loss");
        AssertGradients(file, name + ".grad.", policy, name is "dpo_b01" or "ipo_b01");
        if (!referenced)
            return;

        var stored = new PreferenceObjective(configuration, PreferenceReference.Precomputed);
        using ObjectiveStep<PreferenceExample> again = ObjectiveStep<PreferenceExample>.Take(
            policy, stored, PreferenceReference.Precompute(reference, examples, _pool, batchTokens: 20), _pool);
        Assert.Equal(all.Loss, again.Loss);
        Assert.Equal(all.Gradients, again.Gradients);
    }

    [Fact]
    public void RewardObjective_OnReferencePairs_GivesTheirLossesScoresAndGradients()
    {
        if (Fixtures.Find("reward_bt", output) is not { } folder)
            return;
        using var file = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using Transformer model = Transformer.Load(folder);
        List<PreferenceExample> examples = Pairs(file, withLabels: false);
        var objective = new RewardObjective();
        for (int i = 0; i < examples.Count; i++)
        {
            using ObjectiveStep<PreferenceExample> one = ObjectiveStep<PreferenceExample>.Take(model, objective, [examples[i]], _pool);
            AssertClose(file.ReadFloats("chosen_scores")[i], one.Metrics[2], "chosen score");
            AssertClose(file.ReadFloats("rejected_scores")[i], one.Metrics[3], "rejected score");
        }

        using ObjectiveStep<PreferenceExample> all = ObjectiveStep<PreferenceExample>.Take(model, objective, examples, _pool);
        AssertClose(file.ReadFloats("loss")[0], all.Loss, "loss");
        AssertGradients(file, "grad.", model, wanted: true);
        float[] margins = file.ReadFloats("margin");
        using ObjectiveStep<PreferenceExample> margined = ObjectiveStep<PreferenceExample>.Take(
            model, objective, [.. examples.Select((e, i) => new PreferenceExample(e.PromptTokens, e.ChosenTokens, e.RejectedTokens, margins[i]))], _pool);
        AssertClose(file.ReadFloats("loss_margin")[0], margined.Loss, "loss with margin");
    }

    [Theory]
    [InlineData("xent", WeakLoss.CrossEntropy, 0f)]
    [InlineData("logconf", WeakLoss.Confidence, 0.5f)]
    [InlineData("logconf_a075", WeakLoss.Confidence, 0.75f)]
    [InlineData("product", WeakLoss.Product, 0f)]
    public void WeakTargets_OnReferenceLogits_GiveTheLossesAndGradientsOfOpenAI(string name, WeakLoss loss, float coefficient)
    {
        if (Fixtures.Find("w2s_losses", output) is not { } folder || Fixtures.Find("manifest.json", output) is not { } manifestPath)
            return;
        using var manifest = JsonDocument.Parse(File.ReadAllText(manifestPath));
        JsonElement values = manifest.RootElement.GetProperty("w2s_losses").GetProperty("values");
        using var file = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        float[] logits = file.ReadFloats("logits");
        using var tape = new Tape(_pool);
        foreach (string labels in new[] { "soft", "hard" })
        {
            foreach (string progress in new[] { "0.05", "0.5" })
            {
                float[] targets = file.ReadFloats(labels == "soft" ? "weak_probs" : "weak_hard");
                float[] probabilities = new float[logits.Length];
                WeakTargets.Softmax(logits, 2, probabilities);
                if (loss == WeakLoss.Confidence)
                {
                    // The reference's warm-up gives the share of steps itself, not the share of the warm-up, until it jumps to 1.
                    int[] hardened = new int[logits.Length / 2];
                    WeakTargets.HardenByProportions(probabilities, targets, 2, hardened, []);
                    WeakTargets.MixHardened(targets, 2, hardened, coefficient * (progress == "0.05" ? 0.05f : 1f));
                }
                else if (loss == WeakLoss.Product)
                {
                    WeakTargets.Multiply(targets, 2, probabilities, 1, 1);
                }

                tape.Begin(recording: true);
                Tensor z = tape.Input(logits, logits.Length / 2, 2, wantsGradient: true); // [16, 2]
                Tensor total = tape.SoftCrossEntropy(z, targets, [], logits.Length / 2);
                tape.Backward(total);
                string key = $"{name}.{labels}.{progress}";
                AssertClose(values.GetProperty(key).GetDouble(), total.Values[0], key);
                float[] expected = file.ReadFloats(key + ".grad");
                for (int i = 0; i < expected.Length; i++)
                    AssertClose(expected[i], z.Gradients[i], $"{key} gradient {i}");
            }
        }
    }

    [Fact]
    public void FineTuningRun_SixStepsOfSupervision_FollowsPyTorch()
    {
        if (Fixtures.Find("train_adamw", output) is not { } folder || Fixtures.Find("manifest.json", output) is not { } manifestPath)
            return;
        using var manifest = JsonDocument.Parse(File.ReadAllText(manifestPath));
        using var reference = SafeTensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using Transformer model = Transformer.Load(Path.Combine(folder, "init"));
        int[] tokens = [.. reference.ReadIntegers("input_ids").Select(t => (int)t)];
        int length = (int)reference.Entry("input_ids").Shape[1];
        List<SequenceExample> examples = [.. tokens.Chunk(length).Select(row => SequenceExample.Completion([], row))];
        var configuration = new FineTuningConfiguration
        {
            Epochs = 6,
            BatchExamples = examples.Count,
            WarmupSteps = 2,
            Schedule = ScheduleShape.Cosine,
            Optimizer = new OptimizerConfiguration { LearningRate = 3e-3, WeightDecay = 0.1 },
        };
        var observer = new RecordingObserver();
        using (var run = new FineTuningRun<SequenceExample>(model, new SupervisedObjective(), examples, configuration, _pool, observer))
            Assert.Equal(6, run.Run().Steps);
        foreach (var (step, expected) in observer.Steps.Zip(manifest.RootElement.GetProperty("train_adamw").GetProperty("log").EnumerateArray()))
        {
            AssertClose(expected.GetProperty("loss").GetDouble(), step.Loss, "loss");
            AssertClose(expected.GetProperty("grad_norm").GetDouble(), step.GradientNorm, "gradient norm");
            Assert.Equal(expected.GetProperty("lr").GetDouble(), 3e-3 * step.LearningRateScale, 1e-12);
        }

        foreach (Parameter parameter in model.Parameters.All)
        {
            float[] final = reference.ReadFloats("final." + parameter.Name);
            for (int i = 0; i < final.Length; i++)
                Assert.True(Math.Abs(final[i] - parameter.Tensor.Values[i]) < 1e-4, $"{parameter.Name}[{i}]: {final[i]} and {parameter.Tensor.Values[i]}");
        }
    }

    public void Dispose() => _pool.Dispose();

    // The prompt is what both completions begin with: up to the first label, or the common beginning where there are no labels.
    private static List<PreferenceExample> Pairs(SafeTensorsFile file, bool withLabels)
    {
        int length = (int)file.Entry("chosen_ids").Shape[1], count = (int)file.Entry("chosen_ids").Shape[0];
        var result = new List<PreferenceExample>();
        for (int i = 0; i < count; i++)
        {
            int[] chosen = Row("chosen"), rejected = Row("rejected");
            int prompt = 0;
            if (withLabels)
            {
                prompt = Array.FindIndex(Integers("chosen_labels"), label => label != Tape.IgnoredTarget);
                Assert.Equal(prompt, Array.FindIndex(Integers("rejected_labels"), label => label != Tape.IgnoredTarget));
            }
            else
            {
                while (prompt < Math.Min(chosen.Length, rejected.Length) - 1 && chosen[prompt] == rejected[prompt])
                    prompt++;
            }

            Assert.Equal(chosen[..prompt], rejected[..prompt]);
            Assert.True(prompt > 0);
            result.Add(new PreferenceExample(chosen[..prompt], chosen[prompt..], rejected[prompt..]));

            int[] Integers(string name) => [.. file.ReadIntegers(name).Skip(i * length).Take(length).Select(t => (int)t)];
            int[] Row(string side) => [.. Integers(side + "_ids").Zip(Integers(side + "_mask")).Where(p => p.Second != 0).Select(p => p.First)];
        }

        return result;
    }

    private static void AssertGradients(SafeTensorsFile file, string prefix, Transformer model, bool wanted)
    {
        int compared = 0;
        foreach (Parameter parameter in model.Parameters.All.Where(p => file.Contains(prefix + p.Name)))
        {
            float[] expected = file.ReadFloats(prefix + parameter.Name);
            double size = Math.Max(1, expected.Max(Math.Abs));
            for (int i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(expected[i] - parameter.Tensor.Gradients[i]) < 1e-4 * size, $"{parameter.Name}[{i}]: {expected[i]} and {parameter.Tensor.Gradients[i]}");
            compared++;
        }

        Assert.Equal(wanted, compared > 0);
    }

    private static void AssertClose(double expected, double actual, string what) =>
        Assert.True(Math.Abs(expected - actual) <= 1e-4 * Math.Max(1, Math.Abs(expected)), $"{what}: {expected} and {actual}");
}
