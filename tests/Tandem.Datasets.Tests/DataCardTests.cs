using System.Security.Cryptography;
using System.Text.Json;

namespace Tandem.Datasets.Tests;

public sealed class DataCardTests
{
    private const string Rows =
        """
        {"question":"one two three?","options":["a","b b"],"answer":1}
        {"question":"One two, three!","options":["A","b b"],"answer":0}
        {"question":"four?","options":["c c c","d"],"answer":0}
        {"question":"five?","options":["e","f"],"answer":0}
        {"question":"six?","options":["e"],"answer":0}
        """;

    private static DataCard Card(TemporaryFolder folder) =>
        DataCardBuilder.Build(DatasetLoader.Load(new DatasetRequest(folder.Write("x|y.jsonl", Rows))), "mine");

    [Fact]
    public void Card_CountsWhatIsThere()
    {
        using var folder = new TemporaryFolder();
        DataCard card = Card(folder);
        Assert.Equal((5, 4, 1), (card.Counts.Rows, card.Counts.Kept, card.Counts.Dropped["fewer than two options"]));
        Assert.Equal(1, card.Duplicates);
        Assert.Equal(new Dictionary<string, long> { ["A"] = 3, ["B"] = 1 }, card.Labels);
        Assert.Equal(new LengthQuantiles(1, 1, 1, 3, 3, 3), card.Lengths["question"]);
        Assert.Equal(4, card.Splits.Values.Sum());
        // Longest right: yes, no, yes, and one of two that tie.
        Assert.Equal(new AnswerBias(4, 0.75, 0.5, 2.5 / 4, 0.5), card.Bias);
        FileNote file = Assert.Single(card.Files);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file.Path))), file.Sha256);
    }

    [Fact]
    public void Card_AsMarkdown_IsATableWhateverTheNames()
    {
        using var folder = new TemporaryFolder();
        string[] lines = DataCardText.Markdown(Card(folder)).TrimEnd('\n').Split('\n');
        Assert.Equal("# Data card: mine", lines[0]);
        Assert.All(lines[2..], line => Assert.Equal(3, line.Replace("\\|", "", StringComparison.Ordinal).Count(c => c == '|')));
        Assert.Contains(lines, l => l.Contains("1: fewer than two options", StringComparison.Ordinal));
    }

    [Fact]
    public void Card_AsJson_HasTheNumbers()
    {
        using var folder = new TemporaryFolder();
        using JsonDocument json = JsonDocument.Parse(DataCardText.Json(Card(folder)));
        Assert.Equal(4, json.RootElement.GetProperty("counts").GetProperty("kept").GetInt64());
        Assert.Equal(0.75, json.RootElement.GetProperty("bias").GetProperty("bestPosition").GetDouble());
        Assert.Equal(64, json.RootElement.GetProperty("files")[0].GetProperty("sha256").GetString()!.Length);
    }

    [Fact]
    public void Card_Preferences_HaveALengthBiasAndNoPlaces()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("p.jsonl", "{\"prompt\":\"p\",\"chosen\":\"long long\",\"rejected\":\"short\"}\n{\"prompt\":\"q\",\"chosen\":\"x\",\"rejected\":\"y y\"}\n");
        Assert.Equal(new AnswerBias(2, null, null, 0.5, 0.5), DataCardBuilder.Build(DatasetLoader.Load(new DatasetRequest(path)), "p").Bias);
    }
}
