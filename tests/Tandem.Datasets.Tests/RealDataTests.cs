using Xunit.Abstractions;

namespace Tandem.Datasets.Tests;

/// <summary>The real files, where they lie beside the repository.</summary>
public sealed class RealDataTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("cosmosqa", "cosmosqa/valid.csv", 2985, 2985, 0)]
    [InlineData("sciq", "sciq/test.jsonl", 2000, 1000, 1000)]
    [InlineData("boolq", "boolq/validation.csv", 3270, 3270, 0)]
    [InlineData("hh-rlhf", "hh-rlhf/harmless-base.test.jsonl.gz", 2312, 2308, 4)]
    [InlineData("w2s-deception-hh", "w2s-deception-hh", 12001, 11983, 18)]
    [InlineData("llmbar", "llmbar", 419, 419, 0)]
    [InlineData("quality-debates", "quality-debates", 345, 107, 238)]
    [InlineData("truthfulqa", "truthfulqa/TruthfulQA.csv", 817, 815, 2)]
    [InlineData("xstest", "xstest/xstest_prompts.csv", 450, 450, 0)]
    [InlineData("anthropic-evals", "anthropic-evals/human_generated_evals", 8116, 8116, 0)]
    public void Load_RealFile_AccountsForEveryRow(string name, string file, int rows, int kept, int dropped)
    {
        if (SharedData.Find(file, output) is not { } path)
            return;
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(path) { Name = name });
        foreach ((string reason, long count) in data.Counts.Dropped)
            output.WriteLine($"dropped {count}: {reason}");
        foreach ((string rule, long count) in data.Counts.Corrected)
            output.WriteLine($"corrected {count}: {rule}");
        Assert.Equal((rows, kept, dropped), (data.Counts.Rows, data.Records.Count, data.Counts.Dropped.Values.Sum()));
        Assert.Equal(DataSets.Named(name).Format, DatasetLoader.Open(new DatasetRequest(path)).Format.Name);
        Assert.All(data.Records, r => Assert.Equal(DataSets.Named(name).RecordType, r.GetType()));
    }

    [Fact]
    public void Load_CosmosQa_HasThePublishedLabels()
    {
        if (SharedData.Find("cosmosqa/valid.csv", output) is not { } path)
            return;
        int?[] answers = [.. DatasetLoader.Load(new DatasetRequest(path)).Records.Cast<ChoiceRecord>().Select(r => r.Answer)];
        Assert.Equal([744, 729, 761, 751], Enumerable.Range(0, 4).Select(i => answers.Count(a => a == i)));
    }

    [Fact]
    public void Load_QualityDebates_HasEverySpeech()
    {
        if (SharedData.Find("quality-debates", output) is not { } path)
            return;
        DebateSpeech[] speeches = [.. DatasetLoader.Load(new DatasetRequest(path)).Records.Cast<DebateRecord>().SelectMany(r => r.Speeches)];
        Assert.Equal((419, 624), (speeches.Count(s => s.Speaker == DebateSpeaker.Judge), speeches.Count(s => s.Speaker == DebateSpeaker.Debater)));
        Assert.DoesNotContain(speeches, s => s.Text.Contains("<quote>", StringComparison.Ordinal));
    }
}
