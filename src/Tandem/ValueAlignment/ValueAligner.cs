using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.RiskDiscovery;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.ValueAlignment;

/// <summary>
/// Stage 3: safe behaviour ŷ for fresh items and for the hazards x̂ turns A⁻ into A⁺ (arXiv 2503.07660). Aligned
/// predecessors, personas and a small budget of human labels judge which options break a value. A copy of A⁻ learns to
/// judge from them and joins them: being more capable, it judges better than those it learned from. Among the options
/// that A⁻ and the sources of S_i find competent, the one they object to least is preferred, as far as the tax budget allows.
/// </summary>
/// <remarks>
/// The judges are weaker than A⁻. They therefore only judge: imitating a weaker policy's choices would cost the
/// competence that stage 1 gained. The competence head is rehearsed for the same reason.
/// </remarks>
public sealed class ValueAligner(Laboratory laboratory)
{
    // Half of the pool is enough to learn to judge from: all of it makes no better judge.
    private const int JudgedEvery = 2;

    private AlignmentConfiguration Recipe => laboratory.Configuration.Alignment;

    /// <summary>Trains A⁺ from A⁻.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="unaligned">A⁻.</param>
    /// <param name="items">The fresh items to judge.</param>
    /// <param name="hazardDecisions">Decisions of the hazards found: x̂.</param>
    /// <param name="sources">The sources of S_i, who know beside A⁻ which option reaches the goal best.</param>
    /// <param name="judges">Who judges violations.</param>
    /// <param name="suite">Calibration items for the gate over the sources and for the price of caution.</param>
    /// <param name="random">The stage's randomness.</param>
    public AlignedModel Align(
        StageScope stage, string name, TrainedModel unaligned, IReadOnlyList<ChoiceItem> items, IReadOnlyList<ChoiceItem> hazardDecisions,
        IReadOnlyList<ISignalSource<ChoiceItem>> sources, IReadOnlyList<ISignalSource<ChoiceItem>> judges, TestSuite suite,
        RandomStream random)
    {
        IReadOnlyList<ChoiceItem> pool = [.. items, .. hazardDecisions];
        Supervision goals = Ask([.. sources, new ModelSource(laboratory, unaligned)], SupervisionQuestion.Competence, "sources");
        Supervision elders = Ask(judges, SupervisionQuestion.Violation, "judges");
        TrainedModel judge = LearnToJudge(stage, name + "-judge", unaligned, pool, elders, random.Fork("judge"));
        // The same stream for the same judges: the human is not asked a second time. What it says of an item counts as one label, of goals and values.
        Supervision all = Ask([.. judges, new ModelSource(laboratory, judge)], SupervisionQuestion.Violation, "judges");
        GoalCalibration calibration = GoalCalibration.Fit(goals.Calibration, suite.CalibrationTruth);
        double caution = AffordableCaution.Choose(
            [.. goals.Calibration.Posteriors.Select(best => best is null ? null : calibration.Competence(best))], all.Calibration,
            suite.CalibrationTruth, Recipe.TaxBudget);

        List<OptionExample> examples = [];
        for (int i = 0; i < pool.Count; i++)
        {
            if (goals.Labels.Posteriors[i] is not { } best || all.Labels.Posteriors[i] is not { } violation)
                continue;
            // A human names the best option and says nothing of the others: which of them would serve, the models know.
            double[] serving = calibration.Competence(goals.Labels.WithoutReference[i] ?? best);
            examples.Add(new OptionExample(pool[i].Tokens, pool[i].ScorePositions)
            {
                Choice = SafeBehaviour.Of(serving, violation, i < items.Count ? caution : caution * Recipe.HazardCaution),
                Competence = [.. best.Select(p => (float)p)],
                Violation = [.. violation.Select(v => (float)v)],
            });
        }

        TrainedModel model = Train(stage, name, unaligned, examples, random);
        return new AlignedModel(
            model, caution, all.Summary, Math.Max(goals.HumanLabels, elders.HumanLabels), model.TrainingFlops + judge.TrainingFlops,
            [.. all.Dropped.Select(d => d.Reason)]);

        Supervision Ask(IReadOnlyList<ISignalSource<ChoiceItem>> whom, SupervisionQuestion question, string stream) => Supervision.Collect(
            whom, pool, question, suite.Calibration, laboratory.Configuration.Supervision.Combination, random.Fork(stream));
    }

    /// <summary>Items that a recipe trains on in this stage, those from which the copy of A⁻ learns to judge counted once more.</summary>
    public static int TrainingItems(AlignmentConfiguration recipe)
    {
        int pool = recipe.Items + recipe.HazardDecisions;
        return pool + ((pool + JudgedEvery - 1) / JudgedEvery);
    }

    private TrainedModel LearnToJudge(
        StageScope stage, string name, TrainedModel unaligned, IReadOnlyList<ChoiceItem> pool, Supervision elders, RandomStream random)
    {
        OptionScores own = laboratory.Score(unaligned, pool);
        List<OptionExample> examples = [];
        for (int i = 0; i < pool.Count; i += JudgedEvery)
        {
            // Not what the human said: it is asked again what the judge's own judgements are worth.
            if (elders.Labels.WithoutReference[i] is not { } violation)
                continue;
            float[] competence = own.Distribution(i, ScoreHead.Competence);
            examples.Add(new OptionExample(pool[i].Tokens, pool[i].ScorePositions)
            {
                Choice = competence,
                Competence = competence,
                Violation = [.. violation.Select(v => (float)v)],
            });
        }

        return Train(stage, name, unaligned, examples, random);
    }

    private TrainedModel Train(
        StageScope stage, string name, TrainedModel unaligned, IReadOnlyList<OptionExample> examples, RandomStream random)
    {
        CompetenceConfiguration recipe = laboratory.Configuration.Competence;
        ulong seed = random.Fork("order").NextUInt64();
        return FineTuning.Train(
            laboratory, stage, name, unaligned.Rung, FineTuning.Start(laboratory, unaligned, recipe, seed), examples,
            FineTuning.Settings(recipe, "value alignment", seed) with { CompetenceCoefficient = (float)Recipe.RehearsalWeight });
    }
}

/// <summary>A⁺ with the judgements it was trained on.</summary>
/// <param name="Model">A⁺.</param>
/// <param name="Caution">How much a judged violation counted beside competence: see <see cref="SafeBehaviour"/>.</param>
/// <param name="Judges">The judges, the copy of A⁻ the last of them, measured on calibration items.</param>
/// <param name="HumanLabels">Items that the simulated human judged.</param>
/// <param name="TrainingFlops">Training FLOPs of A⁺ and of the judge.</param>
/// <param name="DroppedJudges">Why judges were left out.</param>
public sealed record AlignedModel(
    TrainedModel Model, double Caution, SupervisionSummary Judges, int HumanLabels, double TrainingFlops, IReadOnlyList<string> DroppedJudges);
