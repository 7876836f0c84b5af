namespace Tandem.Datasets.Tests;

public sealed class ContaminationTests
{
    private static string Words(int from, int count) => string.Join(' ', Enumerable.Range(from, count).Select(i => $"w{i}"));

    private static ContaminationReport Check(string[] train, params string[] test) => ContaminationCheck.Run(
        train.Select((t, i) => DataRecords.Text(t) with { Origin = $"train:{i}" }), [.. test.Select((t, i) => DataRecords.Text(t) with { Origin = $"test:{i}" })]);

    [Fact]
    public void Check_EqualButForCaseAndPunctuation_IsADuplicate()
    {
        ContaminationReport report = Check(["Hello , WORLD !", "other"], "hello world", "hello worlds");
        Assert.Equal((1, 0, 1, 2), (report.Duplicates, report.Overlapping, report.Affected, report.TooShort));
        Assert.Equal(0.5, report.Share);
        ContaminationExample example = Assert.Single(report.Examples);
        Assert.Equal(("test:0", "train:0", true), (example.Test, example.Train, example.Duplicate));
    }

    [Theory]
    [InlineData(13, 1)]
    [InlineData(12, 0)]
    public void Check_LongItem_NeedsThirteenWordsInARow(int shared, int affected)
    {
        ContaminationReport report = Check([$"x y {Words(5, shared)} z"], Words(0, 40));
        Assert.Equal(affected, report.Overlapping);
        Assert.All(report.Examples, e => Assert.Equal((Words(5, 13), 1.0 / 28), (e.Shared, e.Coverage)));
    }

    [Theory]
    [InlineData(8, 1)]
    [InlineData(7, 0)]
    public void Check_ShortItem_IsLookedForWhole(int length, int overlapping)
    {
        ContaminationReport report = Check([$"x {Words(0, length)} y"], Words(0, length));
        Assert.Equal(overlapping, report.Overlapping);
        Assert.Equal(1 - overlapping, report.TooShort);
        Assert.Equal(0, Check([$"x {Words(0, length - 1)} y"], Words(0, length)).Overlapping);
    }

    [Fact]
    public void Check_ItemsOfManyLengths_AgreeWithASearchForText()
    {
        var random = new Tandem.Tensors.RandomStream(11);
        string Sentence(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => $"v{random.NextInt32(3)}"));
        string[] train = [.. Enumerable.Range(0, 40).Select(_ => Sentence(30 + random.NextInt32(30)))];
        string[] test = [.. Enumerable.Range(0, 200).Select(_ => Sentence(8 + random.NextInt32(10)))];
        bool Found(string item)
        {
            string[] words = item.Split(' ');
            int n = Math.Min(13, words.Length);
            return Enumerable.Range(0, words.Length - n + 1).Any(i => train.Any(t => $" {t} ".Contains($" {string.Join(' ', words[i..(i + n)])} ", StringComparison.Ordinal)));
        }

        int expected = test.Count(Found);
        Assert.InRange(expected, 1, 199);
        Assert.Equal(expected, Check(train, test).Overlapping);
    }

    [Fact]
    public void Check_Choice_IncludesContextAndOptions()
    {
        DataRecord item = DataRecords.Choice(Words(0, 20), "why?", ["a", "b"], 0);
        Assert.Equal(1, ContaminationCheck.Run([DataRecords.Text(Words(3, 15))], [item]).Affected);
        Assert.Equal(1, ContaminationCheck.Run([item], [item]).Duplicates);
        Assert.Equal(0, ContaminationCheck.Run([], [item]).Affected);
    }
}
