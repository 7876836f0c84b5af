using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;
using Tandem.Training.Optimization;
using Tandem.Worlds;

namespace Tandem.Paradigms.SelfEnhancement;

/// <summary>One round: the policy samples candidates, a judge compares them, and the policy learns from the preferences.</summary>
internal sealed class EnhancementRound(Laboratory laboratory, SelfEnhancementConfiguration configuration)
{
    private const int CheckpointInterval = 40;

    /// <summary>Samples, judges and trains.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="policy">The policy at the round's start, which is the reference as well.</param>
    /// <param name="judge">The judge.</param>
    /// <param name="items">Fresh items.</param>
    /// <param name="random">The round's randomness.</param>
    /// <param name="measure">Measures the new policy.</param>
    public RoundOutcome Run(
        StageScope stage, TrainedModel policy, ICandidateJudge<ChoiceItem, int[]> judge, IReadOnlyList<ChoiceItem> items, RandomStream random,
        Func<Transformer, PolicyMeasurement> measure)
    {
        IReadOnlyList<IReadOnlyList<int[]>> candidates = new PlanPolicy(laboratory, policy, configuration.PlanLength)
            .Sample(items, configuration.Candidates, random.Fork("candidates"));
        SelectedPairs selected = SelectedPairs.Of(judge.Judge(items, candidates));
        OptionPreferenceExample[] examples = [.. Examples(laboratory.Score(policy, items), items, candidates, selected)];
        using Transformer model = FineTuning.Start(laboratory, policy, configuration.Start, random.Fork("order").NextUInt64());
        TrainedModel trained = policy with { Path = $"{stage.Key}/model" };
        if (examples.Length > 0)
            trained = trained with { TrainingFlops = policy.TrainingFlops + Train(stage, model, examples, random, out TrainingCurve curve), Curve = curve };
        FineTuning.Save(model, stage.Artefact("model"));
        (double margin, double accuracy) = Rewards(model, items, candidates, selected, examples);
        return new RoundOutcome
        {
            Model = trained,
            Pairs = examples.Length,
            Ties = selected.Ties,
            Contradictory = selected.Contradictory,
            Unjudged = selected.Unjudged,
            Agreement = Agreement(items, candidates, selected),
            RewardMargin = margin,
            RewardAccuracy = accuracy,
            Measured = measure(model),
        };
    }

    private double Train(
        StageScope stage, Transformer model, IReadOnlyList<OptionPreferenceExample> examples, RandomStream random, out TrainingCurve curve)
    {
        PlanPreferenceConfiguration recipe = configuration.Preference;
        var settings = new FineTuningConfiguration
        {
            Name = "preference optimization",
            Epochs = recipe.Epochs,
            BatchExamples = recipe.BatchSize,
            Seed = random.Fork("order").NextUInt64(),
            CheckpointInterval = CheckpointInterval,
            Optimizer = new OptimizerConfiguration { LearningRate = recipe.LearningRate, HeadLearningRate = recipe.HeadLearningRate },
        };
        var objective = new OptionPreferenceObjective(new PreferenceConfiguration { Beta = (float)recipe.Beta }, ScoreHead.Choice);
        using var run = new FineTuningRun<OptionPreferenceExample>(
            model, objective, examples, settings, laboratory.Pool, stage.Observer, Path.Combine(stage.Scratch, "training"));
        FineTuningResult result = run.Run(laboratory.Cancellation);
        curve = new TrainingCurve(settings.Name, [.. result.Curve.Select(p => new TrainingPoint(p.Step, p.Loss))]);
        return result.Flops;
    }

    private static IEnumerable<OptionPreferenceExample> Examples(
        OptionScores scores, IReadOnlyList<ChoiceItem> items, IReadOnlyList<IReadOnlyList<int[]>> candidates, SelectedPairs selected) =>
        selected.Pairs.Select(pair =>
        {
            ChoiceItem item = items[pair.Prompt];
            double[] values = OptionPlans.Scores(scores, pair.Prompt, item);
            int[] best = candidates[pair.Prompt][pair.Best], worst = candidates[pair.Prompt][pair.Worst];
            return new OptionPreferenceExample(
                item.Tokens, item.ScorePositions, best, worst,
                PlackettLuce.LogProbability(values, best), PlackettLuce.LogProbability(values, worst));
        });

    // β·(log π/π_ref of the chosen plan − that of the rejected one) after training, and how often it is above 0.
    private (double Margin, double Accuracy) Rewards(
        Transformer model, IReadOnlyList<ChoiceItem> items, IReadOnlyList<IReadOnlyList<int[]>> candidates, SelectedPairs selected,
        OptionPreferenceExample[] examples)
    {
        if (examples.Length == 0)
            return (0, 0);
        OptionScores scores = laboratory.Score(model, items);
        double[] margins =
        [
            .. Examples(scores, items, candidates, selected).Zip(examples, (now, before) => configuration.Preference.Beta
                * (now.ReferenceChosen - before.ReferenceChosen - (now.ReferenceRejected - before.ReferenceRejected))),
        ];
        return (margins.Average(), margins.Count(margin => margin > 0) / (double)margins.Length);
    }

    private Estimate Agreement(
        IReadOnlyList<ChoiceItem> items, IReadOnlyList<IReadOnlyList<int[]>> candidates, SelectedPairs selected)
    {
        double[] gains =
        [
            .. selected.Pairs.Select(pair =>
                OptionPlans.TrueWorth(items[pair.Prompt], candidates[pair.Prompt][pair.Best], configuration.Discount)
                - OptionPlans.TrueWorth(items[pair.Prompt], candidates[pair.Prompt][pair.Worst], configuration.Discount)),
        ];
        return Proportion.Wilson(gains.Count(gain => gain > 0), gains.Count(gain => gain != 0));
    }
}

/// <summary>What a round did.</summary>
public sealed record RoundOutcome
{
    /// <summary>The policy after the round.</summary>
    public required TrainedModel Model { get; init; }

    /// <summary>Preferences that it was trained on.</summary>
    public required int Pairs { get; init; }

    /// <summary>Items whose candidates had all one verdict.</summary>
    public required int Ties { get; init; }

    /// <summary>Items left out because the two orders contradicted each other.</summary>
    public required int Contradictory { get; init; }

    /// <summary>Items without candidates or verdicts.</summary>
    public required int Unjudged { get; init; }

    /// <summary>How often the preferred plan is the better one in truth, among preferences between plans that differ in worth.</summary>
    public required Estimate Agreement { get; init; }

    /// <summary>The mean reward margin on the round's preferences after training, β·Δlog(π/π_ref), in nats.</summary>
    public required double RewardMargin { get; init; }

    /// <summary>The share of the round's preferences whose margin is above 0 after training.</summary>
    public required double RewardAccuracy { get; init; }

    /// <summary>The policy after the round, on the test items.</summary>
    public required PolicyMeasurement Measured { get; init; }
}
