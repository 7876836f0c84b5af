using System.Text.Json.Nodes;
using Tandem.Tests.TextWorld;

namespace Tandem.EndToEnd.Tests;

/// <summary><c>tandem experiment</c> with models and questions from files in place of the embedded world.</summary>
public sealed class TextExperimentTests : IDisposable
{
    private const int BadUsage = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-text-experiment-").FullName;

    public TextExperimentTests()
    {
        ByteTokenizerFiles.Write(this["tokenizer"]);
        NewModel("small", 16, 1);
        NewModel("large", 32, 2);
        File.WriteAllLines(this["questions.jsonl"], Enumerable.Range(0, 400).Select(i => new JsonObject
        {
            ["context"] = $"Box {i} is red. It is shut.",
            ["question"] = $"What of {i}?",
            ["options"] = new JsonArray($"a{i}.", $"yes {i}!", $"b{i}."),
            ["answer"] = 1,
        }.ToJsonString()));
    }

    private string this[string name] => Path.Combine(_folder, name);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Elicitation_KilledAndResumed_FindsWhatAnUndisturbedRunFinds()
    {
        string undisturbed = this["run"], killed = this["killed"];
        ProcessResult first = TandemProcess.Run([.. Arguments(undisturbed), "--threads", "1"]);
        Assert.True(first.ExitCode == 0, first.Error);
        JsonNode result = JsonNode.Parse(first.Output)!;
        Assert.Equal(["small", "large"], result["findings"]!["tables"]![0]!["rows"]!.AsArray().Select(row => (string)row![0]!["text"]!));
        JsonNode card = JsonNode.Parse(File.ReadAllText(Path.Combine(undisturbed, "world.json")))!;
        Assert.Equal(400, card["splits"]!.AsArray().Sum(split => (int)split!["items"]!));

        using (TandemProcess process = TandemProcess.Start([.. Arguments(killed), "--threads", "2"]))
        {
            Assert.True(process.WaitUntil(() => TinyWorld.Checkpoints(killed).Any()));
            process.Kill();
        }

        ProcessResult second = TandemProcess.Run("resume", killed, "--threads", "2");
        Assert.True(second.ExitCode == 0, second.Error);
        Assert.Equal(
            result["findings"]!.ToJsonString(),
            JsonNode.Parse(File.ReadAllText(Path.Combine(killed, "result.json")))!["findings"]!.ToJsonString());
    }

    [Theory]
    [InlineData("rungs=[small, larg]", "larg")]
    [InlineData("ceiling_labels=100000", "items in the split Train")]
    [InlineData("world.models=[]", "names no models")]
    public void Elicitation_WhatCannotBe_IsRefusedBeforeADirectoryIsMade(string set, string named)
    {
        ProcessResult result = TandemProcess.Run([.. Arguments(this["refused"]), "--set", set]);
        Assert.Equal(BadUsage, result.ExitCode);
        Assert.Contains(named, result.OnlyErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(this["refused"]));
    }

    private string[] Arguments(string run) =>
    [
        "experiment", "elicitation", "--out", run, "--json", "--seeds", "2",
        "--set", $"world={{family: text, data: {{path: {this["questions.jsonl"]}}}, models: [{this["small"]}, {this["large"]}], maximum_tokens: 128}}",
        "--set", "rungs=[small, large]", "--set", "labels=[16]", "--set", "ceiling_labels=64", "--set", "minimum_steps=4", "--set", "test_items=60",
        "--set", "training={muon_learning_rate: 0, decision_share: 0, batch_size: 16, adapter_rank: 2}",
    ];

    private void NewModel(string name, int hidden, int layers)
    {
        ProcessResult result = TandemProcess.Run(
            "models", "new", this[name], "--tokenizer", this["tokenizer"], "--hidden", $"{hidden}", "--layers", $"{layers}", "--heads", "2",
            "--kv-heads", "1", "--context", "128");
        Assert.True(result.ExitCode == 0, result.Error);
    }
}
