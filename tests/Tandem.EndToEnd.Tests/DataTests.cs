using System.Text.Json;

namespace Tandem.EndToEnd.Tests;

/// <summary>tandem data as a user calls it.</summary>
public sealed class DataTests : IDisposable
{
    private const int BadUsage = 2;
    private const int Failed = 1;
    private const int GateNotMet = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-data-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private string Valid() => Write(
        "valid.csv",
        "id,context,question,answer0,answer1,answer2,answer3,label\n1,\"It rained, so we\nstayed in.\",Why stay in?,Sun.,Rain.,Snow.,None.,1\n2,A \u001b[31mred house.,Which colour?,Red.,Blue.,Green.,None.,0\n");

    private static string Succeeds(params string[] arguments)
    {
        ProcessResult result = TandemProcess.Run(["data", .. arguments]);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        return result.Output;
    }

    private static string Refused(int exitCode, params string[] arguments)
    {
        ProcessResult result = TandemProcess.Run(["data", .. arguments]);
        Assert.True(result.ExitCode == exitCode, $"exit code {result.ExitCode}: {result.Error}");
        Assert.StartsWith("tandem: ", result.OnlyErrorLine, StringComparison.Ordinal);
        return result.OnlyErrorLine;
    }

    [Fact]
    public void DataList_NamesSetsAndFormats()
    {
        string list = Succeeds("list");
        Assert.Contains("cosmosqa", list, StringComparison.Ordinal);
        Assert.Contains("CC BY 4.0", list, StringComparison.Ordinal);
        Assert.Contains("prompt-completion", list, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(Succeeds("list", "--json"));
        Assert.Contains(json.RootElement.EnumerateArray(), e => e.GetProperty("name").GetString() == "sciq");
    }

    [Fact]
    public void DataShow_KnownSet_MarksTheRightOption()
    {
        string path = Valid();
        string shown = Succeeds("show", "cosmosqa", "--path", path, "--limit", "2");
        Assert.Contains($"{path}:2", shown, StringComparison.Ordinal);
        Assert.Contains("It rained, so we stayed in.", shown, StringComparison.Ordinal);
        Assert.Contains("*B:", shown, StringComparison.Ordinal);
        Assert.Contains("*A:", shown, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', shown);
        string[] lines = Succeeds("show", path, "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using JsonDocument first = JsonDocument.Parse(lines[0]);
        Assert.Equal(1, first.RootElement.GetProperty("answer").GetInt32());
        Assert.Equal(2, lines.Length);
    }

    [Fact]
    public void DataShow_WhatIsWrong_NamesThePlaceAndTheRemedy()
    {
        Assert.Contains("--path", Refused(BadUsage, "show", "cosmosqa"), StringComparison.Ordinal);
        Assert.Contains("'cosmosqa'", Refused(BadUsage, "show", "cosmoqa", "--path", Valid()), StringComparison.Ordinal);
        Assert.Contains("valid.csv", Refused(BadUsage, "show", Path.Combine(_folder, "vlaid.csv")), StringComparison.Ordinal);
        string broken = Write("broken.jsonl", "{\"text\":\"a\"}\n{\"text\":\n");
        Assert.Contains("broken.jsonl:2:", Refused(Failed, "show", broken), StringComparison.Ordinal);
    }

    [Fact]
    public void DataCard_IsATableMarkdownOrJson()
    {
        string path = Valid();
        string table = Succeeds("card", "cosmosqa", "--path", path);
        Assert.Contains("records kept", table, StringComparison.Ordinal);
        Assert.Contains("A 1 (50.0%), B 1 (50.0%)", table, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', table);
        Assert.StartsWith("# Data card: cosmosqa\n", Succeeds("card", "cosmosqa", "--path", path, "--markdown"), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(Succeeds("card", path, "--train", path, "--json"));
        Assert.Equal(2, json.RootElement.GetProperty("counts").GetProperty("kept").GetInt32());
        Assert.Equal(2, json.RootElement.GetProperty("contamination").GetProperty("duplicates").GetInt32());
    }

    [Fact]
    public void DataCheck_OverTheThreshold_EndsWithItsExitCode()
    {
        string train = Write("train.jsonl", "{\"text\":\"The quick brown fox jumps over the lazy dog near the old stone bridge at dawn.\"}\n");
        string test = Write(
            "test.jsonl",
            "{\"text\":\"the quick brown fox jumps over the lazy dog near the old stone bridge\"}\n{\"text\":\"Nothing of this stands anywhere else, or so the writer of it hopes today.\"}\n");
        string report = Succeeds("check", "--train", train, "--test", test, "--threshold", "0.5");
        Assert.Contains("1 of 2 test items (50.0%) stand in 1 training records", report, StringComparison.Ordinal);
        Assert.Contains($"{test}:1 in {train}:1", report, StringComparison.Ordinal);
        Assert.Contains("50.0%", Refused(GateNotMet, "check", "--train", train, "--test", test, "--threshold", "0.4"), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(Succeeds("check", "--train", train, "--test", test, "--json"));
        Assert.Equal(0.5, json.RootElement.GetProperty("share").GetDouble());
        Assert.Contains("threshold", Refused(BadUsage, "check", "--train", train, "--test", test, "--threshold", "2"), StringComparison.Ordinal);
    }
}
