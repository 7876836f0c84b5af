using System.Diagnostics;
using System.Text.Json;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Language.Tests;

public sealed class ModelDirectoryTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(StorageType.F32)]
    [InlineData(StorageType.F16)]
    [InlineData(StorageType.BF16)]
    public void Save_BeyondAShardsSize_WritesShardsWithAnIndexThatLoad(StorageType storage)
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        using var folder = new TemporaryFolder();
        transformer.Save(folder["whole"], storage);
        transformer.Save(folder["parts"], new ModelSaveOptions { Storage = storage, MaximumShardBytes = 4000 });

        string[] shards = [.. Directory.GetFiles(folder["parts"], "*.safetensors").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.True(shards.Length > 2);
        Assert.Equal(Enumerable.Range(1, shards.Length).Select(i => $"model-{i:D5}-of-{shards.Length:D5}.safetensors"), shards);
        using var index = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["parts"], "model.safetensors.index.json")));
        long size = index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64();
        Assert.Equal(transformer.Configuration.ParameterCount * storage.Element().Size(), size);
        foreach (JsonProperty tensor in index.RootElement.GetProperty("weight_map").EnumerateObject())
        {
            using var shard = SafeTensorsFile.Open(Path.Combine(folder["parts"], tensor.Value.GetString()!));
            Assert.True(shard.Contains(tensor.Name));
            Assert.True(shard.Entries.Count == 1 || shard.Entries.Values.Sum(entry => entry.ByteCount) <= 4000);
        }

        foreach (ParameterStorage kept in Enum.GetValues<ParameterStorage>())
        {
            using Transformer whole = Transformer.Load(folder["whole"], kept), parts = Transformer.Load(folder["parts"], kept);
            Assert.Equal(Values(whole), Values(parts));
        }
    }

    [Fact]
    public void Save_OverAModelOfOtherFiles_LeavesNoneOfThem()
    {
        using var first = SmallModels.Random(SmallModels.Qwen);
        using var second = SmallModels.Random(SmallModels.Qwen, seed: 2);
        using var folder = new TemporaryFolder();
        first.Save(folder.Path);
        second.Save(folder.Path, new ModelSaveOptions { MaximumShardBytes = 4000 });
        Assert.False(File.Exists(folder["model.safetensors"]));
        using (var loaded = Transformer.Load(folder.Path))
            Assert.Equal(Values(second), Values(loaded));
        first.Save(folder.Path);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Directory.GetFiles(folder.Path).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        using (var loaded = Transformer.Load(folder.Path))
            Assert.Equal(Values(first), Values(loaded));
    }

    [Fact]
    public void OpenAndSave_OfADirectory_KeepsGenerationConfigurationTokenizerAndFields()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen with { OtherFields = """{"initializer_range":0.02,"max_window_layers":21}""" });
        using var folder = new TemporaryFolder();
        transformer.Save(folder["a"]);
        File.WriteAllText(Path.Combine(folder["a"], "generation_config.json"), """
            {"do_sample":true,"temperature":0.7,"top_p":0.8,"top_k":20,"repetition_penalty":1.1,"eos_token_id":[5,6],"pad_token_id":5,"transformers_version":"4.37.0"}
            """);
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "merges.txt", "vocab.json" })
            File.WriteAllText(Path.Combine(folder["a"], name), "content of " + name);
        File.WriteAllText(Path.Combine(folder["a"], "README.md"), "not a tokenizer's");

        PretrainedModel opened = PretrainedModel.Open(folder["a"]);
        using Transformer loaded = opened.Load();
        opened.Save(loaded, folder["b"]);

        PretrainedModel saved = PretrainedModel.Open(folder["b"]);
        Assert.Equal(opened.Configuration, saved.Configuration);
        Assert.Contains("max_window_layers", File.ReadAllText(Path.Combine(folder["b"], "config.json")), StringComparison.Ordinal);
        Assert.Equal(opened.Generation, saved.Generation);
        Assert.Equal([5, 6], saved.EndTokens);
        Assert.Contains("transformers_version", saved.Generation.OtherFields, StringComparison.Ordinal);
        Sampler sampler = saved.Generation.CreateSampler();
        Assert.Equal((0.7, 20, 0.8, 1.1), (sampler.Temperature, sampler.TopK, sampler.TopP, sampler.RepetitionPenalty));
        Assert.Equal("content of merges.txt", File.ReadAllText(Path.Combine(folder["b"], "merges.txt")));
        Assert.Equal(9, Directory.GetFiles(folder["b"]).Length);
    }

    [Fact]
    public void Open_WithoutGenerationConfiguration_DecodesGreedilyToTheConfigurationsEnds()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], SmallModels.Qwen.ToJson().Replace("\"model_type\"", "\"eos_token_id\": [3, 4], \"model_type\"", StringComparison.Ordinal));
        PretrainedModel model = PretrainedModel.Open(folder.Path);
        Assert.Equal([3, 4], model.EndTokens);
        Assert.Equal(0, model.Generation.CreateSampler().Temperature);
    }

    [Theory]
    [InlineData("{\"do_sample\":true,\"temperature\":-1}", "temperature is -1")]
    [InlineData("{\"do_sample\":true,\"top_p\":1.5}", "top_p is 1.5")]
    [InlineData("{\"repetition_penalty\":0}", "repetition_penalty is 0")]
    [InlineData("{\"eos_token_id\":[1,\"b\"]}", "eos_token_id")]
    [InlineData("[1]", "expected a JSON object")]
    public void LoadGeneration_UnusableValue_IsAFaultThatNamesTheFile(string json, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["generation_config.json"], json);
        var fault = Assert.Throws<UserFaultException>(() => GenerationConfiguration.Load(folder.Path));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.Contains(folder["generation_config.json"], fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AsAClassifier_GivesABaseModelNewHeadsAndRefusesALostOne()
    {
        using var transformer = SmallModels.Random(SmallModels.Qwen with { ScoreHeads = 0 });
        using var folder = new TemporaryFolder();
        transformer.Save(folder["base"]);
        PretrainedModel model = PretrainedModel.Open(folder["base"]);
        using Transformer reward = (model with { Configuration = model.Configuration with { LanguageHead = false, ScoreHeads = 1 } }).Load();
        Assert.All(reward.Parameters["score.weight"].Tensor.Values.ToArray(), v => Assert.Equal(0f, v));
        Assert.Null(reward.Parameters.Find("lm_head.weight"));

        reward.Parameters["score.weight"].Tensor.Values[3] = 2.5f;
        reward.Save(folder["reward"]);
        using (Transformer loaded = Transformer.Load(folder["reward"]))
            Assert.Equal(Values(reward), Values(loaded));
        using (var file = SafeTensorsFile.Open(Path.Combine(folder["reward"], "model.safetensors")))
        {
            SafeTensors.Write(
                Path.Combine(folder["reward"], "headless.safetensors"),
                [.. file.Entries.Values.Where(e => e.Name != "score.weight").Select(e => SafeTensorData.FromBytes(e.Name, e.Type, e.Shape, file.ReadBytes(e.Name)))]);
        }

        File.Move(Path.Combine(folder["reward"], "headless.safetensors"), Path.Combine(folder["reward"], "model.safetensors"), overwrite: true);
        Assert.Contains("score.weight", Assert.Throws<UserFaultException>(() => Transformer.Load(folder["reward"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PickledWeightsOnly_IsAFaultThatSaysSo()
    {
        using var folder = new TemporaryFolder();
        SmallModels.Qwen.Save(folder.Path);
        File.WriteAllText(folder["pytorch_model.bin"], "x");
        Assert.Contains("pickled", Assert.Throws<UserFaultException>(() => Transformer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CopyTo_FileShortenedSinceItWasOpened_IsAFault()
    {
        using var folder = new TemporaryFolder();
        SafeTensors.Write(folder["x"], [SafeTensorData.FromFloats("a", [4096], new float[4096])]);
        using var file = SafeTensorsFile.Open(folder["x"]);
        Assert.Equal(4096, file.ReadFloats("a").Length);
        using (var writer = new FileStream(folder["x"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            writer.SetLength(200);
        Assert.Throws<UserFaultException>(() => file.ReadFloats("a"));
    }

    [Theory]
    [InlineData("qwen2_gqa_untied_f32")]
    [InlineData("qwen2_mha_tied_bf16")]
    [InlineData("llama_gqa_untied_f32")]
    [InlineData("llama3_ropescaled_tied_f32")]
    [InlineData("stories260K_llama")]
    [InlineData("reward_bt")]
    [InlineData("dpo/policy")]
    [InlineData("train_adamw/init")]
    public void OpenAndSave_Fixture_KeepsEveryFieldAndTensor(string name)
    {
        if (Fixtures.Find(name, output) is not { } folder)
            return;
        using var temporary = new TemporaryFolder();
        PretrainedModel opened = PretrainedModel.Open(folder);
        using Transformer model = opened.Load();
        using var original = SafeTensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        var storage = Enum.Parse<StorageType>(original.Entries.Values.First().Type.ToString());
        opened.Save(model, temporary.Path, storage);

        using var saved = SafeTensorsFile.Open(temporary["model.safetensors"]);
        Assert.Equal(original.Entries.Keys.Order(StringComparer.Ordinal), saved.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.All(original.Entries.Keys, tensor => Assert.Equal(original.ReadBytes(tensor), saved.ReadBytes(tensor)));
        using var before = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        using var after = JsonDocument.Parse(File.ReadAllText(temporary["config.json"]));
        foreach (JsonProperty field in before.RootElement.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null))
        {
            JsonElement written = after.RootElement.GetProperty(field.Name);
            if (field.Value.ValueKind == JsonValueKind.Number)
                Assert.Equal(field.Value.GetSingle(), written.GetSingle());
            else
                Assert.True(JsonElement.DeepEquals(field.Value, written), $"{field.Name}: {field.Value} became {written}");
        }

        Assert.Equal(opened.Generation, PretrainedModel.Open(temporary.Path).Generation);
    }

    [Fact]
    public void Save_OnAFullDisk_IsOneFaultAndNoModel()
    {
        using var folder = new TemporaryFolder();
        string disk = folder["disk"];
        Directory.CreateDirectory(disk);
        if (!OperatingSystem.IsLinux() || !Run("mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", disk))
        {
            output.WriteLine("not checked: a small file system can only be mounted by root on Linux");
            return;
        }

        try
        {
            using var transformer = SmallModels.Random(SmallModels.Qwen with { VocabularySize = 1000 });
            var fault = Assert.Throws<UserFaultException>(() => transformer.Save(disk));
            Assert.Equal(FaultKind.Failure, fault.Kind);
            Assert.Contains("model.safetensors", fault.Message, StringComparison.Ordinal);
            Assert.Contains("Free some space", fault.Message, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(disk));
        }
        finally
        {
            Assert.True(Run("umount", disk));
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static float[][] Values(Transformer model) => [.. model.Parameters.All.Select(parameter =>
    {
        float[] values = new float[parameter.Tensor.Length];
        parameter.ReadValues(0, values);
        return values;
    })];
}
