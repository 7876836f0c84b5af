using System.Text.Json;
using Tandem.Datasets.Tests.Hub;
using Tandem.Language;

namespace Tandem.EndToEnd.Tests;

/// <summary>The commands that fetch, against a hub on loopback.</summary>
public sealed class HubCommandTests : IDisposable
{
    private readonly FakeHub _hub = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-hub-cli-").FullName;
    private readonly Dictionary<string, string> _variables;

    public HubCommandTests() => _variables = new Dictionary<string, string>
    {
        ["HF_ENDPOINT"] = _hub.Hub.Address,
        ["HF_DATASETS_SERVER"] = _hub.RowsAddress,
        ["HF_HOME"] = Path.Combine(_folder, "home"),
        ["HF_HUB_CACHE"] = Path.Combine(_folder, "cache"),
        ["HF_TOKEN"] = "hf_secret",
        ["HF_HUB_OFFLINE"] = "",
        ["NO_PROXY"] = "127.0.0.1",
    };

    public void Dispose()
    {
        _hub.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A model that Tandem can load, with its weights on the second host.</summary>
    private FakeRepository Model()
    {
        string saved = Path.Combine(_folder, "saved");
        var configuration = new TransformerConfiguration { VocabularySize = 3000, HiddenSize = 32, IntermediateSize = 64, Layers = 2, Heads = 2, KeyValueHeads = 1 };
        using (var transformer = new Transformer(configuration))
            transformer.Save(saved, StorageType.F32);
        var model = new FakeRepository("acme/tiny") { Private = true };
        foreach (string file in Directory.EnumerateFiles(saved))
            model.Add(Path.GetFileName(file), File.ReadAllBytes(file), large: file.EndsWith(".safetensors", StringComparison.Ordinal));
        model.Add("README.md", "---\nlicense: mit\n---\n").Add("pytorch_model.bin", "x");
        return _hub.Add(model);
    }

    private ProcessResult Run(params string[] arguments)
    {
        using TandemProcess process = TandemProcess.Start(_variables, arguments);
        return process.Wait();
    }

    private ProcessResult RunWell(params string[] arguments)
    {
        ProcessResult result = Run(arguments);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        Assert.DoesNotContain("hf_secret", result.Output + result.Error, StringComparison.Ordinal);
        return result;
    }

    private string Refused(int exitCode, params string[] arguments)
    {
        ProcessResult result = Run(arguments);
        Assert.True(result.ExitCode == exitCode, $"exit code {result.ExitCode}: {result.Error}");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.StartsWith("tandem: ", result.LastErrorLine, StringComparison.Ordinal);
        return result.LastErrorLine;
    }

    [Fact]
    public void Models_PullListShowRemove_DoWhatTheySay()
    {
        FakeRepository model = Model();
        ProcessResult pulled = RunWell("models", "pull", "acme/tiny");
        string folder = pulled.Output.Trim();
        Assert.Equal(Path.Combine(_folder, "cache", "models--acme--tiny", "snapshots", model.Commit), folder);
        Assert.Equal(model.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.False(File.Exists(Path.Combine(folder, "pytorch_model.bin")));
        Assert.Contains("model.safetensors", pulled.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', pulled.Error);
        Assert.All(_hub.Cdn.Requests, r => Assert.Null(r.Header("Authorization")));

        string list = RunWell("models", "list").Output;
        Assert.Contains("acme/tiny", list, StringComparison.Ordinal);
        Assert.Contains(model.Commit[..12], list, StringComparison.Ordinal);

        string show = RunWell("models", "show", "acme/tiny").Output;
        foreach (string part in new[] { "qwen2", "mit", "bfloat16", "F32", folder })
            Assert.Contains(part, show, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(RunWell("models", "show", folder, "--json").Output);
        Assert.Equal(TransformerConfiguration.Load(folder).ParameterCount, json.RootElement.GetProperty("parameters").GetInt64());

        RunWell("models", "remove", "acme/tiny");
        Assert.Contains("tandem models pull acme/tiny", Refused(2, "models", "show", "acme/tiny"), StringComparison.Ordinal);
    }

    [Fact]
    public void ModelsPull_JsonAndFolder_GiveBoth()
    {
        FakeRepository model = Model();
        string target = Path.Combine(_folder, "out");
        using JsonDocument json = JsonDocument.Parse(RunWell("models", "pull", "acme/tiny@stable", "--out", target, "--ranges", "4", "--json").Output);
        Assert.Equal(model.Commit, json.RootElement.GetProperty("commit").GetString());
        Assert.Equal(target, json.RootElement.GetProperty("folder").GetString());
        Assert.Equal(model.Files["model.safetensors"].Content, File.ReadAllBytes(Path.Combine(target, "model.safetensors")));
        using var loaded = Transformer.Load(target);
        Assert.Equal(3000, loaded.Configuration.VocabularySize);
    }

    [Fact]
    public void ModelsPull_KilledInTheMiddle_GoesOnAndVerifies()
    {
        FakeRepository model = Model();
        FakeFile weights = model.Files["model.safetensors"];
        string blobs = Path.Combine(_folder, "cache", "models--acme--tiny", "blobs");
        long Arrived() => Directory.Exists(blobs)
            ? new DirectoryInfo(blobs).EnumerateFiles($"{weights.BlobId}*.incomplete").Sum(f => f.Length)
            : 0;
        _hub.Pause = TimeSpan.FromMilliseconds(5);
        using (TandemProcess process = TandemProcess.Start(_variables, "models", "pull", "acme/tiny"))
        {
            Assert.True(process.WaitUntil(() => Arrived() > 60_000), "It ended before it could be killed.");
            process.Kill();
        }

        long left = Arrived();
        Assert.InRange(left, 60_000, weights.Content.Length - 1);
        Assert.False(File.Exists(Path.Combine(blobs, weights.BlobId)));
        _hub.Pause = TimeSpan.Zero;
        int before = _hub.Cdn.Requests.Count;
        string folder = RunWell("models", "pull", "acme/tiny").Output.Trim();
        Assert.Equal($"bytes={left}-", Assert.Single(_hub.Cdn.Requests.Skip(before)).Header("Range"));
        Assert.Equal(weights.Content, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Empty(Directory.EnumerateFiles(blobs, "*.incomplete"));
    }

    [Fact]
    public void ModelsPull_Interrupted_SaysHowToGoOn()
    {
        FakeRepository model = Model();
        _hub.Plan(model.Files["model.safetensors"].BlobId, r => r with { HangAfter = 50_000 });
        using TandemProcess process = TandemProcess.Start(_variables, "models", "pull", "acme/tiny");
        _hub.Cdn.Hanging.Wait();
        process.Interrupt();
        ProcessResult result = process.Wait();
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("tandem models pull acme/tiny", result.LastErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelsPull_WhatCannotBe_IsOneLineAndTheRightExitCode()
    {
        FakeRepository model = Model();
        Assert.Contains("acme/tiny", Refused(2, "models", "pull", "acme/tinny"), StringComparison.Ordinal);
        Assert.Contains("not the name", Refused(2, "models", "pull", "../tiny"), StringComparison.Ordinal);
        Assert.Contains("run code", Refused(2, "models", "pull", "acme/tiny", "--include", "*.bin"), StringComparison.Ordinal);
        Assert.Contains("--offline", Refused(1, "models", "pull", "acme/tiny", "--offline"), StringComparison.Ordinal);
        _variables["HF_TOKEN"] = "";
        Assert.Contains("HF_TOKEN", Refused(2, "models", "pull", "acme/tiny"), StringComparison.Ordinal);
        model.Private = false;
        model.Gated = true;
        Assert.Contains("accept its terms", Refused(1, "models", "pull", "acme/tiny"), StringComparison.Ordinal);
        _variables["HF_ENDPOINT"] = "nonsense";
        Assert.Contains("HF_ENDPOINT", Refused(2, "models", "pull", "acme/tiny"), StringComparison.Ordinal);
    }

    [Fact]
    public void DataPull_FilesAndRows_AreFetched()
    {
        FakeRepository data = _hub.Add(new FakeRepository("allenai/sciq", dataset: true)).Add("train.jsonl", FakeRepository.Noise(5000, 1), large: true).Add("load.py", "x");
        string folder = RunWell("data", "pull", "allenai/sciq").Output.Trim();
        Assert.Equal(Path.Combine(_folder, "cache", "datasets--allenai--sciq", "snapshots", data.Commit), folder);
        Assert.Equal(data.Files["train.jsonl"].Content, File.ReadAllBytes(Path.Combine(folder, "train.jsonl")));
        Assert.False(File.Exists(Path.Combine(folder, "load.py")));

        _hub.Rows[("allenai/sciq", "default", "train")] = [.. Enumerable.Range(0, 205).Select(i => $$"""{"id":{{i}}}""")];
        _hub.Rows[("allenai/sciq", "default", "test")] = ["""{"id":"é"}"""];
        string target = Path.Combine(_folder, "rows");
        string[] files = RunWell("data", "pull", "allenai/sciq", "--rows", "--out", target).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([Path.Combine(target, "default-test.jsonl"), Path.Combine(target, "default-train.jsonl")], files.Order(StringComparer.Ordinal));
        Assert.Equal(205, File.ReadAllLines(Path.Combine(target, "default-train.jsonl")).Length);
        Assert.Equal("{\"id\":\"é\"}\n", File.ReadAllText(Path.Combine(target, "default-test.jsonl")));
        Assert.True(File.Exists(Path.Combine(target, "default-train.jsonl.provenance.json")));
        Assert.Contains("--split train", Refused(2, "data", "pull", "allenai/sciq", "--rows", "--split", "trian", "--out", target), StringComparison.Ordinal);
        Assert.Contains("--rows", Refused(2, "data", "pull", "allenai/sciq", "--split", "train"), StringComparison.Ordinal);
    }

    [Fact]
    public void DataPull_OfAKnownSet_IsReadByItsName()
    {
        _hub.Add(new FakeRepository("allenai/sciq", dataset: true)).Add("README.md", "x");
        string[] rows = [.. Enumerable.Range(0, 3).Select(i =>
            $$"""{"question":"Which {{i}}?","distractor1":"a","distractor2":"b","distractor3":"c","correct_answer":"d","support":""}""")];
        _hub.Rows[("allenai/sciq", "default", "train")] = [.. rows, rows[0]];
        _hub.Rows[("allenai/sciq", "default", "validation")] = rows;
        _hub.Rows[("allenai/sciq", "default", "test")] = rows;
        string target = Path.Combine(_folder, "known");
        Assert.Equal(target, RunWell("data", "pull", "sciq", "--out", target).Output.Trim());
        Assert.Equal(["test.jsonl", "train.jsonl", "validation.jsonl"], Directory.GetFiles(target, "*.jsonl").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains("Which 2?", RunWell("data", "show", "sciq", "--path", target, "--split", "test").Output, StringComparison.Ordinal);
        Assert.Contains("validation", Refused(2, "data", "pull", "sciq", "--split", "dev", "--out", target), StringComparison.Ordinal);
        Assert.Contains("organization/name", Refused(2, "data", "pull", "sciq", "--rows"), StringComparison.Ordinal);
        Assert.Contains("llmbar", Refused(2, "data", "pull", "llmbar"), StringComparison.Ordinal);
    }
}
