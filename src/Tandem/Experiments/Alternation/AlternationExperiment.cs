using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Language;
using Tandem.RiskDiscovery;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.ValueAlignment;
using Tandem.Worlds;

namespace Tandem.Experiments.Alternation;

/// <summary>
/// Whether competence and conformity are better optimised in turns, at once, or one after the other (arXiv 2503.07660 argues for
/// together). The arms see the same items with the same labels equally often, and differ in the order alone.
/// </summary>
internal sealed class AlternationExperiment : IExperiment
{
    private readonly Laboratory _laboratory;
    private readonly AlternationConfiguration _configuration;

    public AlternationExperiment(Laboratory laboratory, AlternationConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        if (configuration.Cycles.Any(cycles => cycles < 2 || cycles > configuration.Items / configuration.Training.BatchSize)
            || configuration.Cycles.Distinct().Count() < configuration.Cycles.Count)
        {
            throw new UserFaultException(
                $"cycles are [{string.Join(", ", configuration.Cycles)}] of {configuration.Items} items in batches of {configuration.Training.BatchSize}.",
                "Give different numbers from 2 on, with a batch for each cycle.", FaultKind.Usage);
        }
    }

    /// <inheritdoc/>
    public ExperimentFindings Run() => new AlternationFindings(_configuration, [.. _configuration.Seeds.SelectMany(OfSeed)]).Write();

    private IEnumerable<ArmOutcome> OfSeed(ulong seed)
    {
        RandomStream random = new RandomStream(seed).Fork("alternation");
        IReadOnlyList<ChoiceItem> pool = ItemPool.Draw(_laboratory.World, _configuration.Items, _configuration.Training.DecisionShare, random.Fork("pool"));
        var items = new TestItems(
            Items(_configuration.TestItems, ItemVariant.Balanced), Items(_configuration.HeldOutItems, ItemVariant.Tempting),
            Items(_configuration.HeldOutItems, ItemVariant.Episode));
        TrainedModel weak = TeachWeak(seed, pool, random);
        ItemLabels labels = _laboratory.Stage(
            $"labels/seed{seed}", $"Seed {seed}: labels of goals and of values", 0, _ => Label(weak, pool, seed, random),
            result => $"{result.Items.Count} of {pool.Count} items labelled");
        foreach (ArmOrder arm in ArmOrder.All(_configuration.Cycles, labels.Items.Count))
        {
            string key = $"{StageKey.Part(arm.Name)}/seed{seed}";
            TrainingPath path = _laboratory.Stage(
                key, $"{arm.Name}, seed {seed}: training", 0, stage => Train(stage, arm, pool, labels, items, random),
                result => $"{result.Steps.Count} stages");
            yield return new ArmOutcome(arm, seed, items, labels, path, FindHazards(key, arm, path.Model, random));
        }

        IReadOnlyList<ChoiceItem> Items(int count, ItemVariant variant) => _laboratory.World.Items(
            new ItemRequest(count, ItemSplit.Test, seed, _laboratory.World.Nearest(variant)));
    }

    private TrainedModel TeachWeak(ulong seed, IReadOnlyList<ChoiceItem> pool, RandomStream random) => _laboratory.Stage(
        $"weak/seed{seed}", $"Seed {seed}: the weak aligned model", 0,
        stage =>
        {
            IReadOnlyList<ChoiceItem> taught = ItemPool.Draw(
                _laboratory.World, _configuration.WeakItems, _configuration.Training.DecisionShare, random.Fork("weak pool"), pool);
            var human = new SimulatedHuman(_configuration.Human.ToSupervision(), random.Fork("weak labels"));
            return FineTuning.Train(
                _laboratory, stage, "weak", _configuration.Weak,
                FineTuning.Start(_laboratory, _laboratory.Ladder[_configuration.Weak], _configuration.Training, Seed("weak", random)),
                [.. taught.Select(item => Example(item, human.Label(item)))], Settings("weak", random));
        },
        model => $"{model.Rung}");

    private ItemLabels Label(TrainedModel weak, IReadOnlyList<ChoiceItem> pool, ulong seed, RandomStream random)
    {
        IReadOnlyList<ChoiceItem> calibration = _laboratory.World.Items(new ItemRequest(_configuration.CalibrationItems, ItemSplit.Calibration, seed));
        Supervision goals = Ask(SupervisionQuestion.Competence), values = Ask(SupervisionQuestion.Violation);
        GoalCalibration competent = GoalCalibration.Fit(goals.Calibration, TestSuite.TruthOf(calibration));
        var items = new List<ItemLabel>();
        for (int i = 0; i < pool.Count; i++)
        {
            if (goals.Labels.Posteriors[i] is not { } best || values.Labels.Posteriors[i] is not { } violation)
                continue;
            items.Add(new ItemLabel(
                i, [.. best.Select(p => (float)p)], [.. violation.Select(p => (float)p)],
                SafeBehaviour.Of(competent.Competence(goals.Labels.WithoutReference[i] ?? best), violation, _configuration.Caution)));
        }

        return new ItemLabels(
            items, goals.Summary.CombinedAccuracy, values.Summary.CombinedAccuracy,
            [.. goals.Dropped.Concat(values.Dropped).Select(dropped => dropped.Reason)]);

        Supervision Ask(SupervisionQuestion question) => Supervision.Collect(
            [new ModelSource(_laboratory, weak), new HumanSource(_configuration.Human.ToSupervision(), _configuration.HumanLabels)],
            pool, question, calibration, "stacked", random.Fork($"{question}"));
    }

    private TrainingPath Train(
        StageScope stage, ArmOrder arm, IReadOnlyList<ChoiceItem> pool, ItemLabels labels, TestItems items, RandomStream random)
    {
        TrainedModel? model = null;
        var steps = new List<PathStep>();
        double flops = 0;
        for (int s = 0; s < arm.Stages.Count; s++)
        {
            PlannedTraining plan = arm.Stages[s];
            string name = $"{s}-{plan.Kind.ToString().ToLowerInvariant()}";
            Transformer start = model is null
                ? FineTuning.Start(_laboratory, _laboratory.Ladder[_configuration.Rung], _configuration.Training, Seed(name, random))
                : FineTuning.Start(_laboratory, model, _configuration.Training, Seed(name, random));
            model = FineTuning.Train(
                _laboratory, stage, name, _configuration.Rung, start,
                [.. labels.Items.Take(plan.From..plan.To).Select(label => label.Example(pool[label.Index], plan.Kind))],
                Settings(name, random) with
                {
                    Epochs = _configuration.Training.Epochs * plan.Visits,
                    CompetenceCoefficient = 1f / plan.Visits,
                    ViolationCoefficient = 1f / plan.Visits,
                });
            flops += model.TrainingFlops;
            steps.Add(new PathStep(plan.Kind, _laboratory.Score(model, items.Balanced).Choices()));
        }

        return new TrainingPath(
            steps, model!, _laboratory.Score(model!, items.Tempting).Choices(), _laboratory.Score(model!, items.Episodes).Choices(), flops);
    }

    private HazardCount FindHazards(string key, ArmOrder arm, TrainedModel model, RandomStream random) => _laboratory.Stage(
        $"{key}/hazards", $"{arm.Name}: red team", 0,
        _ =>
        {
            using Laboratory laboratory = _laboratory.With(new RunConfiguration { RiskDiscovery = _configuration.RedTeam });
            RiskReport report = RedTeam.Of(laboratory).Discover(model, random.Fork("red team"));
            return new HazardCount(
                report.Hazards.Count, report.HazardsPlanted, report.Hazards.Sum(h => h.Severity), report.EpisodesPlayed, [.. report.Hazards.Select(h => h.Id)]);
        },
        result => $"{result.Found} of {result.Planted} hazards");

    private OptionFineTuningConfiguration Settings(string name, RandomStream random) =>
        FineTuning.Settings(_configuration.Training, name, Seed(name, random));

    private static ulong Seed(string name, RandomStream random) => random.Fork("order").Fork(name).NextUInt64();

    private static OptionExample Example(ChoiceItem item, HumanLabel label) => new(item.Tokens, item.ScorePositions)
    {
        Choice = Targets.OneHot(label.Good, item.Options.Count),
        Competence = Targets.OneHot(label.MostCompetent, item.Options.Count),
        Violation = [.. label.Violations.Select(v => v ? 1f : 0f)],
    };
}

/// <summary>The labels of a pool, without the items on which no source has an answer.</summary>
/// <param name="Items">The labels, in the order of the pool.</param>
/// <param name="GoalAccuracy">The accuracy of labels of goals on calibration items.</param>
/// <param name="ValueAccuracy">That of judgements of violations.</param>
/// <param name="Dropped">Why sources were left out.</param>
internal sealed record ItemLabels(IReadOnlyList<ItemLabel> Items, Estimate GoalAccuracy, Estimate ValueAccuracy, IReadOnlyList<string> Dropped);

/// <summary>What the sources say of an item.</summary>
/// <param name="Index">Its place in the pool.</param>
/// <param name="Goal">Which option reaches the goal best: a distribution.</param>
/// <param name="Violation">For each option the probability that it breaks a value.</param>
/// <param name="Safe">Safe behaviour that follows from the two: a distribution.</param>
internal sealed record ItemLabel(int Index, float[] Goal, float[] Violation, float[] Safe)
{
    /// <summary>
    /// What a stage learns of the item. Over two visits the joint loss is the sum of the two stages' losses: of the policy,
    /// cross-entropy to the mean of both targets; of the other heads, half of theirs at each visit.
    /// </summary>
    public OptionExample Example(ChoiceItem item, StageKind kind) => new(item.Tokens, item.ScorePositions)
    {
        Choice = kind switch
        {
            StageKind.Competence => Goal,
            StageKind.Alignment => Safe,
            _ => [.. Goal.Zip(Safe, (goal, safe) => (goal + safe) / 2)],
        },
        Competence = kind == StageKind.Alignment ? null : Goal,
        Violation = kind == StageKind.Competence ? null : Violation,
    };
}

/// <summary>The test items of a seed.</summary>
/// <param name="Balanced">As trained on.</param>
/// <param name="Tempting">The violation pays more.</param>
/// <param name="Episodes">Decisions of episodes, where the hazards are.</param>
internal sealed record TestItems(IReadOnlyList<ChoiceItem> Balanced, IReadOnlyList<ChoiceItem> Tempting, IReadOnlyList<ChoiceItem> Episodes)
{
    public IReadOnlyList<ItemTruth> Truth { get; } = TestSuite.TruthOf(Balanced);
}

/// <summary>A stage that was trained, with the choices on the balanced items behind it.</summary>
internal sealed record PathStep(StageKind Kind, int[] Choices);

/// <summary>The training of an arm.</summary>
/// <param name="Steps">Its stages.</param>
/// <param name="Model">What it ends with.</param>
/// <param name="Tempting">The choices of that model when tempted.</param>
/// <param name="Episodes">Its choices at decisions of episodes.</param>
/// <param name="Flops">Training FLOPs.</param>
internal sealed record TrainingPath(IReadOnlyList<PathStep> Steps, TrainedModel Model, int[] Tempting, int[] Episodes, double Flops);

/// <summary>What a red team found in the model that an arm ends with.</summary>
internal sealed record HazardCount(int Found, int Planted, int Severity, int Episodes, IReadOnlyList<string> Ids);

/// <summary>One arm of one seed.</summary>
internal sealed record ArmOutcome(
    ArmOrder Arm, ulong Seed, TestItems Items, ItemLabels Labels, TrainingPath Path, HazardCount Hazards)
{
    public int[] Choices => Path.Steps[^1].Choices;

    /// <summary>Competence lost, summed over the alignment stages; null without one that follows a competence stage.</summary>
    public double? CompetenceTax => Tax(StageKind.Alignment, (before, after) => AlternationTax.OfCompetence(before, after, Items.Truth));

    /// <summary>Conformity lost, summed over the competence stages that follow an alignment stage; null without one.</summary>
    public double? ConformityTax => Tax(StageKind.Competence, (before, after) => AlternationTax.OfConformity(before, after, Items.Truth));

    private double? Tax(StageKind kind, Func<int[], int[], Estimate> measure)
    {
        double[] taxes =
        [
            .. Path.Steps.Zip(Path.Steps.Skip(1)).Where(pair => pair.Second.Kind == kind)
                .Select(pair => measure(pair.First.Choices, pair.Second.Choices).Value),
        ];
        return taxes.Length == 0 ? null : taxes.Sum();
    }
}
