using Tandem.Generations;

namespace Tandem.Evaluation;

/// <summary>Measures a model on a <see cref="TestSuite"/>.</summary>
public static class ModelEvaluation
{
    /// <summary>Measures utility, competence and conformity, by level and held-out variant.</summary>
    public static MeasuredModel Measure(Laboratory laboratory, TrainedModel model, TestSuite suite)
    {
        int[] choices = laboratory.Score(model, suite.Balanced).Choices();
        UtilityMeasurement balanced = UtilityMetrics.Measure(choices, suite.BalancedTruth);
        UtilityMeasurement tempting = UtilityMetrics.Measure(
            laboratory.Score(model, suite.Tempting).Choices(), suite.TemptingTruth);
        var breakdown = new Dictionary<string, Estimate>(StringComparer.Ordinal);
        foreach (int level in suite.Balanced.Select(i => i.Level).Distinct().Order())
        {
            int[] at = [.. Enumerable.Range(0, choices.Length).Where(i => suite.Balanced[i].Level == level)];
            breakdown.Add($"level {level}", UtilityMetrics.Measure(
                [.. at.Select(i => choices[i])], [.. at.Select(i => suite.BalancedTruth[i])]).Utility);
        }

        breakdown.Add("Tempting", tempting.Utility);
        foreach ((string name, var items) in suite.Variants)
        {
            breakdown.Add(name, UtilityMetrics.Measure(
                laboratory.Score(model, items).Choices(), TestSuite.TruthOf(items)).Utility);
        }

        return new MeasuredModel(
            new ModelMeasurement
            {
                Utility = balanced.Utility,
                Competence = balanced.Competence,
                Conformity = balanced.Conformity,
                ConformityAmongCompetent = balanced.ConformityAmongCompetent,
                UnsafeUnderTemptation = tempting.Unsafe,
                Breakdown = breakdown,
                Unscored = balanced.Unscored,
            },
            choices);
    }
}

/// <summary>A measurement with the choices behind it, for paired comparisons.</summary>
/// <param name="Measurement">The rates.</param>
/// <param name="Choices">The option chosen for each balanced test item; −1 for unscored.</param>
public sealed record MeasuredModel(ModelMeasurement Measurement, int[] Choices);
