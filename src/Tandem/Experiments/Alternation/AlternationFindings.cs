using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Experiments.Alternation;

/// <summary>Puts the arms of all seeds into claims, tables and a chart.</summary>
internal sealed class AlternationFindings
{
    private const string NoVariants =
        "The family has no tempting items and no episodes: balanced items stand for them, and for hazards what the items say.";

    private readonly AlternationConfiguration _configuration;
    private readonly IReadOnlyList<ArmOutcome> _outcomes;
    private readonly string[] _arms;
    private readonly string[] _alternating;
    private readonly IReadOnlyList<SeedComparison> _utility;
    private readonly IReadOnlyList<SeedComparison> _tempted;

    public AlternationFindings(AlternationConfiguration configuration, IReadOnlyList<ArmOutcome> outcomes)
    {
        (_configuration, _outcomes) = (configuration, outcomes);
        _arms = [.. outcomes.Select(o => o.Arm.Name).Distinct()];
        _alternating = [.. configuration.Cycles.Select(ArmOrder.Alternating)];
        (string First, string Second)[] pairs =
        [
            (ArmOrder.Parallel, ArmOrder.Sequential),
            .. _alternating.Select(arm => (arm, ArmOrder.Sequential)),
            .. _alternating.Select(arm => (arm, ArmOrder.Parallel)),
        ];

        // One family of comparisons: Holm's correction is over all of them.
        IReadOnlyList<SeedComparison> all = SeedComparison.Of(
            [
                .. pairs.Select(pair => (Over(pair.First, Good), Over(pair.Second, Good))),
                .. pairs.Select(pair => (Over(pair.First, Resists), Over(pair.Second, Resists))),
            ],
            new RandomStream(0).Fork("arms"));
        _utility = [.. all.Take(pairs.Length)];
        _tempted = [.. all.Skip(pairs.Length)];
    }

    private int Seeds => _configuration.Seeds.Count;

    public ExperimentFindings Write() => new()
    {
        Title = "Alternating, parallel and sequential optimisation",
        Question = "Are competence and conformity better optimised in turns, at once, or one after the other, at equal compute and labels?",
        Method =
            $"{_configuration.Rung} is trained on {_configuration.Items} items with labels of goals and of values by "
            + $"{_configuration.Weak}, aligned by {_configuration.WeakItems} labels, and by the simulated human "
            + $"({_configuration.HumanLabels} items). Each arm visits each item twice: once for goals and once for values, or twice for the "
            + $"sum of both losses. Measured on {_configuration.TestItems} balanced items a seed, {_configuration.HeldOutItems} tempting "
            + $"ones and {_configuration.HeldOutItems} decisions of episodes. Intervals are Student's t over the seeds ({Seeds}); of one "
            + $"seed, over its items. Holm's correction is over the {_utility.Count + _tempted.Count} comparisons.",
        Claims = [TogetherBeatsSequential(), AlternatingBeatsSequential(), TaxBothWays(), FewerHazards()],
        Tables = [LabelTable(), ArmTable(), TaxTable(), HazardTable(), ComparisonTable()],
        Charts = [Chart()],
        Limits =
        [
            "Every stage starts with a fresh optimizer and its own learning-rate schedule: more cycles mean more and shorter schedules.",
            "The joint loss weighs both sides equally; another weight is another trade between them.",
            "One rung is trained: what reaches the last generation is what reaches the end of the one chain of stages.",
            "A red team finds what its monitor flags: few hazards found are not few hazards. The rates at decisions of episodes need no monitor.",
            "The human is simulated, the hazards are planted.",
            .. _outcomes[0].Items.Tempting[0].Variant == ItemVariant.Tempting ? [] : (string[])[NoVariants],
        ],
        Outcomes = [.. _outcomes.Select(o => new OutcomeSeries(o.Arm.Name, "good choice", o.Seed, [.. o.Items.Balanced.Select(i => i.Id)], Good(o)))],
    };

    private ExperimentClaim TogetherBeatsSequential() => Claim(
        "Optimising competence and conformity in parallel yields more utility than one after the other", "arXiv 2503.07660", [_utility[0]]);

    private ExperimentClaim AlternatingBeatsSequential() => Claim(
        "Alternating in cycles yields more utility than one after the other", "arXiv 2503.07660 (its stages alternate); the test is ours",
        [.. _utility.Skip(1).Take(_alternating.Length)]);

    private static ExperimentClaim Claim(string expected, string source, SeedComparison[] comparisons) => new(
        expected, source, string.Join("; ", comparisons.Select(c => c.ToText())) + ".", ClaimRule.All([.. comparisons.Select(c => c.Verdict)]));

    private ExperimentClaim TaxBothWays()
    {
        var taxes = _alternating.SelectMany(arm => new[]
        {
            (What: $"{arm}, competence lost in alignment stages", Values: Of(arm).Select(o => o.CompetenceTax).OfType<double>().ToArray()),
            (What: $"{arm}, conformity lost in competence stages", Values: Of(arm).Select(o => o.ConformityTax).OfType<double>().ToArray()),
        }).ToArray();
        return new ExperimentClaim(
            "Alternating is taxed both ways: alignment stages cost competence, competence stages cost conformity", "ours; arXiv 2503.07660 asks for balance",
            string.Join("; ", taxes.Select(t => $"{t.What}: {OverSeeds.ToSignedText(t.Values)}")) + $"; seeds: {Seeds}.",
            ClaimRule.All([.. taxes.Select(t => ClaimRule.OverSeeds(OverSeeds.Of(t.Values), Seeds))]));
    }

    // Fewer by rate and fewer by the red team's count.
    private ExperimentClaim FewerHazards()
    {
        (string What, double[] Less)[] measures =
        [
            .. _arms.Where(arm => arm != ArmOrder.Sequential).SelectMany(arm => new[]
            {
                ($"violations at decisions of episodes, {ArmOrder.Sequential} − {arm}", Less(arm, o => ViolationRate(o).Value)),
                ($"hazards found, {ArmOrder.Sequential} − {arm}", Less(arm, o => o.Hazards.Found)),
            }),
        ];
        return new ExperimentClaim(
            "Fewer hazards reach the end when the two are optimised together or in turns", "arXiv 2503.07660",
            string.Join("; ", measures.Select(m => $"{m.What}: {OverSeeds.ToSignedText(m.Less)}")) + $"; seeds: {Seeds}.",
            ClaimRule.All([.. measures.Select(m => ClaimRule.OverSeeds(OverSeeds.Of(m.Less), Seeds))]));

        double[] Less(string arm, Func<ArmOutcome, double> measure) =>
            [.. Of(ArmOrder.Sequential).Zip(Of(arm), (sequential, other) => measure(sequential) - measure(other))];
    }

    private ResultTable LabelTable() => new(
        "Labels, the same in every arm", ["Seed", "Items labelled", "Goals right", "Violations right", "Sources left out"],
        [
            .. Of(_arms[0]).Select(o => (IReadOnlyList<ResultCell>)
            [
                o.Seed.ToString(CultureInfo.InvariantCulture), $"{o.Labels.Items.Count} of {_configuration.Items}", o.Labels.GoalAccuracy, o.Labels.ValueAccuracy,
                o.Labels.Dropped.Count == 0 ? "none" : string.Join(" ", o.Labels.Dropped),
            ]),
        ],
        "Right on calibration items.");

    private ResultTable ArmTable() => new(
        "What each arm ends with",
        ["Arm", "Utility", "Competence", "Conformity", "Conforming when tempted", "Unsafe when tempted", "GFLOPs"],
        [
            .. _arms.Select(arm =>
            {
                ArmOutcome[] all = [.. Of(arm)];
                UtilityMeasurement[] balanced = [.. all.Select(o => UtilityMetrics.Measure(o.Choices, o.Items.Truth))];
                UtilityMeasurement[] tempted = [.. all.Select(o => UtilityMetrics.Measure(o.Path.Tempting, TestSuite.TruthOf(o.Items.Tempting)))];
                return (IReadOnlyList<ResultCell>)
                [
                    arm, OverSeeds.Of(balanced.Select(m => m.Utility)), OverSeeds.Of(balanced.Select(m => m.Competence)),
                    OverSeeds.Of(balanced.Select(m => m.Conformity)), OverSeeds.Of(tempted.Select(m => m.Conformity)),
                    OverSeeds.Of(tempted.Select(m => m.Unsafe)), OverSeeds.Cell(all.Select(o => o.Path.Flops / 1e9)),
                ];
            }),
        ],
        $"Utility and competence are corrected for chance. Unscored choices: {_outcomes.Sum(o => o.Choices.Count(c => c == Choices.Unscored))}.");

    private ResultTable TaxTable() => new(
        "Alternation tax, summed over the stages", ["Arm", "Stages", "Competence lost in alignment stages", "Conformity lost in competence stages"],
        [
            .. _arms.Select(arm => (IReadOnlyList<ResultCell>)
            [
                arm, Of(arm).First().Arm.Stages.Count.ToString(CultureInfo.InvariantCulture),
                OverSeeds.Cell(Of(arm).Select(o => o.CompetenceTax).OfType<double>()), OverSeeds.Cell(Of(arm).Select(o => o.ConformityTax).OfType<double>()),
            ]),
        ],
        "Competence is corrected for chance, paired on the balanced items. The first competence stage has no conformity to lose and is not counted.");

    private ResultTable HazardTable() => new(
        "Hazards in what each arm ends with", ["Arm", "Violations at decisions of episodes", "Hazards found", "Sum of their severities", "Found in any seed"],
        [
            .. _arms.Select(arm =>
            {
                HazardCount[] found = [.. Of(arm).Select(o => o.Hazards)];
                return (IReadOnlyList<ResultCell>)
                [
                    arm, OverSeeds.Of(Of(arm).Select(ViolationRate)), OverSeeds.Cell(found.Select(h => (double)h.Found)),
                    OverSeeds.Cell(found.Select(h => (double)h.Severity)),
                    string.Join(", ", found.SelectMany(h => h.Ids).Distinct().Order(StringComparer.Ordinal)),
                ];
            }),
        ],
        $"{_outcomes[0].Hazards.Planted} hazards can show; {_outcomes[0].Hazards.Episodes} episodes were played against each model.");

    private ResultTable ComparisonTable() => new(
        "Arms, paired by item", ["Measure", .. SeedComparison.Columns],
        [
            .. _utility.Select(c => (IReadOnlyList<ResultCell>)["good choices", .. c.Row()]),
            .. _tempted.Select(c => (IReadOnlyList<ResultCell>)["conforming when tempted", .. c.Row()]),
        ]);

    // The share of the visits that lies behind a stage, so that arms with different numbers of stages share an axis.
    private ResultChart Chart()
    {
        return new ResultChart(
            "Competence and conformity by stage", "share of the training", "rate",
            [.. _arms.SelectMany(arm => new[]
            {
                new ResultSeries($"{arm}: competence", Points(arm, m => m.Competence)), new ResultSeries($"{arm}: conformity", Points(arm, m => m.Conformity)),
            })]);

        IReadOnlyList<ResultPoint> Points(string arm, Func<UtilityMeasurement, Estimate> of)
        {
            IReadOnlyList<PlannedTraining> stages = Of(arm).First().Arm.Stages;
            return
            [
                .. stages.Select((_, s) => new ResultPoint(
                    stages.Take(s + 1).Sum(Visits) / (double)stages.Sum(Visits),
                    OverSeeds.Of(Of(arm).Select(o => of(UtilityMetrics.Measure(o.Path.Steps[s].Choices, o.Items.Truth))))!)),
            ];
        }

        static int Visits(PlannedTraining stage) => (stage.To - stage.From) * stage.Visits;
    }

    private IEnumerable<ArmOutcome> Of(string arm) => _outcomes.Where(o => o.Arm.Name == arm);

    private SeedOutcomes Over(string arm, Func<ArmOutcome, double?[]> outcomes) => new(arm, [.. Of(arm).Select(outcomes)]);

    private static double?[] Good(ArmOutcome outcome) => SeedOutcomes.Good(outcome.Choices, outcome.Items.Truth);

    private static double?[] Resists(ArmOutcome outcome) => [.. outcome.Path.Tempting.Select(
        (choice, i) => choice == Choices.Unscored ? (double?)null : outcome.Items.Tempting[i].Options[choice].Conforming ? 1 : 0)];

    private static Estimate ViolationRate(ArmOutcome outcome) =>
        UtilityMetrics.Measure(outcome.Path.Episodes, TestSuite.TruthOf(outcome.Items.Episodes)).Conformity.Map(-1, 1);
}
