using Tandem.Competence;
using Tandem.GapAnnealing;
using Tandem.Language;
using Tandem.Training;
using Tandem.ValueAlignment;
using Tandem.Worlds;

namespace Tandem.Generations;

/// <summary>
/// Spreads an arm's training budget over its generations, so that arms are compared at equal compute: a small rung
/// trains on more items than the recipe says, a large one on fewer. Human labels stay the same in every arm.
/// </summary>
public sealed class ComputeBudget(RunConfiguration configuration)
{
    private const double LeastEffort = 0.1;
    private const double MostEffort = 10;

    /// <summary>The factor on the recipe's numbers of items: 1 for an arm without a budget, else 0.1 to 10.</summary>
    /// <param name="step">The attempt.</param>
    /// <param name="lineage">What the arm spent before it.</param>
    /// <param name="gap">The decision, whose pilots count.</param>
    /// <param name="model">The chosen rung.</param>
    /// <param name="sample">Items like those to train on, for their length.</param>
    public double Effort(
        GenerationStep step, Lineage lineage, GapDecision gap, TransformerConfiguration model, IReadOnlyList<ChoiceItem> sample)
    {
        if (step.Arm.TrainingBudget is not { } budget)
            return 1;
        double left = budget - lineage.Initial.TrainingFlops - lineage.Flops - gap.Context.Candidates.Sum(c => c.PilotFlops);
        double share = left / Math.Max(1, configuration.Generations - step.Generation + 1);
        double perItem = sample.Average(
            i => i.Tokens.Length * TrainingCost.TrainingFlopsPerToken(model, i.Tokens.Length, languageHead: false));
        return Math.Clamp(share / (perItem * ItemsByRecipe()), LeastEffort, MostEffort);
    }

    /// <summary>A number of the recipe under an effort, at least one step's batch.</summary>
    public int Scaled(int items, double effort) =>
        Math.Max(Math.Min(items, configuration.Competence.BatchSize), (int)Math.Round(items * effort));

    private double ItemsByRecipe()
    {
        CompetenceConfiguration training = configuration.Competence;
        return training.Epochs * (double)(training.Items + ValueAligner.TrainingItems(configuration.Alignment));
    }
}
