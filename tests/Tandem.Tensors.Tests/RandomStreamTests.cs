namespace Tandem.Tensors.Tests;

public class RandomStreamTests
{
    [Fact]
    public void NextUInt64_StateOneToFour_GivesTheReferenceOfXoshiro256PlusPlus()
    {
        var stream = new RandomStream(new RandomState(0, 1, 2, 3, 4));
        ulong[] expected = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205];
        Assert.Equal(expected, expected.Select(_ => stream.NextUInt64()));
    }

    [Fact]
    public void Constructor_SeedZero_GivesTheReferenceOfSplitMix64()
    {
        RandomState state = new RandomStream(0).Save();
        Assert.Equal(0xE220A8397B1DCDAFUL, state.S0);
        Assert.Equal(0x6E789E6AA1B965F4UL, state.S1);
        Assert.Equal(0x06C45D188009454FUL, state.S2);
        Assert.Equal(0xF88BB8A8724C81ECUL, state.S3);
    }

    [Fact]
    public void Fork_ParentThatRanOn_GivesTheSameStream()
    {
        var parent = new RandomStream(7);
        RandomState before = parent.Fork("row", 3).Save();
        parent.NextUInt64();
        Assert.Equal(before, parent.Fork("row", 3).Save());
        Assert.NotEqual(before, parent.Fork("row", 4).Save());
        Assert.NotEqual(before, parent.Fork("rows", 3).Save());
    }

    [Theory]
    [InlineData("row", 0)]
    [InlineData("held-out row", 12345)]
    [InlineData("Zürich → A⁺", 1)]
    [InlineData("", 2)]
    public void BecomeFork_AnyName_IsWhatForkReturns(string name, ulong index)
    {
        var parent = new RandomStream(11);
        var stream = new RandomStream(0);
        foreach (string each in new[] { name, string.Concat(Enumerable.Repeat(name, 40)) })
        {
            stream.BecomeFork(parent, each, index);
            Assert.Equal(parent.Fork(each, index).Save(), stream.Save());
        }
    }

    [Fact]
    public void NextInt32_ManyDraws_AreEvenOverTheRange()
    {
        var stream = new RandomStream(3);
        int[] counts = new int[6];
        for (int i = 0; i < 60_000; i++)
            counts[stream.NextInt32(6)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
    }
}
