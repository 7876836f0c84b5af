using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Runs;
using Tandem.Tests.TextWorld;

namespace Tandem.EndToEnd.Tests;

/// <summary>tandem train sft, dpo, reward and weak-to-strong on a random model over bytes, with invented data.</summary>
public sealed class TuningTests : IDisposable
{
    private const int BadUsage = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-tuning-").FullName;

    public TuningTests()
    {
        ByteTokenizerFiles.Write(this["tokenizer"]);
        Succeeds("models", "new", this["base"], "--tokenizer", this["tokenizer"], "--hidden", "16", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--context", "512");
        File.WriteAllText(this["questions.jsonl"], Lines(80, i => new JsonObject
        {
            ["context"] = $"The {(char)('a' + (i % 23))}{i} box holds item {i * 7 % 31}.",
            ["question"] = $"What does box {i} hold?",
            ["options"] = new JsonArray($"item {i * 7 % 31}", $"thing {i}", "nothing"),
            ["answer"] = 0,
        }));
        File.WriteAllText(this["pairs.jsonl"], Lines(60, i => new JsonObject
        {
            ["prompt"] = $"Say a word about {i}.",
            ["chosen"] = $"Gladly: {i}.",
            ["rejected"] = $"No. {i % 5}!",
        }));
    }

    private string this[string name] => Path.Combine(_folder, name);

    private string[] Common => ["--threads", "1", "--set", $"model={this["base"]}", "--set", "storage=f32", "--set", "lora.rank=2", "--set", "training.learning_rate=1e-2", "--set", "evaluation.share=0.3", "--set", "training.batch_examples=8"];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TrainSft_Questions_ReportsAccuracyAgreementAndThroughput()
    {
        JsonObject result = Result("sft", "questions.jsonl", "run", "--set", "data.set=\"\"", "--set", "training.epochs=2");
        JsonNode[] measured = [.. result["measurements"]!.AsArray().Select(m => m!)];
        Assert.Equal(["accuracy, held out", "agreement with training labels"], measured.Select(m => (string)m["name"]!));
        Assert.All(measured, m => Assert.InRange((double)m["after"]!["value"]!, (double)m["after"]!["lower"]!, (double)m["after"]!["upper"]!));
        Assert.All(measured, m => Assert.Equal(1.0 / 3, (double)m["chance"]!, 6));
        JsonNode training = result["trainings"]![0]!;
        Assert.Equal(80, (int)training["examples"]! + (int)measured[0]["after"]!["count"]!);
        Assert.True((double)training["tokensPerSecond"]! > 0);
        Assert.True((double)training["lastLoss"]! < (double)training["firstLoss"]!);
        Assert.True(File.Exists(Path.Combine(this["run"], "adapter", "adapter_config.json")));
        Assert.Contains("\"contamination\"", File.ReadAllText(Path.Combine(this["run"], "data-card.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void TrainDpo_Pairs_ReportsBothAccuracies()
    {
        JsonObject result = Result("dpo", "pairs.jsonl", "run", "--set", "data.set=\"\"", "--set", "loss=ipo");
        Assert.Equal(
            ["pair accuracy by implicit reward, held out", "pair accuracy by likelihood, held out"], result["measurements"]!.AsArray().Select(m => (string)m!["name"]!));
    }

    [Fact]
    public void TrainDpo_DataChangedSinceItBegan_IsRefused()
    {
        File.WriteAllText(this["other.jsonl"], Lines(8, i => new JsonObject { ["prompt"] = $"Name {i}.", ["chosen"] = $"{i}", ["rejected"] = $"-{i}" }));
        string[] more = ["--set", "data.set=\"\"", "--set", $"evaluation.path={this["other.jsonl"]}"];
        Result("dpo", "pairs.jsonl", "run", more);
        Assert.Contains("\"duplicates\"", File.ReadAllText(Path.Combine(this["run"], "evaluation-card.json")), StringComparison.Ordinal);
        File.AppendAllText(this["other.jsonl"], "{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"r\"}\n");
        ProcessResult again = TandemProcess.Run(Arguments("dpo", "pairs.jsonl", "run", more));
        Assert.Equal(BadUsage, again.ExitCode);
        Assert.Contains("evaluation data is not what it was", again.OnlyErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainReward_AllWeights_LeavesARewardModel()
    {
        JsonObject result = Result("reward", "pairs.jsonl", "run", "--set", "data.set=\"\"", "--set", "lora.rank=0", "--set", "training.epochs=6");
        Assert.True((double)result["measurements"]![0]!["after"]!["lower"]! > 0.5, result.ToJsonString());
        string configuration = File.ReadAllText(Path.Combine(this["run"], "model", "config.json"));
        Assert.Contains("ForSequenceClassification", configuration, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(this["run"], "model", "tokenizer.json")));
    }

    [Fact]
    public void TrainWeakToStrong_ReportsFloorStudentCeilingAndGap()
    {
        JsonObject result = Result(
            "weak-to-strong", "questions.jsonl", "run", "--set", "data.set=\"\"", "--set", $"teacher={this["base"]}", "--set", "teacher_items=20");
        Assert.Equal(["teacher", "student", "ceiling"], result["trainings"]!.AsArray().Select(t => (string)t!["name"]!));
        Assert.Equal(7, result["measurements"]!.AsArray().Count);
        Assert.NotNull(result["gap"]!["gap"]);
        Assert.NotEqual(result["gap"]!["suppressed"] is null, result["gap"]!["recovered"] is null);
    }

    [Fact]
    public void TrainWeakToStrong_WithAModelBetween_PassesTheLabelsOn()
    {
        string[] more = ["--set", "data.set=\"\"", "--set", $"teacher={this["base"]}", "--set", "teacher_items=20", "--set", $"intermediates=[{this["base"]}]"];
        JsonObject result = Result("weak-to-strong", "questions.jsonl", "run", more);
        Assert.Equal(["teacher", "intermediate-1", "student", "ceiling"], result["trainings"]!.AsArray().Select(t => (string)t!["name"]!));
        JsonArray measurements = result["measurements"]!.AsArray();
        Assert.Equal(8, measurements.Count);

        // The student's labels are those of the model between, not the teacher's; the floor is the teacher's all the same.
        JsonObject direct = Result("weak-to-strong", "questions.jsonl", "direct", more[..^2]);
        static string Labels(JsonNode run) => run["measurements"]!.AsArray().Single(m => ((string)m!["name"]!).StartsWith("labels", StringComparison.Ordinal))!["after"]!.ToJsonString();
        static string Floor(JsonNode run) => run["measurements"]!.AsArray().Single(m => ((string)m!["name"]!).StartsWith("floor", StringComparison.Ordinal))!["after"]!.ToJsonString();
        Assert.Equal(Floor(direct), Floor(result));
        Assert.NotEqual(Labels(direct), Labels(result));
    }

    [Fact]
    public void TrainWeakToStrong_LabelsFromAFile_NeedsNoTeacher()
    {
        string shown = Succeeds("data", "show", this["questions.jsonl"], "--limit", "80", "--json");
        IEnumerable<string> ids = shown.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => (string)JsonNode.Parse(line)!["id"]!);
        File.WriteAllText(this["labels.jsonl"], string.Concat(ids.Select(id => $$"""{"id": "{{id}}", "probabilities": [0.7, 0.2, 0.1]}""" + "\n")));
        JsonObject result = Result(
            "weak-to-strong", "questions.jsonl", "run", "--set", "data.set=\"\"", "--set", "teacher=\"\"", "--set", $"labels_file={this["labels.jsonl"]}", "--set", "loss=cross-entropy");
        Assert.Equal(["student", "ceiling"], result["trainings"]!.AsArray().Select(t => (string)t!["name"]!));
        JsonNode floor = result["measurements"]![0]!, labels = result["measurements"]!.AsArray().Single(m => ((string)m!["name"]!).StartsWith("labels", StringComparison.Ordinal))!;

        // The first option is right in every question, and the most probable in every label.
        Assert.Equal((1.0, 1.0), ((double)floor["after"]!["value"]!, (double)labels["after"]!["value"]!));
        Assert.Null(result["gap"]!["recovered"]);
    }

    [Fact]
    public void TrainSft_Completions_KeepsTheWeightsOfTheBestEvaluation()
    {
        File.WriteAllText(this["completions.jsonl"], Lines(60, i => new JsonObject { ["prompt"] = $"Count {i}:", ["completion"] = $"{i}, {i + 1}, {i + 2}." }));
        JsonObject result = Result(
            "sft", "completions.jsonl", "run", "--set", "data.set=\"\"", "--set", "training.epochs=4", "--set", "training.evaluate_every=4", "--set", "training.best=true");
        JsonNode loss = result["measurements"]![0]!;
        Assert.Equal("nats", (string)loss["unit"]!);
        Assert.True((double)loss["change"]!["upper"]! < 0, result.ToJsonString());
        (long Step, double Value)[] evaluations = [.. EventLog.Read(Path.Combine(this["run"], EventLog.FileName)).Where(e => e.Name == "evaluated")
            .Select(e => (e.Data.GetProperty("step").GetInt64(), e.Data.GetProperty("value").GetDouble()))];
        (long step, double value) = evaluations.MinBy(e => e.Value);
        Assert.True(evaluations.Length > 2);
        Assert.Equal(step, (long)result["trainings"]![0]!["bestStep"]!);
        Assert.Equal(value, (double)loss["after"]!["value"]!, 6);
    }

    [Fact]
    public void TrainSft_Killed_ResumesToTheSameBytes()
    {
        string[] more = ["--set", "data.set=\"\"", "--set", "training.epochs=40", "--set", "training.save_every=3", "--set", "lora.dropout=0.1", "--set", "output.merged=true"];
        Result("sft", "questions.jsonl", "whole", more);
        string[] command = Arguments("sft", "questions.jsonl", "killed", more);
        string checkpoints = Path.Combine(this["killed"], "checkpoints", "train", "scratch", "checkpoints");
        using (TandemProcess process = TandemProcess.Start(command))
        {
            Assert.True(process.WaitUntil(() => Directory.Exists(checkpoints) && Directory.EnumerateDirectories(checkpoints, "step-*").Any()));
            process.Kill();
        }

        Assert.False(File.Exists(Path.Combine(this["killed"], "result.json")));
        Succeeds(command);
        foreach (string file in new[] { "adapter/adapter_model.safetensors", "model/model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(this["whole"], file)), File.ReadAllBytes(Path.Combine(this["killed"], file)));
        Assert.Contains(EventLog.Read(Path.Combine(this["killed"], EventLog.FileName)), e => e.Name == "run-resumed");
    }

    [Fact]
    public void TrainSft_DryRun_ForetellsTheTokensAndWritesNothing()
    {
        string[] more = ["--set", "data.set=\"\"", "--set", "training.epochs=2"];
        JsonNode plan = JsonNode.Parse(Succeeds([.. Arguments("sft", "questions.jsonl", "run", more), "--dry-run"]))!["trainings"]![0]!;
        Assert.False(Directory.Exists(this["run"]));
        JsonNode training = Result("sft", "questions.jsonl", "run", more)["trainings"]![0]!;
        Assert.Equal((double)training["tokens"]!, (double)plan["tokens"]!);
        Assert.Equal((long)training["trainableParameters"]!, (long)plan["trainableParameters"]!);
        Assert.Equal((double)training["flops"]!, (double)plan["flops"]!, 1e-6 * (double)plan["flops"]!);
    }

    [Theory]
    [InlineData("lora: {rnak: 8}", "'rnak'", "'rank'")]
    [InlineData("training: {epochs: 0}", "training.epochs", "allowed range")]
    [InlineData("evaluation: {trusted: false}\ntraining: {best: true}", "evaluation", "trusted")]
    [InlineData("kind: dpo", "dpo", "sft")]
    public void TrainSft_MalformedRecipe_IsRefusedInOneLine(string wrong, string first, string second)
    {
        File.WriteAllText(this["wrong.yaml"], $"{wrong}\nmodel: {this["base"]}\n");
        ProcessResult result = TandemProcess.Run("train", "sft", "--config", this["wrong.yaml"], "--out", this["wrong"]);
        Assert.Equal(BadUsage, result.ExitCode);
        Assert.Contains(first, result.OnlyErrorLine, StringComparison.Ordinal);
        Assert.Contains(second, result.OnlyErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(this["wrong"]));
    }

    private static string Succeeds(params string[] arguments)
    {
        ProcessResult result = TandemProcess.Run(arguments);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        return result.Output;
    }

    private static string Lines(int count, Func<int, JsonObject> line) =>
        string.Concat(Enumerable.Range(0, count).Select(i => line(i).ToJsonString() + "\n"));

    private string[] Arguments(string verb, string data, string output, params string[] more) =>
        ["train", verb, .. Common, "--set", $"data.path={this[data]}", "--out", this[output], "--json", .. more];

    private JsonObject Result(string verb, string data, string output, params string[] more)
    {
        string printed = Succeeds(Arguments(verb, data, output, more));
        using JsonDocument saved = JsonDocument.Parse(File.ReadAllText(Path.Combine(this[output], "result.json")));
        JsonObject result = JsonNode.Parse(printed)!.AsObject();
        Assert.Equal(saved.RootElement.GetProperty("identity").GetString(), (string)result["identity"]!);
        return result;
    }
}
