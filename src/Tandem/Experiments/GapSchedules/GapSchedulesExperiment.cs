using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Experiments.GapSchedules;

/// <summary>
/// The first open question of arXiv 2503.07660, which gap to take: the same generations under an annealed gap and under schedules
/// that look at nothing, each arm with the adaptive arm's compute, pilots counted, and the same labels.
/// </summary>
internal sealed class GapSchedulesExperiment : IExperiment
{
    /// <summary>The arm under test.</summary>
    public const string Adaptive = "adaptive";

    private readonly Laboratory _laboratory;
    private readonly GapSchedulesConfiguration _configuration;

    public GapSchedulesExperiment(Laboratory laboratory, GapSchedulesConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        if (!configuration.Arms.Contains(Adaptive))
        {
            throw new UserFaultException(
                $"arms are {string.Join(", ", configuration.Arms)}: without '{Adaptive}' nothing says how much compute they have.",
                $"Add '{Adaptive}'.", FaultKind.Usage);
        }

        foreach (string arm in configuration.Arms)
            _ = ArmPlan.Named(arm, configuration.Generations.Gap, adaptive: null);
    }

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        RunConfiguration recipe = _configuration.Generations.ToRun(_configuration.Seeds, _configuration.Arms);
        using Laboratory laboratory = _laboratory.With(recipe);
        var stages = new GenerationStages(laboratory);
        var training = new ProgressiveTraining(stages);
        laboratory.Progress.Planned(RunPlan.Of(recipe));
        var outcomes = new List<ArmOutcome>();
        foreach (ulong seed in _configuration.Seeds)
        {
            ArmSummary? adaptive = null;
            foreach (string name in ArmPlan.InOrder(_configuration.Arms))
            {
                ArmPlan plan = ArmPlan.Named(name, recipe.Gap, adaptive);
                ArmSummary arm = training.Run(plan, seed);
                adaptive = name == Adaptive ? arm : adaptive;
                outcomes.Add(Measure(laboratory, stages, plan, arm));
            }
        }

        return new GapSchedulesFindings(_configuration, outcomes).Write();
    }

    private static ArmOutcome Measure(Laboratory laboratory, GenerationStages stages, ArmPlan plan, ArmSummary arm)
    {
        TestSuite suite = stages.SuiteOf(arm.Seed);
        TrainedModel model = stages.FinalModel(arm.Name, arm.Seed);
        IReadOnlyList<IReadOnlyList<ChoiceItem>> heldOut =
            [.. laboratory.World.Has(ItemVariant.Tempting) ? [suite.Tempting] : (IReadOnlyList<ChoiceItem>[])[], .. suite.Variants.Values];
        FinalChoices choices = laboratory.Stage(
            $"{plan.Key}/seed{arm.Seed}/final", $"{arm.Name}, seed {arm.Seed}: the last promoted model", 0,
            _ => new FinalChoices(
                laboratory.Score(model, suite.Balanced).Choices(),
                [.. heldOut.SelectMany(items => laboratory.Score(model, items).Choices())]),
            _ => model.Name);
        return new ArmOutcome(arm, model, choices, suite.Balanced, [.. heldOut.SelectMany(items => items)]);
    }
}

/// <summary>What the last promoted model of an arm chooses.</summary>
internal sealed record FinalChoices(int[] Balanced, int[] HeldOut);

/// <summary>One arm of one seed.</summary>
/// <param name="Summary">Its generations.</param>
/// <param name="Model">Its last promoted model.</param>
/// <param name="Choices">What that chooses.</param>
/// <param name="Balanced">The items in distribution.</param>
/// <param name="HeldOut">The items of the held-out variants; none in a family that has only one.</param>
internal sealed record ArmOutcome(
    ArmSummary Summary, TrainedModel Model, FinalChoices Choices, IReadOnlyList<ChoiceItem> Balanced, IReadOnlyList<ChoiceItem> HeldOut)
{
    /// <summary>Attempts at generations, the initial model left out.</summary>
    public IEnumerable<GenerationSummary> Steps => Summary.Generations.Where(generation => generation.Index > 0);

    /// <summary>ι, mean over the steps; null without a step.</summary>
    public double? Imitation => Mean(Steps.Select(step => step.Imitation?.Excess));

    /// <summary>P(student repeats the teacher | teacher wrong), mean over the steps.</summary>
    public double? Repeats => Mean(Steps.Select(step => step.Imitation?.AgreeWhenTeacherWrong.Value));

    /// <summary>The rungs taken, in order.</summary>
    public string Rungs => string.Join(" → ", Summary.Generations.Select(
        step => step.Index > 0 && step.Gate is { Promoted: false } ? $"({step.Rung})" : step.Rung));

    private static double? Mean(IEnumerable<double?> values) => values.Any(v => v is not null) ? values.Average() : null;
}
