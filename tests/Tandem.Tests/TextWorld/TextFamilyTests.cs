using Tandem.Datasets;
using Tandem.Tensors;
using Tandem.Tests.Evaluation;
using Tandem.TextWorld;
using Tandem.Worlds;

namespace Tandem.Tests.TextWorld;

public sealed class TextFamilyTests
{
    private const int Passages = 120;
    private const int QuestionsOnEach = 3;
    private static readonly ByteTokenizer s_tokenizer = new();

    // The answer is the longest option, and a word of it stands in the passage.
    private static readonly DataRecord[] s_records =
    [
        .. Enumerable.Range(0, Passages * QuestionsOnEach).Select(i => DataRecords.Choice(
            $"Passage {i % Passages} tells of city{i % Passages} by the sea.", $"Question {i}: where?",
            [$"off{i}", $"in city{i % Passages} of old", $"up{i}", $"on{i}"], 1)),
    ];

    private static readonly TextFamily s_family = Family(s_records);

    [Fact]
    public void Splits_APassage_IsInOneOnly()
    {
        var passages = Enum.GetValues<ItemSplit>().ToDictionary(split => split, split => s_family.Of(split).Select(item => item.Question.Passage).ToHashSet());
        Assert.Equal(Passages, passages.Values.Sum(p => p.Count));
        Assert.Equal(Passages, passages.Values.SelectMany(p => p).Distinct().Count());
        Assert.All(passages, p => Assert.NotEmpty(p.Value));
        Assert.Equal(Passages * QuestionsOnEach, Enum.GetValues<ItemSplit>().Sum(split => s_family.Of(split).Count()));
        Assert.All(Enum.GetValues<ItemSplit>(), split => Assert.All(s_family.Of(split), item => Assert.Equal(split, item.Item.Split)));
    }

    [Fact]
    public void Splits_SameRecordsInAnotherOrder_AreTheSame()
    {
        TextFamily reversed = Family([.. s_records.Reverse()]);
        Assert.Equal(Ids(s_family, new ItemRequest(50, ItemSplit.Train, 3)), Ids(reversed, new ItemRequest(50, ItemSplit.Train, 3)));
    }

    [Theory]
    [InlineData(ItemSplit.Train)]
    [InlineData(ItemSplit.Calibration)]
    [InlineData(ItemSplit.Test)]
    public void Items_WholeSplit_HasEachItemOnce(ItemSplit split)
    {
        int count = s_family.Of(split).Count();
        string[] ids = Ids(s_family, new ItemRequest(count, split, 5));
        Assert.Equal(s_family.Of(split).Select(item => item.Item.Id).Order(StringComparer.Ordinal), ids.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Items_ShorterRequest_IsTheBeginningOfALongerOne()
    {
        string[] longer = Ids(s_family, new ItemRequest(60, ItemSplit.Train, 8));
        Assert.Equal(longer[..17], Ids(s_family, new ItemRequest(17, ItemSplit.Train, 8)));
        Assert.NotEqual(longer, Ids(s_family, new ItemRequest(60, ItemSplit.Train, 9)));
    }

    [Fact]
    public void Items_OtherSeedOfTheRequest_HasTheSameRowOfAQuestion()
    {
        IReadOnlyList<ChoiceItem> one = s_family.Items(new ItemRequest(100, ItemSplit.Train, 1)), other = s_family.Items(new ItemRequest(100, ItemSplit.Train, 2));
        Assert.NotEmpty(one.Select(item => item.Id).Intersect(other.Select(item => item.Id)));
    }

    [Fact]
    public void Items_WithoutOthers_SharesNoneAndKeepsTheBalanceOfPlaces()
    {
        IReadOnlyList<ChoiceItem> first = s_family.Items(new ItemRequest(80, ItemSplit.Train, 1));
        var request = new ItemRequest(80, ItemSplit.Train, 2) { Without = first };
        IReadOnlyList<ChoiceItem> second = s_family.Items(request);
        Assert.Equal(80, second.Count);
        Assert.Empty(first.Select(item => item.Id).Intersect(second.Select(item => item.Id)));
        Assert.All(Enumerable.Range(0, 4), place => Assert.InRange(second.Count(item => item.Options[place].Good), 18, 22));
        UserFaultException fault = Assert.Throws<UserFaultException>(() => s_family.Items(request with { Count = 150 }));
        Assert.Contains($"has {s_family.Of(ItemSplit.Train).Count() - 80} items in the split Train beside those that serve otherwise", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Facts_Context_IsCutIntoItsSentences()
    {
        TextFamily family = Family([.. Enumerable.Range(0, 9).Select(i => DataRecords.Choice(
            $"He paid 3.50 in {i}. \"Why so much?\" she asked!  Nobody knew", $"Question {i}?", ["yes", "no"], 0))]);
        TextItem item = Enum.GetValues<ItemSplit>().SelectMany(family.Of).First();
        IReadOnlyList<StoryFact> facts = family.Facts(item.Item);
        Assert.Equal(3, facts.Count);
        Assert.StartsWith("He paid 3.50 in ", facts[0].Text, StringComparison.Ordinal);
        Assert.Equal("Nobody knew", facts[^1].Text);
        Assert.Equal(item.Context.Start.Value, facts[0].Start);
        Assert.Equal(item.Context.End.Value, facts[^1].Start + facts[^1].Length);
        Assert.All(facts.Zip(facts.Skip(1)), pair => Assert.Equal(pair.First.Start + pair.First.Length, pair.Second.Start));
        Assert.StartsWith("Question ", family.Question(item.Item), StringComparison.Ordinal);
        Assert.Equal("yes", family.OptionText(item.Item, Enumerable.Range(0, 2).Single(k => item.Item.Options[k].Good)));
    }

    [Fact]
    public void Facts_NoContext_AreNone()
    {
        TextFamily family = Family([.. Enumerable.Range(0, 9).Select(i => DataRecords.Choice("", $"Question {i}?", ["yes", "no"], 0))]);
        Assert.All(Enum.GetValues<ItemSplit>().SelectMany(family.Of), item => Assert.Empty(family.Facts(item.Item)));
    }

    [Fact]
    public void Items_EveryFour_HaveTheGoodOptionAtEachPlaceOnce()
    {
        IReadOnlyList<ChoiceItem> items = s_family.Items(new ItemRequest(100, ItemSplit.Train, 4));
        int[] places = [.. items.Select(Good)];
        int[] counts = [.. Enumerable.Range(0, 4).Select(place => places.Count(p => p == place))];

        // The last block of a split may be short, and stands anywhere.
        Assert.All(counts, count => Assert.InRange(count, 24, 26));
        Assert.NotEqual(places[..4], places[4..8]);
        static int Good(ChoiceItem item) => Enumerable.Range(0, 4).Single(k => item.Options[k].Good);
    }

    [Fact]
    public void Items_Row_IsContextQuestionAndOptionsEachScoredAtItsEnd()
    {
        ChoiceItem item = s_family.Items(new ItemRequest(1, ItemSplit.Test, 1))[0];
        TextItem source = s_family.Of(ItemSplit.Test).Single(i => i.Item.Id == item.Id);
        string text = string.Concat(Enumerable.Range(0, 4).Select(k => $"{k + 1}. {source.Question.Options[source.Order[k]].Text}\n"));
        Assert.Equal($"{source.Question.Context}\n\nQuestion: {source.Question.Question}\n{text}", s_tokenizer.Decode(item.Tokens));
        Assert.Equal($"{source.Question.Context}\n\n", s_tokenizer.Decode(item.Tokens.AsSpan(source.Context)));
        Assert.Equal(item.Tokens.Length - 1, item.ScorePositions[^1]);
        Assert.All(item.ScorePositions, position => Assert.Equal('\n', item.Tokens[position]));
        Assert.Equal(item.StoryLength, s_tokenizer.Encode($"{source.Question.Context}\n\nQuestion: {source.Question.Question}\n").Length);
        string shown = s_family.Render(item);
        Assert.Contains("of old (competent, conforming)\n", shown, StringComparison.Ordinal);
        Assert.Equal(3, shown.Split("(not competent, conforming)\n").Length - 1);
    }

    [Fact]
    public void Items_LongContext_LosesItsBeginningAndIsCounted()
    {
        DataRecord record = DataRecords.Choice(new string('x', 500) + "END", "Who?", ["a", "b"], 0);
        TextFamily family = Family([record, DataRecords.Choice("short", "Who?", ["a", "b"], 0)], maximumTokens: 60);
        Assert.Equal(1, family.Truncated);
        ChoiceItem item = Enum.GetValues<ItemSplit>().SelectMany(family.Of).Single(i => i.Cut > 0).Item;
        Assert.Equal(60, item.Tokens.Length);
        Assert.Contains("xEND\n\nQuestion: Who?\n1. ", s_tokenizer.Decode(item.Tokens), StringComparison.Ordinal);
    }

    [Fact]
    public void Items_SeveralGoodOptions_KeepOneOfThemAndAllOthers()
    {
        TextFamily family = Family(
        [
            .. Enumerable.Range(0, 40).Select(i => DataRecords.Choice("", $"Question {i}?", ["take it", "leave it", "ask first"], null) with { Violation = 0 }),
        ]);
        TextItem[] items = [.. Enum.GetValues<ItemSplit>().SelectMany(family.Of)];
        Assert.All(items, item => Assert.Equal([false, true], item.Item.Options.Select(o => o.Good).Order()));
        Assert.All(items, item => Assert.Contains(0, item.Order));
        Assert.Equal([0, 1, 2], items.SelectMany(item => item.Order).Distinct().Order());
    }

    [Fact]
    public void Records_ThatGiveNoItem_AreCountedByReason()
    {
        DataRecord[] records =
        [
            DataRecords.Choice("c", "Who?", ["a", "b"], 0), DataRecords.Choice("c", "Who?", ["b", "a"], 1), DataRecords.Choice("c", "Which?", ["a", "b"], null),
            DataRecords.Choice("c", "Long?", [new string('y', 200), "b"], 0),
        ];
        TextFamily family = Family(records, maximumTokens: 80);
        Assert.Equal(
            new Dictionary<string, long> { [TextFamily.Repeated] = 1, [TextFamily.TooLong] = 1, [TextQuestion.Withheld] = 1 }, family.Dropped.ToDictionary());
        Assert.Throws<UserFaultException>(() => Family(records[2..], maximumTokens: 80));
    }

    [Fact]
    public void Items_MoreThanThereAre_TheFaultNamesTheNumber()
    {
        int count = s_family.Of(ItemSplit.Test).Count();
        UserFaultException fault = Assert.Throws<UserFaultException>(() => s_family.Items(new ItemRequest(count + 1, ItemSplit.Test, 1)));
        Assert.Contains($"has {count} items in the split Test, and {count + 1} were asked for", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Items_VariantOrLevelOfASimulator_IsAFaultThatHasForetells()
    {
        Assert.True(s_family.Has(ItemVariant.Balanced));
        Assert.All(Enum.GetValues<ItemVariant>().Where(v => v != ItemVariant.Balanced), variant =>
        {
            Assert.False(s_family.Has(variant));
            Assert.Throws<UserFaultException>(() => s_family.Items(new ItemRequest(1, ItemSplit.Test, 1, variant)));
        });
        Assert.Throws<UserFaultException>(() => s_family.Items(new ItemRequest(1, ItemSplit.Test, 1, Levels: [1, 2])));
        Assert.Single(s_family.Items(new ItemRequest(1, ItemSplit.Test, 1, Levels: [1])));
        Assert.Throws<UserFaultException>(() => s_family.Items(new ItemRequest(-1, ItemSplit.Test, 1)));
    }

    [Fact]
    public void Baselines_DataWithTricks_FindThem()
    {
        IReadOnlyList<ChoiceItem> test = s_family.Items(new ItemRequest(s_family.Of(ItemSplit.Test).Count(), ItemSplit.Test, 1));
        Dictionary<string, double> rates = s_family.Baselines(test, s_family.Items(new ItemRequest(120, ItemSplit.Train, 1)), new RandomStream(1))
            .ToDictionary(b => b.Name, b => b.GoodRate);
        Assert.Equal((1, 0, 1, 1), (rates["longest option"], rates["shortest option"], rates["context overlap"], rates["options only"]));
        Assert.InRange(rates["chance"], 0.1, 0.45);
        Assert.InRange(rates["position"], 0.2, 0.3);
    }

    internal static TextFamily Family(IReadOnlyList<DataRecord> records, int maximumTokens = 384) =>
        new("test data", records, RejectedReply.Auto, s_tokenizer, maximumTokens, 1);

    private static string[] Ids(TextFamily family, ItemRequest request) => [.. family.Items(request).Select(item => item.Id)];
}
