using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class AdapterDirectoryTests : IDisposable
{
    private static readonly LowRankConfiguration Adapters = new()
    {
        Rank = 3,
        Alpha = 4.5f,
        Dropout = 0.25f,
        RankStabilized = true,
        Targets = LowRankTargets.Attention | LowRankTargets.Down,
    };

    private readonly WorkerPool _pool = new(2);

    [Theory]
    [InlineData(ParameterStorage.FrozenSingle)]
    [InlineData(ParameterStorage.FrozenBFloat16)]
    public void SaveThenLoad_OverTheBase_GivesTheSameModel(ParameterStorage storage)
    {
        using var folder = new TemporaryFolder();
        using (var plain = SmallModels.Random(SmallModels.Qwen))
            plain.Save(folder["base"]);
        PretrainedModel model = PretrainedModel.Open(folder["base"]);
        using Transformer adapted = Trained(model.Load(storage, Adapters));
        adapted.SaveAdapters(folder["adapter"], "org/base");

        using Transformer loaded = model.LoadAdapted(folder["adapter"], storage);
        Assert.Equal(Adapters, loaded.Adapters);
        Assert.Equal(Logits(adapted), Logits(loaded));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.GetFiles(folder["adapter"]).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void SaveAdapters_Files_HavePeftsNamesAndFields()
    {
        using var folder = new TemporaryFolder();
        using Transformer adapted = Trained(new Transformer(SmallModels.Qwen, ParameterStorage.FrozenSingle, Adapters));
        adapted.SaveAdapters(folder.Path, "org/base");
        using (var file = SafeTensorsFile.Open(folder["adapter_model.safetensors"]))
        {
            Assert.Equal((2 * 2 * 5) + 1, file.Entries.Count);
            Assert.Equal([3L, 16L], file.Entry("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").Shape);
            Assert.Equal([8L, 3L], file.Entry("base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight").Shape);
            Assert.Equal([16L, 3L], file.Entry("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight").Shape);
            Assert.Equal([3L, 16L], file.Entry("base_model.model.score.weight").Shape);
        }

        using var json = JsonDocument.Parse(File.ReadAllText(folder["adapter_config.json"]));
        Assert.Equal("LORA", json.RootElement.GetProperty("peft_type").GetString());
        Assert.Equal("CAUSAL_LM", json.RootElement.GetProperty("task_type").GetString());
        Assert.Equal("org/base", json.RootElement.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal(3, json.RootElement.GetProperty("r").GetInt32());
        Assert.Equal(4.5, json.RootElement.GetProperty("lora_alpha").GetDouble());
        Assert.Equal(0.25, json.RootElement.GetProperty("lora_dropout").GetDouble());
        Assert.True(json.RootElement.GetProperty("use_rslora").GetBoolean());
        Assert.Equal(["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"], json.RootElement.GetProperty("target_modules").EnumerateArray().Select(t => t.GetString()));
        Assert.Equal(["score"], json.RootElement.GetProperty("modules_to_save").EnumerateArray().Select(t => t.GetString()));
    }

    [Fact]
    public void Load_ConfigurationAsPeftWritesIt_IsRead()
    {
        AdapterConfiguration read = AdapterConfiguration.Parse("""
            {"alpha_pattern":{},"auto_mapping":null,"base_model_name_or_path":"Qwen/Qwen2.5-0.5B","bias":"none","corda_config":null,
             "eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":true,
             "layer_replication":null,"layers_pattern":null,"layers_to_transform":null,"loftq_config":{},"lora_alpha":32,"lora_bias":false,
             "lora_dropout":0.05,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,"peft_type":"LORA",
             "peft_version":"0.17.0","qalora_group_size":16,"r":16,"rank_pattern":{},"revision":null,"target_modules":["v_proj","q_proj"],
             "target_parameters":null,"task_type":"SEQ_CLS","trainable_token_indices":null,"use_dora":false,"use_qalora":false,"use_rslora":false}
            """);
        Assert.Equal(
            new LowRankConfiguration { Rank = 16, Alpha = 32, Dropout = 0.05f, Targets = LowRankTargets.Query | LowRankTargets.Value }, read.Adapters);
        Assert.Equal((true, true, "Qwen/Qwen2.5-0.5B"), (read.IsClassifier, read.HasScoreHeads, read.BaseModel));
        Assert.Equal(read, AdapterConfiguration.Parse(read.ToJson()));
        Assert.Equal(LowRankTargets.All, AdapterConfiguration.Parse("""{"peft_type":"LORA","target_modules":"all-linear"}""").Adapters.Targets);
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("rank_pattern", "{\"q_proj\":4}")]
    [InlineData("alpha_pattern", "{\"q_proj\":4}")]
    [InlineData("layers_to_transform", "[0,1]")]
    [InlineData("layers_pattern", "\"layers\"")]
    [InlineData("layer_replication", "[[0,4],[2,5]]")]
    [InlineData("init_lora_weights", "\"pissa\"")]
    [InlineData("init_lora_weights", "\"loftq\"")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("lora_bias", "true")]
    [InlineData("modules_to_save", "[\"embed_tokens\"]")]
    [InlineData("target_modules", "[\"q_proj\",\"embed_tokens\"]")]
    [InlineData("target_modules", "\".*q_proj\"")]
    [InlineData("target_modules", "[]")]
    [InlineData("target_parameters", "[\"mlp.experts.gate_up_proj\"]")]
    [InlineData("exclude_modules", "[\"v_proj\"]")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("peft_type", "null")]
    [InlineData("task_type", "\"TOKEN_CLS\"")]
    [InlineData("r", "0", "rank is 0")]
    [InlineData("lora_dropout", "1", "dropout is 1")]
    [InlineData("a_field_to_come", "7")]
    public void Load_UnsupportedField_IsRefusedByName(string field, string value, string? expected = null)
    {
        JsonObject json = JsonNode.Parse(new AdapterConfiguration { Adapters = Adapters }.ToJson())!.AsObject();
        json[field] = JsonNode.Parse(value);
        var fault = Assert.Throws<UserFaultException>(() => AdapterConfiguration.Parse(json.ToJsonString(), "dir/adapter_config.json"));
        Assert.StartsWith("dir/adapter_config.json", fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected ?? (value == "[]" ? "targets" : field), fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadAdapters_OfAnotherModel_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using (Transformer adapted = new(SmallModels.Qwen, ParameterStorage.FrozenSingle, Adapters))
            adapted.SaveAdapters(folder.Path);
        foreach (var (configuration, adapters, expected) in new[]
        {
            (SmallModels.Qwen, Adapters with { Rank = 4 }, "rank 3"), (SmallModels.Qwen with { Layers = 1 }, Adapters, "layers.1"),
            (SmallModels.Qwen with { Layers = 3 }, Adapters, "layers.2"), (SmallModels.Qwen with { HiddenSize = 20, HeadSize = 4 }, Adapters, "shape"),
            (SmallModels.Qwen with { ScoreHeads = 0 }, Adapters, "score.weight"),
        })
        {
            using Transformer other = new(configuration, ParameterStorage.FrozenSingle, adapters);
            Assert.Contains(expected, Assert.Throws<UserFaultException>(() => other.LoadAdapters(folder.Path)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(ParameterStorage.Trainable)]
    [InlineData(ParameterStorage.FrozenSingle)]
    [InlineData(ParameterStorage.FrozenBFloat16)]
    public void MergeThenUnmerge_GivesTheMergedModelAndThenEveryBitBack(ParameterStorage storage)
    {
        using var folder = new TemporaryFolder();
        using (var plain = SmallModels.Random(SmallModels.Qwen))
            plain.Save(folder.Path, StorageType.BF16);
        using Transformer adapted = Trained(Transformer.Load(folder.Path, storage, Adapters));
        float[] before = Logits(adapted);
        float[][] weights = Values(adapted);
        using Transformer merged = adapted.Merged(storage == ParameterStorage.Trainable ? ParameterStorage.FrozenSingle : storage);
        adapted.MergeAdapters();
        Assert.True(adapted.AdaptersMerged);
        Assert.NotEqual(weights, Values(adapted));
        Assert.Equal(Logits(merged), Logits(adapted));
        if (storage != ParameterStorage.FrozenBFloat16)
        {
            foreach (var (expected, found) in before.Zip(Logits(adapted)))
                Assert.Equal(expected, found, 2e-5);
        }

        using (var tape = new Tape(_pool))
        {
            var batch = new TokenBatch();
            batch.Add([1, 2]);
            tape.Begin(recording: true);
            Assert.Throws<InvalidOperationException>(() => adapted.Hidden(tape, batch));
        }

        Assert.Throws<InvalidOperationException>(adapted.MergeAdapters);
        Assert.Throws<InvalidOperationException>(() => adapted.Save(folder["x"]));
        adapted.UnmergeAdapters();
        Assert.Equal(weights, Values(adapted));
        Assert.Equal(before, Logits(adapted));
        Assert.Throws<InvalidOperationException>(adapted.UnmergeAdapters);
    }

    public void Dispose() => _pool.Dispose();

    private static Transformer Trained(Transformer adapted)
    {
        var random = new RandomStream(8);
        adapted.InitializeAdapters(random);
        foreach (Parameter parameter in adapted.Parameters.All.Where(p => p.Name == "score.weight" || p.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)))
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = 0.2f * (float)random.NextGaussian();
        }

        return adapted;
    }

    private static float[][] Values(Transformer model) => [.. model.Parameters.All.Select(parameter =>
    {
        float[] values = new float[parameter.Tensor.Length];
        parameter.ReadValues(0, values);
        return values;
    })];

    private float[] Logits(Transformer model)
    {
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(SmallModels.Tokens(model.Configuration, 11));
        tape.Begin(recording: false);
        Tensor hidden = model.Hidden(tape, batch);
        return [.. model.Logits(tape, hidden).Values.ToArray(), .. model.Scores(tape, hidden).Values.ToArray()];
    }
}
