using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

public class TokenBatchTests
{
    [Fact]
    public void AddBranches_BetweenSequences_HideEachOtherAndFollowTheBeginning()
    {
        var batch = new TokenBatch();
        batch.Add([1]);
        Assert.True(batch.Hidden.IsEmpty);
        batch.AddBranches([2, 3], [new[] { 4 }, default, new[] { 5, 6 }]);
        batch.Add([7]);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], batch.Tokens);
        Assert.Equal([0, 0, 1, 2, 2, 3, 0], batch.Positions);
        Assert.Equal([0, 1, 6, 7], batch.Offsets);
        Assert.Equal([new(0, 0), new(0, 0), new(0, 0), new(2, 2), new(2, 3), new(2, 3), new(0, 0)], batch.Hidden.ToArray());
        batch.Clear();
        batch.Add([1]);
        Assert.True(batch.Hidden.IsEmpty);
    }

    [Fact]
    public void AddBranch_WithEndsOfItsOwn_StartsAfterWholeLanesThatItDoesNotSee()
    {
        var batch = new TokenBatch();
        batch.Add([1]);
        batch.Add([2, 3]);
        Assert.Equal(3, batch.AddBranch(2, [4, 5], [new[] { 6 }, default, new[] { 7, 8 }]));
        int row = batch.AddBranch(1, [], [new[] { 9 }, new[] { 10 }]);
        batch.Add([11]);

        Assert.Equal(8 + 10, row); // six tokens of the sequence that it does not see, and ten more
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, .. new int[10], 9, 10, 11], batch.Tokens);
        Assert.Equal([0, 0, 1, 2, 3, 4, 4, 5, .. new int[10], 1, 1, 0], batch.Positions);
        Assert.Equal([0, 1, row + 2, row + 3], batch.Offsets);
        HiddenKeys[] hidden = batch.Hidden.ToArray();
        Assert.Equal([new(2, 2), new(2, 2), new(2, 2, 4, 4), new(2, 2, 4, 5), new(2, 2, 4, 5)], hidden[3..8]);
        Assert.Equal([new(1, row - 1, row - 1, row - 1), new(1, row - 1, row - 1, row)], hidden[row..(row + 2)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void AddBranch_AfterWhatTheSequenceDoesNotBeginWith_IsRefused(int beginning)
    {
        var batch = new TokenBatch();
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.AddBranch(1, [1], []));
        batch.AddBranches([2], [new[] { 4 }, new[] { 5 }]);
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.AddBranch(beginning, [1], []));
    }

    [Fact]
    public void Add_TwoSequences_PacksThemWithTheirPositions()
    {
        var batch = new TokenBatch();
        batch.Add([7, 8, 9]);
        batch.Add([4]);

        Assert.Equal([7, 8, 9, 4], batch.Tokens.ToArray());
        Assert.Equal([0, 1, 2, 0], batch.Positions.ToArray());
        Assert.Equal([0, 3, 4], batch.Offsets.ToArray());
        Assert.Equal((4, 2), (batch.Count, batch.Sequences));

        batch.Clear();
        Assert.Equal((0, 0), (batch.Count, batch.Sequences));
        Assert.Throws<ArgumentException>(() => batch.Add([]));
    }

    [Fact]
    public void FromPadded_AnyPaddingOnEitherSide_PacksTheSameBatch()
    {
        var lengths = Gen.NonEmptyListOf(Gen.Choose(1, 6));
        Prop.ForAll(lengths.ToArbitrary(), list =>
        {
            const int time = 6;
            var expected = new TokenBatch();
            int[] right = new int[list.Count * time], rightMask = new int[right.Length];
            int[] left = new int[right.Length], leftMask = new int[right.Length];
            for (int s = 0; s < list.Count; s++)
            {
                int[] tokens = [.. Enumerable.Range(100 * s, list[s])];
                expected.Add(tokens);
                tokens.CopyTo(right, s * time);
                Array.Fill(rightMask, 1, s * time, tokens.Length);
                tokens.CopyTo(left, ((s + 1) * time) - tokens.Length);
                Array.Fill(leftMask, 1, ((s + 1) * time) - tokens.Length, tokens.Length);
            }

            foreach (var packed in new[] { TokenBatch.FromPadded(right, rightMask, list.Count, time), TokenBatch.FromPadded(left, leftMask, list.Count, time) })
            {
                Assert.Equal(expected.Tokens.ToArray(), packed.Tokens.ToArray());
                Assert.Equal(expected.Positions.ToArray(), packed.Positions.ToArray());
                Assert.Equal(expected.Offsets.ToArray(), packed.Offsets.ToArray());
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void FromPadded_HoleOrEmptySequence_Throws()
    {
        Assert.Throws<ArgumentException>(() => TokenBatch.FromPadded([1, 2, 3], [1, 0, 1], 1, 3));
        Assert.Throws<ArgumentException>(() => TokenBatch.FromPadded([1, 2, 3], [0, 0, 0], 1, 3));
        Assert.Throws<ArgumentException>(() => TokenBatch.FromPadded([1, 2, 3], [1, 1, 1], 2, 3));
    }
}
