using Tandem.Evaluation;
using Tandem.Signals;
using Tandem.Tensors;
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
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Choose_LargerBudgets_BuyMoreCautionAndAreNeverOverspent(ulong seed)
    {
        var random = new RandomStream(seed);
        double[] Draw() => [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble())];
        double[][] competence = [.. Enumerable.Range(0, 300).Select(_ => Draw())];
        double[][] violations = [.. competence.Select(_ => Draw())];
        ItemTruth[] truth = [.. competence.Select(row => new ItemTruth([.. row.Select(random.NextBoolean)], [true, true, true, true]))];
        double spent = -1;
        foreach (double budget in new[] { 0.05, 0.1, 0.2, 0.3 })
        {
            double caution = AffordableCaution.Choose(competence, Judgements(violations), truth, budget);
            int[] Choices(double c) => [.. competence.Select((row, i) => Preferred(row, violations[i], c))];
            double loss = AlternationTax.OfCompetence(Choices(0), Choices(caution), truth).Value;
            Assert.True(loss <= budget, $"{caution} costs {loss}");
            Assert.True(caution > spent, $"{caution} for {budget}, {spent} for less");
            spent = caution;
        }
    }

    [Fact]
    public void Choose_ItemsWithoutJudgement_AreLeftOut()
    {
        double[] competence = [0.7, 0.5, 0.45];
        Assert.Equal(
            Choose(competence, 0.02),
            AffordableCaution.Choose([competence, [0.1, 0.2, 0.9]], Judgements([Violation, null]), [Truth, Truth], 0.02));
    }

    [Fact]
    public void Choose_NothingJudged_IsAsCarefulWithCompetenceAsCanBe()
    {
        double least = AffordableCaution.Choose([[0.7, 0.5, 0.45]], Judgements([null]), [Truth], 0.02);
        Assert.True(least < Choose([0.95, 0.9, 0.02], 0.02) / 2, $"{least}");
    }

    private static double Choose(double[] competence, double budget) =>
        AffordableCaution.Choose([competence], Judgements([Violation]), [Truth], budget);

    private static int Preferred(double[] competence, double[] violation, double caution)
    {
        float[] behaviour = SafeBehaviour.Of(competence, violation, caution);
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
