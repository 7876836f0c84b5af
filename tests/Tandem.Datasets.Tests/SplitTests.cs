using Tandem.Tensors;

namespace Tandem.Datasets.Tests;

public sealed class SplitTests
{
    private static readonly ContentSplit Split = new(("train", 0.7), ("test", 0.3));

    [Fact]
    public void ContentSplit_SamePassage_IsInOneSplit()
    {
        foreach (int passage in Enumerable.Range(0, 200))
        {
            string[] splits =
            [
                .. Enumerable.Range(0, 5).Select(q => Split.Of(DataRecords.Choice($"Passage number {passage}.", $"Question {q}?", ["a", "b"], q % 2))),
                Split.Of(DataRecords.Choice($"passage  Number {passage}", "Another?", ["c", "d"], 0)),
            ];
            Assert.Single(splits.Distinct());
        }
    }

    [Fact]
    public void ContentSplit_ManyGroups_HaveTheShares()
    {
        int train = Enumerable.Range(0, 20_000).Count(i => Split.OfGroup($"group {i}") == "train");
        // 5 standard deviations of a binomial count: 5 · sqrt(20,000 · 0.7 · 0.3) = 324.
        Assert.InRange(train, 14_000 - 324, 14_000 + 324);
    }

    [Fact]
    public void ContentSplit_KnownTexts_StayWhereTheyWere() => Assert.Equal(
        ["train", "test", "train", "test"],
        new[] { "the first passage", "the second passage", "the third passage", "the fourth passage" }.Select(Split.OfGroup));

    [Fact]
    public void ContentSplit_Parts_AreDisjointAndComplete()
    {
        DataRecord[] records = [.. Enumerable.Range(0, 300).Select(i => DataRecords.Text($"text {i}"))];
        string[] train = [.. Split.Part(records, "train").Select(r => r.Id)], test = [.. Split.Part(records, "test").Select(r => r.Id)];
        Assert.NotEmpty(test);
        Assert.Empty(train.Intersect(test));
        Assert.Equal(records.Length, train.Length + test.Length);
    }

    [Fact]
    public void ContentSplit_BadShares_AreRefused()
    {
        Assert.Throws<UserFaultException>(() => new ContentSplit(("a", 0.5), ("b", 0.4)));
        Assert.Throws<UserFaultException>(() => new ContentSplit(("a", 0.5), ("a", 0.5)));
        Assert.Throws<UserFaultException>(() => new ContentSplit(("a", 1.5), ("b", -0.5)));
        Assert.Throws<UserFaultException>(() => Split.Part([], "validation"));
    }

    [Fact]
    public void Balanced_EveryClass_HasExactlyTheRarestOnesCount()
    {
        int[] items = [.. Enumerable.Range(0, 100)];
        static string? ClassOf(int i) => i % 10 == 0 ? "rare" : i % 3 == 0 ? "some" : i == 1 ? null : "common";
        IReadOnlyList<int> balanced = Sampling.Balanced(items, ClassOf, new RandomStream(7));
        Assert.Equal([10, 10, 10], balanced.GroupBy(ClassOf).Select(g => g.Count()));
        Assert.Equal(balanced.Order(), balanced);
        Assert.Equal(balanced, Sampling.Balanced(items, ClassOf, new RandomStream(7)));
        Assert.NotEqual(balanced, Sampling.Balanced(items, ClassOf, new RandomStream(8)));
    }

    [Fact]
    public void Shuffled_SameSeed_IsTheSameOrderOfTheSameItems()
    {
        int[] items = [.. Enumerable.Range(0, 50)];
        int[] shuffled = Sampling.Shuffled(items, new RandomStream(3));
        Assert.NotEqual(items, shuffled);
        Assert.Equal(items, shuffled.Order());
        Assert.Equal(shuffled, Sampling.Shuffled(items, new RandomStream(3)));
    }
}
