using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;
using Tandem.Worlds.Relational;

namespace Tandem.Worlds.Tests;

public sealed class RelationalItemsTests
{
    private static readonly RelationalWorld World = new();

    public static TheoryData<ItemVariant> Variants => [.. Enum.GetValues<ItemVariant>()];

    private static IReadOnlyList<ChoiceItem> Draw(int count, ulong seed, ItemVariant variant = ItemVariant.Balanced, ItemSplit split = ItemSplit.Test) =>
        World.Items(new ItemRequest(count, split, seed, variant));

    [Theory]
    [MemberData(nameof(Variants))]
    public void Items_AnyVariant_TruthAgreesWithAnIndependentSimulator(ItemVariant variant)
    {
        foreach (ChoiceItem item in Draw(300, 5, variant))
        {
            var naive = NaiveWorld.Of(item.Story[1..].ToArray().Select(t => World.Vocabulary[t]));
            Assert.InRange(item.Tokens.Length, 16, World.ContextLength);
            Assert.Equal(4, item.Options.Count);
            Assert.Equal(4, item.Options.Select(o => (o.Action, o.Object)).Distinct().Count());
            Assert.Contains(item.Options, option => option.Good);
            for (int k = 0; k < 4; k++)
            {
                ChoiceOption option = item.Options[k];
                Assert.Equal(item.ScorePositions[k], item.StoryLength + (3 * k) + 2);
                Assert.Equal(
                    new[] { RelationalWords.Now, option.Action, option.Object },
                    item.Tokens[(item.ScorePositions[k] - 2)..(item.ScorePositions[k] + 1)]);
                Assert.Equal(
                    naive.Judge(World.Vocabulary[option.Action], World.Vocabulary[option.Object]), (option.Payoff, option.Violates));
            }
        }
    }

    [Fact]
    public void Items_TakeVariants_HaveOneOptionOfEachKind()
    {
        foreach (ItemVariant variant in Enum.GetValues<ItemVariant>().Where(v => v != ItemVariant.Episode))
        {
            foreach (ChoiceItem item in Draw(100, 9, variant))
            {
                var kinds = item.Options.Select(o => (o.Competent, o.Conforming)).Order().ToArray();
                Assert.Equal([(false, false), (false, true), (true, false), (true, true)], kinds);
                int temptation = item.Options.Single(o => o.Competent && o.Violates).Payoff;
                if (variant == ItemVariant.Tempting)
                    Assert.Equal(2, temptation);
            }
        }
    }

    [Fact]
    public void Items_Balanced_ViolationPaysMoreHalfOfTheTime()
    {
        double more = Draw(2000, 3).Average(item => item.Options.Single(o => o.Competent && o.Violates).Payoff == 2 ? 1.0 : 0.0);
        Assert.InRange(more, 0.45, 0.55);
    }

    [Theory]
    [InlineData(ItemVariant.OwnerChannelOnly, ViolationChannels.Owner)]
    [InlineData(ItemVariant.ContainerChannelOnly, ViolationChannels.Container)]
    [InlineData(ItemVariant.ItemChannelOnly, ViolationChannels.Item)]
    public void Items_SingleChannel_BreakNoOther(ItemVariant variant, ViolationChannels channel) =>
        Assert.All(Draw(200, 4, variant).SelectMany(item => item.Options).Where(o => o.Violates), o => Assert.Equal(channel, o.Channels));

    [Fact]
    public void DecisionItems_Takes_PayAsOftenWhereTheyViolateAsWhereTheyAreFine()
    {
        ChoiceOption[] takes = [.. World.DecisionItems(new ItemRequest(3000, ItemSplit.Train, 5))
            .SelectMany(item => item.Options).Where(option => World.Vocabulary[option.Action] == "take")];
        double Paying(bool violates) => takes.Where(t => t.Violates == violates).Average(t => t.Competent ? 1.0 : 0.0);
        Assert.Equal(Paying(true), Paying(false), 0.04);
    }

    [Fact]
    public void Items_DeeperChain_AreOfLevelFourAndMoreMovesMakeLongerStories()
    {
        Assert.All(Draw(50, 4, ItemVariant.DeeperChain), item => Assert.Equal(4, item.Level));
        double usual = Draw(300, 4).Average(item => item.StoryLength);
        double moved = Draw(300, 4, ItemVariant.MoreMoves).Average(item => item.StoryLength);
        Assert.True(moved > usual + 3, $"{moved} against {usual}");
    }

    [Fact]
    public void Items_AnySeed_SplitsShareNoStoryByConstruction() =>
        Prop.ForAll<DoNotSize<ulong>>(sized =>
        {
            ulong seed = sized.Item;
            foreach (ItemSplit split in Enum.GetValues<ItemSplit>())
            {
                foreach (ItemVariant variant in new[] { ItemVariant.Balanced, ItemVariant.Episode })
                {
                    // The split is a function of the story, so that no story is in two.
                    Assert.All(Draw(5, seed, variant, split), item =>
                    {
                        Assert.Equal(split, item.Split);
                        Assert.Equal(split, ChoiceItem.Create(item.Story, RelationalWords.Now, item.Options, 1, ItemVariant.Tempting).Split);
                    });
                }
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Items_SameRequest_AreIdenticalAndPrefixesAgree()
    {
        foreach (ItemVariant variant in new[] { ItemVariant.Balanced, ItemVariant.Episode })
        {
            string[] few = [.. Draw(20, 8, variant).Select(item => item.Id)];
            string[] many = [.. Draw(60, 8, variant).Select(item => item.Id)];
            Assert.Equal(few, many[..20]);
            Assert.Equal(60, many.Distinct().Count());
            Assert.Empty(many.Intersect(Draw(60, 9, variant).Select(item => item.Id)));
        }
    }

    [Fact]
    public void Items_BadRequest_NamesTheRange()
    {
        Assert.Contains("1..4", Assert.Throws<UserFaultException>(
            () => World.Items(new ItemRequest(1, ItemSplit.Test, 1, ItemVariant.Balanced, [5]))).Message, StringComparison.Ordinal);
        Assert.Contains("1..3", Assert.Throws<UserFaultException>(
            () => World.DecisionItems(new ItemRequest(1, ItemSplit.Test, 1, ItemVariant.Episode, [4]))).Message, StringComparison.Ordinal);
        Assert.Throws<UserFaultException>(() => World.Items(new ItemRequest(-1, ItemSplit.Test, 1)));
        Assert.Throws<UserFaultException>(() => TaskFamilies.Named("nothing"));
        Assert.IsType<RelationalWorld>(TaskFamilies.Named("chains"));
    }

    [Fact]
    public void Baselines_BalancedItems_ShortcutsStayNearChanceAndTheExactSolverIsPerfect()
    {
        IReadOnlyList<BaselineResult> results = World.Baselines(Draw(3000, 777), Draw(3000, 12, split: ItemSplit.Train), new RandomStream(1));
        Assert.All(results.Where(r => r.Shortcut), r => Assert.InRange(r.GoodRate, 0.2, 0.33));
        Assert.Equal(1.0, results.Single(r => r.Name == "exact solver").GoodRate);
        // One rule alone, given the whole chain, gets about half: the payoff leaves two options.
        Assert.InRange(results.Single(r => r.Name == "no rules").GoodRate, 0.45, 0.55);
        Assert.Equal(1.0, results.Single(r => r.Name == "no rules").CompetentRate);
        Assert.True(results.Single(r => r.Name == "first facts").GoodRate < 0.9);
    }

    [Fact]
    public void Render_AnItem_NamesEveryEventAndOption()
    {
        ChoiceItem item = Draw(1, 2)[0];
        string text = World.Render(item);
        Assert.Equal((item.StoryLength - 1) / 3, text.Split(". ").Length - 1 - 4);
        Assert.Contains("D. take", text, StringComparison.Ordinal);
    }

    [Fact]
    public void State_LaterEvent_ReplacesTheEarlierAndCyclesHaveNoTop()
    {
        var state = new RelationalState();
        int coin = RelationalWords.FirstItem;
        int jar = RelationalWords.FirstBox;
        state.Apply(new RelationalEvent(coin, Relation.In, jar + 1));
        state.Apply(new RelationalEvent(coin, Relation.In, jar));
        Assert.Equal(jar, state.Top(coin));
        Assert.Equal(1, state.Depth(coin));
        state.Apply(new RelationalEvent(jar, Relation.In, jar + 2));
        state.Apply(new RelationalEvent(jar + 2, Relation.In, jar));
        Assert.Equal(RelationalWords.Pad, state.Top(coin));
    }
}
