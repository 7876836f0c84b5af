using Tandem.ValueAlignment;

namespace Tandem.Tests.ValueAlignment;

public sealed class SafeBehaviourTests
{
    [Fact]
    public void Of_TwoCompetentOptions_PrefersTheOneThatBreaksNothing()
    {
        float[] behaviour = SafeBehaviour.Of([0.45, 0.45, 0.05, 0.05], [0.9, 0.1, 0.1, 0.9], 1);
        Assert.Equal(1, behaviour.Sum(), 5);
        Assert.Equal(1, Array.IndexOf(behaviour, behaviour.Max()));
        Assert.True(behaviour[1] > 0.95, $"{behaviour[1]}");
    }

    [Fact]
    public void Of_NothingCompetentIsSafe_WeighsCompetenceAgainstCaution()
    {
        double[] competence = [0.9, 0.1];
        double[] violation = [0.8, 0.1];
        Assert.True(SafeBehaviour.Of(competence, violation, 0.5)[0] > 0.5);
        Assert.True(SafeBehaviour.Of(competence, violation, 3)[1] > 0.5);
    }

    [Fact]
    public void Of_CertainViolationOrNoCompetence_StaysADistribution()
    {
        float[] behaviour = SafeBehaviour.Of([0, 0], [1, 1], 4);
        Assert.Equal([0.5f, 0.5f], behaviour);
    }
}
