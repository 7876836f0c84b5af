using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Experiments;

namespace Tandem.Tests.Experiments;

public sealed class ClaimRuleTests
{
    private static readonly Estimate Above = new(0.1, 0.05, 0.15, 3);
    private static readonly Estimate Below = new(-0.1, -0.15, -0.05, 3);
    private static readonly Estimate Wide = new(0.1, -0.3, 0.5, 3);
    private static readonly Estimate Nothing = new(0, -0.01, 0.01, 3);

    [Fact]
    public void Positive_OneEffect_IsJudgedByItsInterval()
    {
        Assert.Equal(ClaimVerdict.Reproduced, ClaimRule.Positive(Above));
        Assert.Equal(ClaimVerdict.NotReproduced, ClaimRule.Positive(Below));
        Assert.Equal(ClaimVerdict.NotReproduced, ClaimRule.Positive(Nothing));
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.Positive(Nothing, negligible: 0.005));
        Assert.Equal(ClaimVerdict.NotReproduced, ClaimRule.Positive(Below, negligible: 0));
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.Positive(Wide));
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.Positive((Estimate?)null));
    }

    [Fact]
    public void Negative_IsPositiveOfTheContrary()
    {
        foreach (Estimate? effect in new[] { Above, Below, Wide, Nothing, null })
            Assert.Equal(ClaimRule.Positive(effect?.Map(-1)), ClaimRule.Negative(effect));
        Assert.Equal(ClaimVerdict.Reproduced, ClaimRule.Negative(Below));
    }

    [Fact]
    public void Positive_SeveralEffects_AllHaveToBeSeen()
    {
        Assert.Equal(ClaimVerdict.Reproduced, ClaimRule.Positive([Above, Above]));
        Assert.Equal(ClaimVerdict.Partly, ClaimRule.Positive([Above, Below]));
        Assert.Equal(ClaimVerdict.Partly, ClaimRule.Positive([Above, null]));
        Assert.Equal(ClaimVerdict.NotReproduced, ClaimRule.Positive([Below, Nothing]));
        Assert.Equal(ClaimVerdict.NotReproduced, ClaimRule.Positive([Below, Wide]));
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.Positive([Wide, null]));
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.Positive([]));
    }

    [Fact]
    public void OverSeeds_OneSeed_IsUndecidedHoweverLarge()
    {
        Assert.Equal(ClaimVerdict.Undecided, ClaimRule.OverSeeds(Above, seeds: 1));
        Assert.Equal(ClaimVerdict.Reproduced, ClaimRule.OverSeeds(Above, seeds: 2));
    }
}
