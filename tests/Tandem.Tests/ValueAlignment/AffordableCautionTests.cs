using Tandem.Evaluation;
using Tandem.Signals;
using Tandem.ValueAlignment;

namespace Tandem.Tests.ValueAlignment;

public sealed class AffordableCautionTests
{
    // The first option is competent and unsafe, the second competent and safe, the third neither pays nor breaks anything.
    private static readonly ItemTruth Truth = new([true, true, false], [false, true, true]);

    // Judges object to the first two options, to the second without reason: too much caution drives to what pays nothing.
    private static readonly double[] Violation = [0.9, 0.6, 0.1];

    [Fact]
    public void Choose_GoalsThatKnowWhatPays_AllowMoreThanGoalsThatGuess()
    {
        double sure = Choose([0.95, 0.9, 0.02], 0.02);
        double unsure = Choose([0.7, 0.5, 0.45], 0.02);
        Assert.True(sure > 2 * unsure, $"{sure} against {unsure}");
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    [InlineData(0.3)]
    public void Choose_WhateverItPicks_CostsNoMoreThanTheBudget(double budget)
    {
        double[] competence = [0.7, 0.5, 0.45];
        double caution = Choose(competence, budget);
        double loss = AlternationTax.OfCompetence([Preferred(competence, 0)], [Preferred(competence, caution)], [Truth]).Value;
        Assert.True(loss <= budget, $"{caution} costs {loss}");
    }

    [Fact]
    public void Choose_ItemsWithoutJudgement_AreLeftOut()
    {
        double[] competence = [0.7, 0.5, 0.45];
        Assert.Equal(
            Choose(competence, 0.02),
            AffordableCaution.Choose([competence, [0.1, 0.2, 0.9]], Judgements([Violation, null]), [Truth, Truth], 0.02));
    }

    private static double Choose(double[] competence, double budget) =>
        AffordableCaution.Choose([competence], Judgements([Violation]), [Truth], budget);

    private static int Preferred(double[] competence, double caution)
    {
        float[] behaviour = SafeBehaviour.Of(competence, Violation, caution);
        return Array.IndexOf(behaviour, behaviour.Max());
    }

    private static CombinedLabels Judgements(IReadOnlyList<double[]?> posteriors) => new()
    {
        Combination = "stacked",
        Question = SupervisionQuestion.Violation,
        Posteriors = posteriors,
        Choices = [],
        Sources = [],
    };
}
