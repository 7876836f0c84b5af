using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Checkpoints;
using Tandem.Training.Optimization;

namespace Tandem.Training.Tests;

public class FrozenCheckpointTests
{
    [Fact]
    public void SaveThenLoad_AdaptersOverFrozenWeights_HoldsTheAdaptersOnly() =>
        AssertRestored(new LowRankConfiguration { Rank = 2, Dropout = 0.1f }, ["adapter_config.json", "adapter_model.safetensors"]);

    [Fact]
    public void SaveThenLoad_ScoreHeadsOverFrozenWeights_HoldsTheHeadsOnly() => AssertRestored(null, ["trained.safetensors"]);

    private static void AssertRestored(LowRankConfiguration? adapters, string[] weightFiles)
    {
        using var folder = new TemporaryFolder();
        using var pool = new WorkerPool(1);
        using (Transformer plain = TinyModel.Create())
            plain.Save(folder["base"]);
        using Transformer model = Transformer.Load(folder["base"], ParameterStorage.FrozenBFloat16, adapters);
        using var optimizer = new AdamW(new OptimizerConfiguration(), model.Parameters, pool);
        Change(model, optimizer);
        string checkpoint = TrainingCheckpoint.Save(new CheckpointDirectory(folder["run"]), 1, model, optimizer, "state");
        Assert.Equal(
            [.. weightFiles, "complete.json", "optimizer.safetensors", "state.json"],
            Directory.GetFiles(checkpoint).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).OrderBy(f => !weightFiles.Contains(f)));

        using Transformer other = Transformer.Load(folder["base"], ParameterStorage.FrozenBFloat16, adapters);
        using var otherOptimizer = new AdamW(new OptimizerConfiguration(), other.Parameters, pool);
        Assert.Equal("state", TrainingCheckpoint.Load<string>(checkpoint, other, otherOptimizer));
        Change(model, optimizer);
        Change(other, otherOptimizer);
        Assert.Equal(Trained(model), Trained(other));

        static float[] Trained(Transformer model) => [.. model.Parameters.All.SelectMany(p => p.IsTrainable ? p.Tensor.Values.ToArray() : [])];

        static void Change(Transformer model, AdamW optimizer)
        {
            foreach (Parameter parameter in model.Parameters.All.Where(p => p.IsTrainable))
            {
                for (int i = 0; i < parameter.Tensor.Length; i++)
                    parameter.Tensor.Gradients[i] = parameter.Tensor.Values[i] + (0.1f * (i % 5)) - 0.2f;
            }

            optimizer.Step(1);
        }
    }
}
