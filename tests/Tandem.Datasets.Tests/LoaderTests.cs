using Tandem.Tensors;

namespace Tandem.Datasets.Tests;

public sealed class LoaderTests
{
    private static string Texts(int from, int count) => string.Concat(Enumerable.Range(from, count).Select(i => $"{{\"text\":\"number {i}\"}}\n"));

    private static string[] Of(LoadedDataset data) => [.. data.Records.Cast<TextRecord>().Select(r => r.Text)];

    [Fact]
    public void Load_FolderAndPattern_ReadTheFilesInOrder()
    {
        using var folder = new TemporaryFolder();
        folder.Write("b/train.jsonl", Texts(2, 1));
        folder.Write("a/train.jsonl", Texts(0, 2));
        folder.Write("a/readme.md", "not data");
        folder.Write("a/test.jsonl", Texts(9, 1));
        Assert.Equal(["number 9", "number 0", "number 1", "number 2"], Of(DatasetLoader.Load(new DatasetRequest(folder.Path))));
        Assert.Equal(["number 0", "number 1", "number 2"], Of(DatasetLoader.Load(new DatasetRequest(folder.Path) { Split = "train" })));
        Assert.Equal(["number 0", "number 1", "number 2"], Of(DatasetLoader.Load(new DatasetRequest(folder["**/train.jsonl"]))));
        Assert.Equal(["number 9"], Of(DatasetLoader.Load(new DatasetRequest(folder["a/te?t*"]))));
    }

    [Fact]
    public void Load_Limit_TakesTheFirst()
    {
        using var folder = new TemporaryFolder();
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(folder.Write("x.jsonl", Texts(0, 50))) { Limit = 3 });
        Assert.Equal(["number 0", "number 1", "number 2"], Of(data));
        Assert.Equal(3, data.Counts.Rows);
    }

    [Fact]
    public void Load_LimitWithSeed_IsAUniformSampleInOrder()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.jsonl", Texts(0, 10));
        int[] taken = new int[10];
        const int seeds = 2000;
        for (ulong seed = 0; seed < seeds; seed++)
        {
            LoadedDataset data = DatasetLoader.Load(new DatasetRequest(path) { Limit = 3, Seed = seed });
            int[] numbers = [.. Of(data).Select(t => t[^1] - '0')];
            Assert.Equal(3, numbers.Distinct().Count());
            Assert.Equal(numbers.Order(), numbers);
            Assert.Equal((10, 7), (data.Counts.Rows, data.Counts.LeftOut));
            foreach (int number in numbers)
                taken[number]++;
        }

        // Each is taken with probability 0.3; 5 standard deviations are 102 of 2,000.
        Assert.All(taken, count => Assert.InRange(count, 600 - 102, 600 + 102));
        Assert.Equal(
            Of(DatasetLoader.Load(new DatasetRequest(path) { Limit = 3, Seed = 5 })), Of(DatasetLoader.Load(new DatasetRequest(path) { Limit = 3, Seed = 5 })));
    }

    [Fact]
    public void Load_KnownSetInAFolder_ReadsItsOwnFilesOnly()
    {
        using var folder = new TemporaryFolder();
        const string pair = """[{"input":"i","output_1":"a","output_2":"b","label":1}]""";
        folder.Write("Natural.json", pair);
        folder.Write("Adversarial_Manual.json", pair);
        folder.Write("Processed_MT-Bench.json", pair);
        Assert.Equal(2, DatasetLoader.Load(new DatasetRequest(folder.Path) { Name = "llmbar" }).Records.Count);
        Assert.Equal(3, DatasetLoader.Load(new DatasetRequest(folder.Path)).Records.Count);
    }

    [Fact]
    public void Load_DroppedAndKept_AddUpToTheRows()
    {
        using var folder = new TemporaryFolder();
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(folder.Write("x.jsonl", Texts(0, 5) + "{\"text\":\" \"}\n")));
        Assert.Equal((6, 5), (data.Counts.Rows, data.Counts.Kept));
        Assert.Equal(1, Assert.Single(data.Counts.Dropped).Value);
    }

    [Fact]
    public void Load_SameContentInAnotherFile_HasTheSameIdentifier()
    {
        using var folder = new TemporaryFolder();
        LoadedDataset data = DatasetLoader.Load(new DatasetRequest(folder.Path) with { Path = Path.GetDirectoryName(folder.Write("a.jsonl", Texts(1, 1)))! });
        folder.Write("b.csv", "text\nnumber 1\n");
        LoadedDataset other = DatasetLoader.Load(new DatasetRequest(folder["b.csv"]));
        Assert.Equal(data.Records[0].Id, other.Records[0].Id);
        Assert.NotEqual(data.Records[0].Origin, other.Records[0].Origin);
    }

    [Fact]
    public void Load_WhatCannotBeFound_IsNamed()
    {
        using var folder = new TemporaryFolder();
        folder.Write("train.jsonl", Texts(0, 1));
        folder.Write("empty.jsonl", "\n");
        Directory.CreateDirectory(folder["void"]);
        AssertFault("train.jsonl", new DatasetRequest(folder["trian.jsonl"]));
        AssertFault("no data files", new DatasetRequest(folder["void"]));
        AssertFault("no data files", new DatasetRequest(folder["*.tsv"]));
        AssertFault("'test'", new DatasetRequest(folder.Path) { Split = "test" });
        AssertFault("'test'", new DatasetRequest(folder["train.jsonl"]) { Split = "test" });
        AssertFault("empty.jsonl:1: there are no rows", new DatasetRequest(folder["empty.jsonl"]));
        AssertFault("limit", new DatasetRequest(folder["train.jsonl"]) { Limit = 0 });
        AssertFault("'text'", new DatasetRequest(folder["train.jsonl"]) { Format = "texd" });
    }

    private static void AssertFault(string expected, DatasetRequest request) =>
        Assert.Contains(expected, Assert.Throws<UserFaultException>(() => DatasetLoader.Load(request)).Message, StringComparison.Ordinal);
}
