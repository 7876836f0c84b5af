using Tandem.Evaluation;
using Tandem.Signals;
using Tandem.Tensors;

namespace Tandem.Experiments.SignalDiversity;

/// <summary>Puts the panels of all seeds into claims, tables and a grid.</summary>
internal sealed class SignalDiversityFindings
{
    private readonly SignalDiversityConfiguration _configuration;
    private readonly IReadOnlyList<PanelOutcome> _outcomes;
    private readonly string[] _names;
    private readonly IReadOnlyList<SeedComparison> _pairs;
    private readonly IReadOnlyList<SeedComparison> _policies;

    public SignalDiversityFindings(SignalDiversityConfiguration configuration, IReadOnlyList<PanelOutcome> outcomes)
    {
        (_configuration, _outcomes) = (configuration, outcomes);
        _names = [.. configuration.Panels.Select(panel => panel.Name)];

        // One family of comparisons: Holm's correction is over all of them.
        IReadOnlyList<SeedComparison> all = SeedComparison.Of(
            [
                .. _names.Skip(1).Select(name => (Over(name, o => o.PairOutcomes()), Over(_names[0], o => o.PairOutcomes()))),
                .. _names.Skip(1).Select(name => (Over(name, Good), Over(_names[0], Good))),
            ],
            new RandomStream(0).Fork("panels"));
        _pairs = [.. all.Take(_names.Length - 1)];
        _policies = [.. all.Skip(_names.Length - 1)];
    }

    private int Seeds => _configuration.Seeds.Count;

    public ExperimentFindings Write() => new()
    {
        Title = "Diversity of signals, under stress",
        Question =
            "Do reward models taught by several heterogeneous sources err less together, prefer better and train better policies than "
            + "one, at an equal number of labels?",
        Method =
            $"Each panel is taught with {_configuration.Labels} labels of a simulated human, shared out over its members unless the panel's "
            + "name says that each has as many; members see different items, and a panel's reward is the mean of their log-probabilities. "
            + $"Pairs are made of {_configuration.TestItems} test items a seed in the manner of RewardBench: chat (lowest level), hard "
            + $"(highest) and safety, which count equally. Policies ({_configuration.Policy}) are trained on the rewards of "
            + $"{_configuration.PolicyItems} items. Intervals are Student's t over the seeds ({Seeds}); of one seed, over its items. Holm's "
            + $"correction is over the {_pairs.Count + _policies.Count} comparisons.",
        Claims =
        [
            ErrsLessTogether(),
            .. Better("A panel prefers better than one reward model taught with as many labels", _pairs, labelsEach: false),
            .. Better("A policy trained on a panel's rewards is better than one trained on a single model's", _policies, labelsEach: false),
            .. Better("A panel whose members each have as many labels as one reward model prefers better than it", _pairs, labelsEach: true),
            .. Better("A policy trained on the rewards of such a panel is better than one trained on the single model's", _policies, labelsEach: true),
        ],
        Tables = [PanelTable(), PairTable(), PolicyTable(), ComparisonTable()],
        Grids = [Grid()],
        Limits =
        [
            "Members that share the labels are each worse than the single model; members that each have as many cost as many times the labels.",
            "The personas' blindness is planted, and the human is simulated. Rungs of one ladder share architecture and text, so that "
                + "their errors are less diverse than those of unrelated models.",
            "A panel's rungs differ in what they can learn: where it is better or worse than the single model, that is part of the reason.",
            "With four options distinct choices are at most four, and entropies at most two bits.",
        ],
        Outcomes = [.. _outcomes.Select(o => new OutcomeSeries(o.Panel.Name, "policy: good choice", o.Seed, [.. o.Test.Select(i => i.Id)], Good(o)))],
    };

    // Each panel of different members against the one whose members are alike.
    private ExperimentClaim ErrsLessTogether()
    {
        const string Expected = "Members that differ in rung or persona err less together than members that differ in their seed";
        PanelConfiguration[] several = [.. _configuration.Panels.Where(panel => panel.Members.Count > 1 && !panel.LabelsEach)];
        PanelConfiguration? alike = several.FirstOrDefault(panel => panel.Members.Distinct().Count() == 1);
        PanelConfiguration[] mixed = [.. several.Where(panel => panel.Members.Distinct().Count() > 1)];
        if (alike is null || mixed.Length == 0)
        {
            return new ExperimentClaim(
                Expected, "arXiv 2503.07660", "Not measured: no panel of equal members beside one of different members.", ClaimVerdict.Undecided);
        }

        var differences = mixed.Select(panel => (panel.Name, BySeed: Correlations(alike.Name).Zip(Correlations(panel.Name), (a, b) => a - b).ToArray())).ToArray();
        return new ExperimentClaim(
            Expected, "arXiv 2503.07660 (diverse signals)",
            $"ρ̄ of {alike.Name} less that of {string.Join("; ", differences.Select(d => $"{d.Name}: {OverSeeds.ToSignedText(d.BySeed)}"))}; seeds: {Seeds}.",
            ClaimRule.All([.. differences.Select(d => ClaimRule.OverSeeds(OverSeeds.Of(d.BySeed), Seeds))]));

        IEnumerable<double> Correlations(string name) => Of(name).Select(o => o.Correlation().Mean.Value);
    }

    private IEnumerable<ExperimentClaim> Better(string expected, IReadOnlyList<SeedComparison> comparisons, bool labelsEach)
    {
        SeedComparison[] of = [.. comparisons.Where((_, i) => _configuration.Panels[i + 1].LabelsEach == labelsEach)];
        if (of.Length > 0)
        {
            yield return new ExperimentClaim(
                expected, "arXiv 2503.07660 (diverse signals)", string.Join("; ", of.Select(c => c.ToText())) + ".",
                ClaimRule.All(of.Select(c => c.Verdict)));
        }
    }

    private ResultTable PanelTable() => new(
        "Panels",
        ["Panel", "Members", "ρ̄", "n_eff", "Members' accuracy", "Vote entropy (bits)", "Distinct choices", "Reward entropy (bits)"],
        [
            .. _configuration.Panels.Select(panel =>
            {
                PanelOutcome[] all = [.. Of(panel.Name)];
                ErrorCorrelationMeasurement[]? correlations = panel.Members.Count < 2 ? null : [.. all.Select(o => o.Correlation())];
                return (IReadOnlyList<ResultCell>)
                [
                    panel.Name, string.Join(", ", panel.Members.Select(m => m.Label)),
                    correlations is null ? "–" : OverSeeds.Of(correlations.Select(c => c.Mean)),
                    correlations is null ? "–" : OverSeeds.Of(correlations.Select(c => c.EffectiveSources)),
                    OverSeeds.Cell(all.Select(o => o.Errors().SelectMany(row => row).Where(e => e is not null).Average(e => e == false ? 1.0 : 0))),
                    OverSeeds.Cell(all.Select(o => o.VoteEntropy())), OverSeeds.Cell(all.Select(o => o.DistinctChoices())),
                    OverSeeds.Cell(all.Select(o => o.Measured.RewardEntropy)),
                ];
            }),
        ],
        "Entropy and distinct choices of the members' votes on one item, mean over items.");

    private ResultTable PairTable() => new(
        "Preference pairs right", ["Panel", .. RewardPair.Sections, "mean of sections"],
        [
            .. _names.Select(name => (IReadOnlyList<ResultCell>)
            [
                name, .. RewardPair.Sections.Select(section => OverSeeds.Cell(Of(name).Select(o => o.SectionScore(section)).OfType<double>())),
                OverSeeds.Cell(Of(name).Select(o => o.PairScore())),
            ]),
        ],
        "Pairs a seed: "
            + $"{string.Join(", ", RewardPair.Sections.Select(s => $"{s} {RewardPair.Of(_outcomes[0].Test).Count(p => p.Section == s)}"))}; "
            + $"unscored: {_outcomes.Sum(o => o.Measured.PairCredits.Count(c => c is null))}.");

    private ResultTable PolicyTable() => new(
        $"Policies ({_configuration.Policy}) trained on the rewards", ["Panel", "Utility", "Competence", "Conformity", "Policy entropy (bits)"],
        [
            .. _names.Select(name =>
            {
                PanelOutcome[] all = [.. Of(name)];
                UtilityMeasurement[] measured = [.. all.Select(o => UtilityMetrics.Measure(o.Measured.PolicyChoices, o.Truth))];
                return (IReadOnlyList<ResultCell>)
                [
                    name, OverSeeds.Of(measured.Select(m => m.Utility)), OverSeeds.Of(measured.Select(m => m.Competence)),
                    OverSeeds.Of(measured.Select(m => m.Conformity)), OverSeeds.Cell(all.Select(o => o.Measured.PolicyEntropy)),
                ];
            }),
        ],
        $"Utility and competence are corrected for chance. {_configuration.TestItems} items a seed.");

    private ResultTable ComparisonTable() => new(
        $"Panels against {_names[0]}, paired by item", ["Measure", .. SeedComparison.Columns],
        [
            .. _pairs.Select(c => (IReadOnlyList<ResultCell>)["pairs right", .. c.Row()]),
            .. _policies.Select(c => (IReadOnlyList<ResultCell>)["policy's good choices", .. c.Row()]),
        ]);

    // All members of all panels, mean over seeds.
    private ResultGrid Grid()
    {
        string[] labels = [.. _configuration.Panels.SelectMany(panel => panel.Members.Select((m, i) => $"{panel.Name} {i + 1}: {m.Label}"))];
        IReadOnlyList<IReadOnlyList<double>>[] bySeed =
        [
            .. _configuration.Seeds.Select(seed => ErrorCorrelation.Measure(
                [.. _outcomes.Where(o => o.Seed == seed).SelectMany(o => o.Errors())], new RandomStream(seed).Fork("grid")).Matrix),
        ];
        return new ResultGrid(
            "Correlation of errors, mean over seeds", "reward model", labels, "reward model", labels,
            [.. labels.Select((_, a) => (IReadOnlyList<double?>)[.. labels.Select((_, b) => (double?)bySeed.Average(matrix => matrix[a][b]))])]);
    }

    private IEnumerable<PanelOutcome> Of(string name) => _outcomes.Where(o => o.Panel.Name == name);

    private SeedOutcomes Over(string name, Func<PanelOutcome, double?[]> outcomes) => new(name, [.. Of(name).Select(outcomes)]);

    private static double?[] Good(PanelOutcome outcome) => SeedOutcomes.Good(outcome.Measured.PolicyChoices, outcome.Truth);
}
