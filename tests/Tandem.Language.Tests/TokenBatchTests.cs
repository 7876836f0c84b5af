using FsCheck;
using FsCheck.Fluent;

namespace Tandem.Language.Tests;

public class TokenBatchTests
{
    [Fact]
    public void AddBranches_BetweenSequences_FollowTheBeginning()
    {
        var batch = new TokenBatch();
        batch.Add([1]);
        batch.AddBranches([2, 3], [new[] { 4 }, default, new[] { 5, 6 }]);
        batch.Add([7]);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], batch.Tokens);
        Assert.Equal([0, 0, 1, 2, 2, 3, 0], batch.Positions);
        Assert.Equal([0, 1, 6, 7], batch.Offsets);
    }

    [Fact]
    public void AddBranch_WhereNoTokenIsBefore_IsRefused()
    {
        var batch = new TokenBatch();
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.AddBranch(1, [1]));
        batch.Add([1, 2, 3]);
        batch.AddBranch(1, [4]);
        foreach (int position in new[] { 0, 3 })
            Assert.Throws<ArgumentOutOfRangeException>(() => batch.AddBranch(position, [1]));
        batch.AddBranch(2, [5]);
        batch.AddBranch(1, []);
        Assert.Equal([0, 1, 2, 1, 2], batch.Positions);
        Assert.Equal([0, 5], batch.Offsets);
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
