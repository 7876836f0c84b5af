using System.Text.Json;
using System.Text.RegularExpressions;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.EndToEnd.Tests;

/// <summary><c>tandem eval</c> as a user calls it, on models and data of a few words.</summary>
public sealed partial class EvalTests : IDisposable
{
    private const int BadUsage = 2;

    private static readonly string[] s_words =
        ["<other>", "A", "B", "C", "D", "A.", "B.", "C.", "D.", "Question:", "Answer:", "the", "cat", "sat", "on", "mat", "dog", "ran", "who", "slept", "red", "blue"];

    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-eval-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Eval_RewardModelOnPreferences_PrintsSectionsAndComparesRunsItemByItem()
    {
        string model = SaveModel("reward", score: true), other = SaveModel("other", score: true, seed: 8), data = Preferences();
        string items = In("items.jsonl"), report = In("report.json");
        string table = Succeeds("--model", model, "--data", data, "--items", items, "--out", report);
        Assert.Contains("score head", table, StringComparison.Ordinal);
        Assert.Matches(@"all\s+24\s+0\s+0\.\d{3}\s+\[0\.\d{3}, [01]\.\d{3}\]", table);

        // What the table says follows from the items' scores.
        JsonElement[] lines = [.. File.ReadLines(items).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(24, lines.Length);
        double right = lines.Count(line => line.GetProperty("scores")[0].GetDouble() > line.GetProperty("scores")[1].GetDouble());
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(report));
        Assert.Equal("reward", json.RootElement.GetProperty("by").GetString());
        Assert.Equal(right / 24, json.RootElement.GetProperty("preferences").GetProperty("all").GetProperty("accuracy").GetProperty("value").GetDouble(), 12);

        Assert.Matches(@"24\s+0\s+0\s+0\s+0\.000", Succeeds("--model", model, "--data", data, "--compare", items));
        string compared = Succeeds("--model", other, "--data", data, "--compare", items, "--json");
        using JsonDocument against = JsonDocument.Parse(compared);
        JsonElement row = Assert.Single(against.RootElement.GetProperty("comparison").EnumerateArray());
        Assert.Equal(24, row.GetProperty("pairs").GetInt32());
        Assert.True(row.GetProperty("better").GetInt32() + row.GetProperty("worse").GetInt32() > 0);
    }

    [Fact]
    public void Eval_PolicyAgainstItself_HasNoPreferenceAndAgainstAnotherOne()
    {
        string model = SaveModel("policy"), reference = SaveModel("base", seed: 8), data = Preferences();
        string same = Succeeds("--model", model, "--reference", model, "--data", data);
        Assert.Matches(@"all\s+24\s+0\s+0\.000", same);
        string ratio = Succeeds("--model", model, "--reference", reference, "--data", data, "--threads", "1");
        Assert.Contains("less that of the reference", ratio, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"all\s+24\s+0\s+0\.000", ratio);
        Assert.Equal(ratio, Succeeds("--model", model, "--reference", reference, "--data", data, "--threads", "2"));
        Assert.Contains("per token", Succeeds("--model", model, "--data", data, "--normalize", "token"), StringComparison.Ordinal);
    }

    [Fact]
    public void Eval_AdapterWithoutEffect_HasNoPreferenceOverItsBase()
    {
        string model = SaveModel("adapted"), adapter = In("adapter");
        using (Transformer transformer = PretrainedModel.Open(model).Load(adapters: new LowRankConfiguration { Rank = 2, Alpha = 4 }))
        {
            transformer.SaveAdapters(adapter, model);
        }

        string table = Succeeds("--adapter", adapter, "--data", Preferences());
        Assert.Contains("the model without the adapter", table, StringComparison.Ordinal);
        Assert.Matches(@"all\s+24\s+0\s+0\.000", table);
    }

    [Fact]
    public void Eval_Questions_AreAskedInEveryRotation()
    {
        string model = SaveModel("policy"), data = Questions();
        using JsonDocument json = JsonDocument.Parse(Succeeds("--model", model, "--data", data, "--seed", "3", "--json"));
        JsonElement all = json.RootElement.GetProperty("choices").GetProperty("all");
        Assert.Equal(12, all.GetProperty("items").GetInt32());
        Assert.Equal(0.25, all.GetProperty("chance").GetDouble(), 12);
        Assert.Equal(48, all.GetProperty("calibration").GetProperty("count").GetInt32());
        Assert.Equal(4, all.GetProperty("places").GetProperty("shares").GetArrayLength());
        string table = Succeeds("--model", model, "--data", data, "--style", "continuations", "--normalize", "byte", "--limit", "5");
        Assert.Contains("as a continuation, per byte", table, StringComparison.Ordinal);
        Assert.Matches(@"all\s+5\s+0\s", table);
    }

    [Fact]
    public void Eval_ServedModel_IsAskedAndCached()
    {
        string model = SaveModel("policy"), cache = In("cache"), questions = Questions();
        using TandemProcess server = TandemProcess.Start("serve", model, "--port", "0", "--threads", "1");
        Assert.True(server.WaitUntil(() => Address().IsMatch(server.OutputSoFar)), server.HasExited ? server.Wait().Error : "");
        string address = Address().Match(server.OutputSoFar).Value;

        // A random model's replies have no form: every item is asked, none is scored.
        string judged = Succeeds("--endpoint", address, "--endpoint-model", "policy", "--data", Preferences(), "--limit", "4", "--cache", cache, "--reply-tokens", "4");
        Assert.Matches(@"all\s+4\s+4\s+-", judged);
        Assert.Contains("asked 4: 0 answered, 0 refused, 4 unparsed, 0 failed", judged, StringComparison.Ordinal);

        string[] choices = ["--endpoint", address, "--endpoint-model", "policy", "--data", questions, "--limit", "3", "--cache", cache, "--reply-tokens", "1"];
        string asked = Succeeds(choices);
        Assert.Matches(@"all\s+3\s+", asked);
        Assert.Contains("asked 12:", asked, StringComparison.Ordinal);
        server.Terminate();
        server.Wait();
        Assert.Equal(asked, Succeeds(choices));
    }

    [Fact]
    public void Eval_LocalJudge_IsAskedInBothOrders()
    {
        string table = Succeeds("--model", SaveModel("policy"), "--data", Preferences(), "--by", "judge", "--limit", "2", "--reply-tokens", "4");
        Assert.Contains("in both orders", table, StringComparison.Ordinal);
        Assert.Contains("asked 2:", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Eval_BadRequests_AreOneLineThatNamesThem()
    {
        string model = SaveModel("policy"), reward = SaveModel("reward", score: true), data = Preferences();
        foreach ((string[] arguments, string named) in new (string[], string)[]
        {
            (["--data", data], "--model"),
            (["--model", model, "--endpoint", "http://127.0.0.1:1/v1", "--data", data], "only one"),
            (["--endpoint", "http://127.0.0.1:1/v1", "--data", data], "--endpoint-model"),
            (["--endpoint", "http://127.0.0.1:1/v1", "--endpoint-model", "m", "--data", data, "--by", "reward"], "--by judge"),
            (["--model", In("nowhere"), "--data", data], "nowhere"),
            (["--model", model, "--data", In("nothing.jsonl")], "nothing.jsonl"),
            (["--model", model, "--data", data, "--by", "reward"], "score heads"),
            (["--model", model, "--data", data, "--by", "log-ratio"], "--reference"),
            (["--model", model, "--data", data, "--by", "choices"], "no questions"),
            (["--model", reward, "--data", data, "--by", "log-probability"], "no language head"),
            (["--model", model, "--data", data, "--max-tokens", "100000"], "--max-tokens"),
            (["--model", model, "--data", data, "--compare", In("absent.jsonl")], "absent.jsonl"),
            (["--model", model, "--data", data, "--out", In("no/such/report.json")], "such"),
        })
        {
            ProcessResult result = TandemProcess.Run(["eval", .. arguments]);
            Assert.True(result.ExitCode == BadUsage, $"{string.Join(' ', arguments)}: exit code {result.ExitCode}: {result.Error}");
            Assert.Contains(named, result.OnlyErrorLine, StringComparison.Ordinal);
        }
    }

    private string In(string name) => Path.Combine(_folder, name);

    private static string Succeeds(params string[] arguments)
    {
        ProcessResult result = TandemProcess.Run(["eval", .. arguments]);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        return result.Output;
    }

    private string Preferences()
    {
        string path = In("pairs.jsonl");
        var random = new RandomStream(4);
        File.WriteAllLines(path, Enumerable.Range(0, 24).Select(n =>
            $$"""{"prompt": "who {{Word()}} on the {{Word()}} {{n}}", "chosen": "the {{Word()}} {{Word()}} sat", "rejected": "the {{Word()}} ran on {{Word()}}"}"""));
        return path;

        string Word() => random.Choose(s_words[11..]);
    }

    private string Questions()
    {
        string path = In("questions.jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, 12).Select(n =>
            $$"""{"context": "the cat {{n}} sat on the mat", "question": "who sat", "options": ["the cat", "the dog ran", "red", "blue mat"], "answer": {{n % 4}}}"""));
        return path;
    }

    private string SaveModel(string name, bool score = false, ulong seed = 3)
    {
        string directory = In(name);
        using var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = s_words.Length,
            HiddenSize = 16,
            IntermediateSize = 32,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 2,
            TieWordEmbeddings = !score,
            LanguageHead = !score,
            ScoreHeads = score ? 1 : 0,
            MaximumPositions = 512,
        });
        model.Initialize(new RandomStream(seed));

        // A new score head is zero, and would find every reply alike.
        var random = new RandomStream(seed).Fork("score");
        foreach (Parameter parameter in model.Parameters.All.Where(parameter => parameter.Name == "score.weight"))
        {
            for (int i = 0; i < parameter.Tensor.Values.Length; i++)
                parameter.Tensor.Values[i] = (float)random.NextGaussian();
        }

        model.Save(directory);
        new WordTokenizer(s_words, "<other>").Save(directory);
        return directory;
    }

    [GeneratedRegex(@"http://\S+/v1")]
    private static partial Regex Address();
}
