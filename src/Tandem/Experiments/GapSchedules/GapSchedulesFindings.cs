using System.Globalization;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Experiments.GapSchedules;

/// <summary>Puts the arms of all seeds into claims, tables and a chart.</summary>
internal sealed class GapSchedulesFindings
{
    private static readonly string[] Fixed = ["fixed-small", "fixed-large"];
    private readonly GapSchedulesConfiguration _configuration;
    private readonly IReadOnlyList<ArmOutcome> _outcomes;
    private readonly string[] _arms;
    private readonly string[] _others;
    private readonly IReadOnlyList<SeedComparison> _inDistribution;
    private readonly IReadOnlyList<SeedComparison> _heldOut;

    public GapSchedulesFindings(GapSchedulesConfiguration configuration, IReadOnlyList<ArmOutcome> outcomes)
    {
        (_configuration, _outcomes) = (configuration, outcomes);
        _arms = [.. ArmPlan.InOrder(configuration.Arms)];
        _others = [.. _arms.Skip(1)];

        // One family of comparisons: Holm's correction is over all of them.
        IReadOnlyList<SeedComparison> all = SeedComparison.Of(
            [
                .. _others.Select(arm => (Balanced(GapSchedulesExperiment.Adaptive), Balanced(arm))),
                .. HasHeldOut ? _others.Select(arm => (HeldOut(GapSchedulesExperiment.Adaptive), HeldOut(arm))) : [],
            ],
            new RandomStream(0).Fork("arms"));
        _inDistribution = [.. all.Take(_others.Length)];
        _heldOut = [.. all.Skip(_others.Length)];
    }

    private int Seeds => _configuration.Seeds.Count;

    private bool HasHeldOut => _outcomes[0].HeldOut.Count > 0;

    public ExperimentFindings Write() => new()
    {
        Title = "Gap annealing against schedules",
        Question = "Does a capability gap that is annealed by evidence beat fixed gaps and a schedule, at equal compute and labels?",
        Method =
            $"Each arm grows {_configuration.Generations.Count} generations from the same initial model "
            + $"({_configuration.Generations.First}), with the same labels; the others spend the training FLOPs of the adaptive arm, its "
            + $"pilots counted. Measured is the last promoted model of each arm, on {_outcomes[0].Balanced.Count} items as trained on and "
            + $"{_outcomes[0].HeldOut.Count} of held-out variants a seed. Intervals are Student's t over the seeds ({Seeds}); of one seed, "
            + $"over its items. Holm's correction is over the {_inDistribution.Count + _heldOut.Count} comparisons.",
        Claims =
        [
            Beats("in distribution", _inDistribution), .. HasHeldOut ? [Beats("on held-out variants", _heldOut)] : (ExperimentClaim[])[],
            ImitatesLess(), EqualCompute(),
        ],
        Tables = [ArmTable(), ComparisonTable(), DecisionTable()],
        Charts = [Chart()],
        Limits =
        [
            "The interval over seeds has as many observations as there are seeds; the permutation test takes items for independent and "
                + "does not see the spread of seeds.",
            "An arm whose step was not promoted ends with the model before it.",
            "Equal compute is reached by training small rungs on more items and large ones on fewer, within a tenth and ten times the recipe's number.",
            "The human is simulated, and the ladder has few rungs between which a gap can be chosen.",
        ],
        Outcomes =
        [
            .. _outcomes.Select(o => Series(o, "good choice", o.Choices.Balanced, o.Balanced)),
            .. HasHeldOut ? _outcomes.Select(o => Series(o, "good choice, held-out variants", o.Choices.HeldOut, o.HeldOut)) : [],
        ],
    };

    private ExperimentClaim Beats(string where, IReadOnlyList<SeedComparison> comparisons)
    {
        SeedComparison[] against = [.. comparisons.Where(c => Fixed.Any(arm => c.Second.StartsWith(arm, StringComparison.Ordinal)))];
        return new ExperimentClaim(
            $"An annealed gap beats both fixed gaps {where}", "arXiv 2503.07660 (appropriate gap); the annealing is ours",
            against.Length == 0 ? "Not measured: no fixed gap among the arms." : string.Join("; ", against.Select(c => c.ToText())) + ".",
            ClaimRule.All([.. against.Select(c => c.Verdict)]));
    }

    private ExperimentClaim ImitatesLess()
    {
        const string Large = "fixed-large";
        double[] less = [.. _configuration.Seeds.Where(_ => _arms.Contains(Large))
            .Select(seed => Of(Large, seed).Imitation - Of(GapSchedulesExperiment.Adaptive, seed).Imitation).OfType<double>()];
        return new ExperimentClaim(
            "An annealed gap leads to less imitation of the teacher's errors than the largest gap", "ours",
            $"ι of {Large} less ι of {GapSchedulesExperiment.Adaptive}, mean over steps: {OverSeeds.ToSignedText(less)}; seeds with steps in both: {less.Length}.",
            ClaimRule.OverSeeds(OverSeeds.Of(less), less.Length));
    }

    // Not an expectation about the world but a condition of the others: a verdict on it says whether they compare like with like.
    private ExperimentClaim EqualCompute()
    {
        const double Tolerance = 0.1;
        (string Arm, double Ratio)[] ratios = [.. _others.SelectMany(arm => _configuration.Seeds.Select(seed => (
            arm, Of(arm, seed).Summary.TrainingFlops / Of(GapSchedulesExperiment.Adaptive, seed).Summary.TrainingFlops)))];
        int within = ratios.Count(r => Math.Abs(r.Ratio - 1) <= Tolerance);
        return new ExperimentClaim(
            "The arms spend the same compute, within a tenth", "condition of the comparison",
            string.Create(CultureInfo.InvariantCulture,
                $"{within} of {ratios.Length} arms and seeds; FLOPs of the adaptive arm times {ratios.Min(r => r.Ratio):0.00} to "
                + $"{ratios.Max(r => r.Ratio):0.00}."),
            within == ratios.Length ? ClaimVerdict.Reproduced : within > 0 ? ClaimVerdict.Partly : ClaimVerdict.NotReproduced);
    }

    private ResultTable ArmTable() => new(
        "Arms",
        ["Arm", "Utility", "Competence", "Conformity", "Utility, held out", "ι", "Repeats wrong answers", "TFLOPs", "Human labels", "Promoted steps"],
        [
            .. _arms.Select(arm =>
            {
                ArmOutcome[] all = [.. _configuration.Seeds.Select(seed => Of(arm, seed))];
                UtilityMeasurement[] balanced = [.. all.Select(o => UtilityMetrics.Measure(o.Choices.Balanced, TestSuite.TruthOf(o.Balanced)))];
                UtilityMeasurement[] heldOut = [.. all.Select(o => UtilityMetrics.Measure(o.Choices.HeldOut, TestSuite.TruthOf(o.HeldOut)))];
                return (IReadOnlyList<ResultCell>)
                [
                    arm, OverSeeds.Of(balanced.Select(m => m.Utility)), OverSeeds.Of(balanced.Select(m => m.Competence)),
                    OverSeeds.Of(balanced.Select(m => m.Conformity)),
                    HasHeldOut ? OverSeeds.Of(heldOut.Select(m => m.Utility)) : "the family has none",
                    OverSeeds.Cell(all.Select(o => o.Imitation).OfType<double>()), OverSeeds.Cell(all.Select(o => o.Repeats).OfType<double>()),
                    OverSeeds.Cell(all.Select(o => o.Summary.TrainingFlops / 1e12)), OverSeeds.Cell(all.Select(o => (double)o.Summary.HumanLabels)),
                    $"{all.Sum(o => o.Steps.Count(s => s.Gate is { Promoted: true }))} of {all.Sum(o => o.Steps.Count())}",
                ];
            }),
        ],
        "Utility and competence are corrected for chance. ι is agreement with the teacher's errors beyond the ceiling's own, mean "
            + "over steps, promoted or not. FLOPs are of training after pre-training, pilots counted.");

    private ResultTable ComparisonTable() => new(
        "The adaptive arm against the others, paired by item", ["Items", .. SeedComparison.Columns],
        [
            .. _inDistribution.Select(c => (IReadOnlyList<ResultCell>)["in distribution", .. c.Row()]),
            .. _heldOut.Select(c => (IReadOnlyList<ResultCell>)["held out", .. c.Row()]),
        ],
        "Differences in the rate of good choices of the last promoted models.");

    private ResultTable DecisionTable() => new(
        "Rungs taken", ["Arm", .. _configuration.Seeds.Select(seed => $"seed {seed}")],
        [.. _arms.Select(arm => (IReadOnlyList<ResultCell>)[arm, .. _configuration.Seeds.Select(seed => (ResultCell)Of(arm, seed).Rungs)])],
        "In brackets what the gate rolled back.");

    private ResultChart Chart() => new(
        "Utility by generation", "generation", "utility after alignment",
        [
            .. _arms.Select(arm => new ResultSeries(arm,
            [
                .. Enumerable.Range(0, _configuration.Generations.Count + 1)
                    .Select(index => (index, all: _configuration.Seeds.Select(seed => After(Of(arm, seed), index)).OfType<Estimate>().ToArray()))
                    .Where(point => point.all.Length == Seeds)
                    .Select(point => new ResultPoint(point.index, OverSeeds.Of(point.all)!)),
            ])),
        ]);

    private static Estimate? After(ArmOutcome outcome, int index) =>
        outcome.Summary.Generations.LastOrDefault(generation => generation.Index == index)?.AfterAlignment?.Utility;

    private ArmOutcome Of(string arm, ulong seed) => _outcomes.Single(o => o.Summary.Name == arm && o.Summary.Seed == seed);

    private SeedOutcomes Balanced(string arm) => new(
        arm, [.. _configuration.Seeds.Select(seed => Of(arm, seed)).Select(o => SeedOutcomes.Good(o.Choices.Balanced, TestSuite.TruthOf(o.Balanced)))]);

    private SeedOutcomes HeldOut(string arm) => new(
        arm, [.. _configuration.Seeds.Select(seed => Of(arm, seed)).Select(o => SeedOutcomes.Good(o.Choices.HeldOut, TestSuite.TruthOf(o.HeldOut)))]);

    private static OutcomeSeries Series(ArmOutcome outcome, string metric, int[] choices, IReadOnlyList<ChoiceItem> items) => new(
        outcome.Summary.Name, metric, outcome.Summary.Seed, [.. items.Select(item => item.Id)], SeedOutcomes.Good(choices, TestSuite.TruthOf(items)));
}
