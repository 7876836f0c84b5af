using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.TextWorld;
using Tandem.Training.FineTuning;
using Tandem.Tuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Tests.TextWorld;

/// <summary>What an experiment does, on checkpoints and a file: opens its world, tunes rungs, scores items.</summary>
public sealed class TextExperimentTests : IDisposable
{
    private static readonly CompetenceConfiguration s_training = new() { Items = 64, Epochs = 3, BatchSize = 8, MicroBatchSize = 4, LearningRate = 1e-2 };
    private readonly TinyCheckpoints _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Open_Checkpoints_AreRungsFromSmallToLarge()
    {
        (ITaskFamily world, ModelLadder ladder) = _files.World.Open();
        Assert.Equal(["small", "large"], ladder.Manifest.Rungs.Select(rung => rung.Name));
        Assert.Equal("text", world.Name);
        Assert.Equal(96, world.ContextLength);
        LadderRung large = ladder["large"];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(_files["large"], "model.safetensors")))), large.Sha256);
        using Transformer loaded = ladder.Load(large, ScoreHead.Count);
        using Transformer original = Transformer.Load(_files["large"]);
        Assert.Equal(original.Configuration.ParameterCount, large.ParameterCount);
        Assert.All(original.Parameters.All, p => Assert.True(p.Tensor.Values.SequenceEqual(loaded.Parameters[p.Name].Tensor.Values)));
        Assert.True(loaded.Parameters["score.weight"].Tensor.Values.ToArray().All(v => v == 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Tune_AnyThreads_LearnsTheSameBits(int adapterRank)
    {
        (float[][] one, int right, int count) = Run("one", 1, adapterRank);
        (float[][] three, _, _) = Run("three", 3, adapterRank);
        Assert.Equal(one, three);
        Assert.True(right > 0.6 * count, $"{right} of {count} right, chance is a quarter");
    }

    [Fact]
    public void Tune_Adapters_LeaveEmbeddingsAsTheyAre()
    {
        Run("adapted", 1, 4);
        using Transformer original = Transformer.Load(_files["large"]);
        string saved = Directory.EnumerateDirectories(_files["adapted"], "model", SearchOption.AllDirectories).Single(d => File.Exists(Path.Combine(d, "config.json")));
        using Transformer tuned = Transformer.Load(saved);
        Assert.Null(tuned.Adapters);
        Assert.True(original.Parameters["model.embed_tokens.weight"].Tensor.Values.SequenceEqual(tuned.Parameters["model.embed_tokens.weight"].Tensor.Values));
        Assert.False(original.Parameters["model.layers.0.mlp.up_proj.weight"].Tensor.Values.SequenceEqual(tuned.Parameters["model.layers.0.mlp.up_proj.weight"].Tensor.Values));
    }

    [Fact]
    public void Keep_ResumedWithOtherData_IsAFault()
    {
        Keep();
        JsonNode card = JsonNode.Parse(File.ReadAllText(Path.Combine(_files["kept"], WorldCard.FileName)))!;
        Assert.Equal(400, card["splits"]!.AsArray().Sum(split => (int)split!["items"]!));
        Assert.Equal(200, card["splits"]!.AsArray().Sum(split => (int)split!["passages"]!));
        Assert.Equal((400, 1200), ((int)card["options"]!["good"]!, (int)card["options"]!["worse"]!));
        Assert.Equal(["small", "large"], card["models"]!.AsArray().Select(model => (string)model!["name"]!));
        Keep();
        File.AppendAllText(_files.Questions, """{"question": "More?", "options": ["a", "b"], "answer": 0}""" + "\n");
        Assert.Contains("is not what it was", Assert.Throws<UserFaultException>(Keep).Message, StringComparison.Ordinal);

        void Keep()
        {
            (ITaskFamily world, ModelLadder ladder) = _files.World.Open();
            using RunDirectory run = RunDirectory.Open(_files["kept"], ResolvedRecipe.Of(s_training));
            WorldConfiguration.Keep(run, world, ladder);
        }
    }

    [Fact]
    public void Open_ModelsThatDoNotFit_AreNamed()
    {
        ByteTokenizerFiles.Write(_files["other tokenizer"], splitsWords: true);
        _files.WriteModel("stranger", 16, 1, "other tokenizer");
        Fault(_files.World with { Models = [_files["small"], _files["stranger"]] }, "The tokenizers of small and stranger differ in pre_tokenizer");
        Fault(_files.World with { Models = [_files["small"], _files["small"] + "/"] }, "Two models have the name small");
        Fault(_files.World with { Models = [] }, "names no models");
        Fault(_files.World with { MaximumTokens = 129 }, "large reads at most 128 tokens", "small reads at most 128 tokens");
        Fault(_files.World with { Data = new DataSettings() }, "world.data.path is empty");
        Fault(_files.World with { Family = "chains" }, "world.family is chains");
        Fault(_files.World with { LadderDirectory = "ladder" }, "world.models");

        static void Fault(WorldConfiguration world, params string[] any)
        {
            string message = Assert.Throws<UserFaultException>(() => world.Open()).Message;
            Assert.True(any.Any(text => message.Contains(text, StringComparison.Ordinal)), message);
        }
    }

    [Fact]
    public void Recipe_WorldOfText_Binds()
    {
        string path = _files["recipe.yaml"];
        File.WriteAllText(path, """
            world:
              family: text
              data: {set: cosmosqa, path: data/valid.csv, limit: 500}
              models: [models/small, models/large]
              maximum_tokens: 256
              rejected: harmful
              seed: 3

            """);
        WorldConfiguration world = RecipeReader.Read<EmptyExperiment>(path).Value.World;
        Assert.Equal(("text", 256, RejectedReply.Harmful, 3UL), (world.Family, world.MaximumTokens, world.Rejected, world.Seed));
        Assert.Equal(["models/small", "models/large"], world.Models);
        Assert.Equal(new DataSettings { Set = "cosmosqa", Path = "data/valid.csv", Limit = 500 }, world.Data);
    }

    private (float[][] Distributions, int Right, int Count) Run(string name, int threads, int adapterRank)
    {
        CompetenceConfiguration training = s_training with { AdapterRank = adapterRank };
        (ITaskFamily world, ModelLadder ladder) = _files.World.Open();
        using RunDirectory run = RunDirectory.Open(_files[name], ResolvedRecipe.Of(training));
        using var pool = new WorkerPool(threads);
        using var laboratory = new Laboratory { Directory = run, Pool = pool, Ladder = ladder, World = world, Progress = NullRunProgress.Instance };
        TrainedModel model = new RungTuning(laboratory, training).Tune(
            "student", ladder["large"], 1, () => [.. world.Items(new ItemRequest(128, ItemSplit.Train, 1)).Select(RungTuning.Truth)]);
        IReadOnlyList<ChoiceItem> items = world.Items(new ItemRequest(60, ItemSplit.Test, 2));
        OptionScores scores = laboratory.Score(model, items);
        int right = Enumerable.Range(0, items.Count).Count(i => items[i].Options[scores.Choice(i)].Good);
        return ([.. Enumerable.Range(0, items.Count).Select(i => scores.Distribution(i, ScoreHead.Choice))], right, items.Count);
    }

    private sealed record EmptyExperiment : ExperimentConfiguration
    {
        public override IExperiment Create(Laboratory laboratory) => throw new NotSupportedException();
    }
}
