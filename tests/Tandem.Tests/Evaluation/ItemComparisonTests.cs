using Tandem.Evaluation;
using Tandem.Tensors;

namespace Tandem.Tests.Evaluation;

public sealed class ItemComparisonTests
{
    [Fact]
    public void Of_WholeCredits_GivesDifferenceAndExactMcNemar()
    {
        EvaluatedItem[] first = [.. Enumerable.Range(0, 10).Select(n => Item($"{n}", 1))], second = [.. Enumerable.Range(0, 10).Select(n => Item($"{n}", n < 4 ? 1 : 0))];
        ItemComparison all = Assert.Single(ItemComparison.Of(first, second, new RandomStream(1)));
        Assert.Equal((10, 0, 6, 0), (all.Pairs, all.Unpaired, all.Better, all.Worse));
        Assert.Equal(0.6, all.Difference.Value, 12);
        Assert.Equal(2 * Math.Pow(0.5, 6), all.Test.PValue, 12);
    }

    [Fact]
    public void Of_SharedCreditsAndSections_AreComparedBySection()
    {
        EvaluatedItem[] first = [Item("1", 0.5), Item("2", 1), Item("3", 0, "t"), Item("4", null)], second = [Item("1", 0), Item("2", 1), Item("3", 1, "t"), Item("4", 1)];
        IReadOnlyList<ItemComparison> rows = ItemComparison.Of(first, second, new RandomStream(1));
        Assert.Equal(["s", "t", "all"], rows.Select(row => row.Section));
        Assert.Equal((2, 1, 1, 0, 0.25), (rows[0].Pairs, rows[0].Unpaired, rows[0].Better, rows[0].Worse, rows[0].Difference.Value));
        Assert.Equal((3, 1, 1), (rows[2].Pairs, rows[2].Better, rows[2].Worse));
    }

    [Fact]
    public void Of_SameItemTwice_IsPairedInOrder()
    {
        ItemComparison all = Assert.Single(ItemComparison.Of([Item("1", 1), Item("1", 0)], [Item("1", 1), Item("1", 1), Item("1", 1)], new RandomStream(1)));
        Assert.Equal((2, 1, 0, 1), (all.Pairs, all.Unpaired, all.Better, all.Worse));
    }

    [Fact]
    public void Of_OtherItems_IsAFault() =>
        Assert.Throws<UserFaultException>(() => ItemComparison.Of([Item("1", 1)], [Item("2", 1)], new RandomStream(1)));

    [Fact]
    public void File_WrittenItems_AreReadBackAndABadLineIsNamed()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("tandem-items-").FullName, "items.jsonl");
        try
        {
            EvaluatedItem item = Item("1", 0.5) with
            {
                Scores = [1.5, null],
                Unscored = UnscoredReason.TooLong,
                Comparisons = [new JudgedComparison(1, Endpoints.Verdict.Tie, "A\nA")],
                Answers = [new ChoiceAnswer([1, 0], [0.25, 0.75], 0, 1)],
            };
            ItemsFile.Write(path, [item, Item("2", 1)]);
            IReadOnlyList<EvaluatedItem> read = ItemsFile.Read(path);
            Assert.Equal(2, read.Count);
            Assert.Equivalent(item, read[0], strict: true);
            File.AppendAllText(path, "{\"id\":\"3\"}\n");
            Assert.Contains(":3", Assert.Throws<UserFaultException>(() => ItemsFile.Read(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    private static EvaluatedItem Item(string id, double? credit, string section = "s") =>
        new(id, section) { Credit = credit, Group = id, Unscored = credit is null ? UnscoredReason.Failed : null };
}
