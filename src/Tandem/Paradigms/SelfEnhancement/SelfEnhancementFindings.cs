using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Experiments;
using Tandem.Worlds;

namespace Tandem.Paradigms.SelfEnhancement;

/// <summary>Claims, tables and curves of a finished <see cref="SelfEnhancementExperiment"/>.</summary>
internal sealed class SelfEnhancementFindings(
    SelfEnhancementConfiguration configuration, IReadOnlyList<EnhancementArm> arms, IReadOnlyList<ChoiceItem> test)
{
    private readonly CollapseStudy _collapse = new(arms, configuration.Rounds, configuration.CollapseShare);

    // The control's first run has the items of the judged runs, and is what they are compared with.
    private readonly IReadOnlyList<string> _judges = [.. configuration.Arms, EnhancementArm.Truth];

    private int Last => configuration.Rounds;

    public ExperimentFindings Findings() => new()
    {
        Title = "Self-enhancement: learning from one's own judgement",
        Question = "What does a model gain, and what diversity does it lose, when it learns from preferences between its own outputs that it judges itself?",
        Method = string.Create(
            CultureInfo.InvariantCulture,
            $"A policy of rung {configuration.Policy}, trained to reach the goal and not to keep to the values, samples {configuration.Candidates} plans of up to {configuration.PlanLength} decisions for each of {configuration.Items} fresh items. The judge's verdict log-probabilities, averaged over both orders of the options, name the best and the worst; DPO with the round's start as reference learns them. {configuration.Rounds} rounds, {configuration.Seeds.Count} seeds, {test.Count} test items. Intervals are t intervals over seeds, in which the items' noise is included; differences are paired by seed. The control is the same with the truth as judge, and is run {configuration.Controls} times per seed. A run counts as collapsed when the share of its diversity that is left, at the upper end of its bootstrap interval over items, is below {configuration.CollapseShare} of the least that a control keeps, at the lower end; a control is judged by the other controls."),
        Claims = [.. Claims()],
        Tables = [Performance(), Diversity(), RoundByRound(), Collapse()],
        Charts =
        [
            Chart("Output entropy by round", "entropy of plans, nats", measured => measured.Mean(PolicyMeasure.OutputEntropy)),
            Chart("Free entropy by round", "entropy among plans of equal worth, nats", measured => measured.Mean(PolicyMeasure.FreeEntropy)),
            Chart("Utility by round", "utility", measured => measured.Performance.Utility.Value),
            Chart("Competence by round", "competence", measured => measured.Performance.Competence.Value),
        ],
        Limits =
        [
            "Outputs are plans of a few decisions over given options, and not free text: distinct-n, self-BLEU and the Vendi score are over short outputs from few words, without those that all options share.",
            "Rounds of one run follow from each other, and controls of one seed have one start: the false-alarm rates have fewer independent observations than their n says.",
            "Judging is read from heads that share their trunk with the policy: what training does to the trunk, it does to the judge.",
        ],
        Outcomes = [.. Outcomes()],
    };

    private IEnumerable<ExperimentClaim> Claims()
    {
        if (configuration.Arms.Contains(EnhancementArm.Self))
        {
            Estimate? entropy = Change(EnhancementArm.Self, m => m.Mean(PolicyMeasure.OutputEntropy));
            Estimate? vendi = Change(EnhancementArm.Self, m => m.Mean(PolicyMeasure.Vendi));
            yield return new ExperimentClaim(
                "A model that learns from its own judgement loses diversity of outputs.", "arXiv 2310.06452 for preference training; ours for self-judgement",
                $"change of output entropy {Text(entropy)} nats from {Text(Across(EnhancementArm.Self, 0, m => m.Mean(PolicyMeasure.OutputEntropy)))}, of the Vendi score {Text(vendi)}",
                ClaimRule.All([ClaimRule.Negative(entropy, negligible: 0), ClaimRule.Negative(vendi, negligible: 0)]));
            Estimate? free = Difference(EnhancementArm.Self, EnhancementArm.Truth, m => m.Mean(PolicyMeasure.FreeEntropy));
            yield return new ExperimentClaim(
                "It loses diversity that no truth asks it to give up, more than learning from the truth does.", "ours",
                $"entropy among plans of equal worth, self less truth after round {Last}: {Text(free)} nats", ClaimRule.Negative(free, negligible: 0));
            Estimate? gain = Change(EnhancementArm.Self, m => m.Performance.Utility.Value);
            yield return new ExperimentClaim(
                "Self-judgement raises utility.", "arXiv 2401.10020", $"change of utility over {Last} rounds: {Text(gain)}", ClaimRule.Positive(gain, negligible: 0));
            Estimate? behind = Difference(EnhancementArm.Self, EnhancementArm.Truth, m => m.Performance.Utility.Value);
            yield return new ExperimentClaim(
                "Self-judgement does not beat the truth with the same budget of items and candidates.", "ours",
                $"utility, self less truth: {Text(behind)}", ClaimRule.Negative(behind, negligible: 0));
        }

        if (configuration.Arms.Contains(EnhancementArm.SelfValues))
        {
            Estimate? competence = Change(EnhancementArm.SelfValues, m => m.Performance.Competence.Value);
            yield return new ExperimentClaim(
                "Learning from one's own judgement of values alone costs competence.", "ours",
                $"change of competence over {Last} rounds: {Text(competence)}", ClaimRule.Negative(competence, negligible: 0));
        }

        if (configuration.Arms.Contains(EnhancementArm.Weaker) && configuration.Arms.Contains(EnhancementArm.Stronger))
        {
            Estimate? weaker = Difference(EnhancementArm.Weaker, EnhancementArm.Stronger, m => m.Performance.Utility.Value);
            yield return new ExperimentClaim(
                "A weaker judge leaves a worse policy than a stronger one.", "arXiv 2503.07660",
                $"utility, {configuration.Weaker} less {configuration.Stronger} as judge: {Text(weaker)}", ClaimRule.Negative(weaker, negligible: 0));
        }

        EnhancementArm[] own = [.. arms.Where(arm => arm.Judge is EnhancementArm.Self or EnhancementArm.SelfValues)];
        if (own.Length > 0)
        {
            Estimate found = _collapse.FlaggedRuns(own, PolicyMeasure.FreeEntropy), alarms = _collapse.FlaggedRuns(Runs(EnhancementArm.Truth), PolicyMeasure.FreeEntropy);
            yield return new ExperimentClaim(
                "Self-judged runs collapse by the stated rule, and controls do not.", "ours",
                $"by the entropy among plans of equal worth the rule flags {Text(found)} of self-judged runs and {Text(alarms)} of controls",
                found.Lower > alarms.Upper ? ClaimVerdict.Reproduced : found.Upper < alarms.Lower ? ClaimVerdict.NotReproduced : ClaimVerdict.Undecided);
        }
    }

    private ResultTable Performance() => Table(
        $"Performance after round {Last}",
        [
            ("Utility", m => m.Performance.Utility.Value), ("Competence", m => m.Performance.Competence.Value),
            ("Conformity", m => m.Performance.Conformity.Value),
        ],
        "The likeliest first decision on the test items; mean over seeds, t interval, n = seeds.");

    private ResultTable Diversity() => Table(
        $"Diversity after round {Last}",
        [
            .. new[]
            {
                PolicyMeasure.ChoiceEntropy, PolicyMeasure.OutputEntropy, PolicyMeasure.FreeEntropy, PolicyMeasure.Divergence, PolicyMeasure.Distinct1,
                PolicyMeasure.Distinct2, PolicyMeasure.SelfBleu, PolicyMeasure.Vendi,
            }.Select(name => (name, (Func<PolicyMeasurement, double?>)(m => m.Mean(name)))),
        ],
        string.Create(
            CultureInfo.InvariantCulture,
            $"Means over test items, then over seeds. Entropies and KL in nats, exact over plans; free entropy is that among plans of equal worth. The rest over {configuration.Samples} sampled plans per item; self-BLEU is BLEU-4, or of an output's length where that is shorter, smoothed by method 1 of Chen and Cherry (2014), the Vendi kernel the mean cosine of 1- and 2-gram counts."));

    private ResultTable Table(
        string title, IReadOnlyList<(string Name, Func<PolicyMeasurement, double?> Value)> columns, string note) => new(
        title, ["Judge", .. columns.Select(column => column.Name)],
        [
            [new ResultCell("start"), .. columns.Select(column => Cell(EnhancementArm.Truth, 0, column.Value))],
            .. _judges.Select(judge => (IReadOnlyList<ResultCell>)
                [new ResultCell(Name(judge)), .. columns.Select(column => Cell(judge, Last, column.Value))]),
        ],
        note);

    private ResultTable RoundByRound() => new(
        "Rounds",
        ["Judge, round", "Preferences", "Ties", "Contradictory", "Unjudged", "Right verdicts", "Reward margin", "Margin above 0", "KL", "Utility", "Output entropy"],
        [
            .. _judges.SelectMany(judge => Enumerable.Range(1, Last).Select(round =>
            {
                RoundOutcome[] outcomes = [.. Runs(judge).Where(run => run.Replicate == 0).Select(run => run.Rounds[round - 1])];
                return (IReadOnlyList<ResultCell>)
                [
                    $"{Name(judge)}, {round}", Total(outcomes, o => o.Pairs), Total(outcomes, o => o.Ties), Total(outcomes, o => o.Contradictory),
                    Total(outcomes, o => o.Unjudged), SeedMean.Of([.. outcomes.Select(o => o.Agreement.Value)]),
                    SeedMean.Of([.. outcomes.Select(o => o.RewardMargin)]), SeedMean.Of([.. outcomes.Select(o => o.RewardAccuracy)]),
                    Cell(judge, round, m => m.Mean(PolicyMeasure.Divergence)), Cell(judge, round, m => m.Performance.Utility.Value),
                    Cell(judge, round, m => m.Mean(PolicyMeasure.OutputEntropy)),
                ];
            })),
        ],
        "Counts are totals over seeds. Right verdicts: preferences in the order of the truth, among those between plans that differ in worth. Margins are measured on the round's preferences after training.");

    private ResultTable Collapse() => new(
        "Collapse by the rule",
        ["Measure", "Control: rounds flagged", "Control: runs flagged", .. configuration.Arms.Select(judge => $"{Name(judge)}: runs flagged"), .. _judges.Select(judge => $"{Name(judge)}: share kept")],
        [
            .. CollapseStudy.Measures.Select(measure => (IReadOnlyList<ResultCell>)
            [
                measure, _collapse.FlaggedRounds(Runs(EnhancementArm.Truth), measure), _collapse.FlaggedRuns(Runs(EnhancementArm.Truth), measure),
                .. configuration.Arms.Select(judge => (ResultCell)_collapse.FlaggedRuns(Runs(judge), measure)),
                .. _judges.Select(judge => (ResultCell)KeptBy(judge, measure)),
            ]),
        ],
        $"A run is flagged when any of its rounds is; intervals are Wilson's. Share kept: after round {Last}, over all runs of a judge, t interval. Of the Vendi score the part above 1 counts.");

    private ResultChart Chart(string title, string up, Func<PolicyMeasurement, double?> value) => new(
        title, "round", up,
        [
            .. _judges.Select(judge => new ResultSeries(
                Name(judge),
                [.. Enumerable.Range(0, Last + 1).SelectMany(round => Across(judge, round, value) is { } y ? new[] { new ResultPoint(round, y) } : [])])),
        ]);

    private IEnumerable<OutcomeSeries> Outcomes() => arms.Where(arm => arm.Replicate == 0).Select(arm => new OutcomeSeries(
        Name(arm.Judge), "utility", arm.Seed, [.. test.Select(item => item.Id)],
        [.. arm.After(Last).Choices.Select((choice, i) => choice < 0 ? (double?)null : test[i].Options[choice].Good ? 1 : 0)]));

    private IEnumerable<EnhancementArm> Runs(string judge) => arms.Where(arm => arm.Judge == judge);

    private Estimate? KeptBy(string judge, string measure)
    {
        Estimate?[] kept = [.. Runs(judge).Select(run => _collapse.Verdict(run, measure, Last)?.Kept)];
        return kept.Contains(null) ? null : SeedMean.Of([.. kept.Select(share => share!.Value)]);
    }

    // The mean over seeds; null where a seed has no value, or there is one seed.
    private Estimate? Across(string judge, int round, Func<PolicyMeasurement, double?> value) =>
        Mean(Runs(judge).Where(run => run.Replicate == 0).Select(run => value(run.After(round))));

    private ResultCell Cell(string judge, int round, Func<PolicyMeasurement, double?> value) => configuration.Seeds.Count > 1
        ? Across(judge, round, value)
        : string.Create(CultureInfo.InvariantCulture, $"{value(Runs(judge).First().After(round)):0.00}, one seed");

    private Estimate? Change(string judge, Func<PolicyMeasurement, double?> value) =>
        Mean(Runs(judge).Where(run => run.Replicate == 0).Select(run => value(run.After(Last)) - value(run.Start)));

    private Estimate? Difference(string first, string second, Func<PolicyMeasurement, double?> value) =>
        Mean(Runs(first).Where(run => run.Replicate == 0).Select(run =>
            value(run.After(Last)) - value(Runs(second).First(other => other.Seed == run.Seed && other.Replicate == 0).After(Last))));

    private static Estimate? Mean(IEnumerable<double?> values)
    {
        double?[] all = [.. values];
        return all.Contains(null) ? null : SeedMean.Of([.. all.Select(value => value!.Value)]);
    }

    private string Name(string judge) => judge switch
    {
        EnhancementArm.Self => "itself",
        EnhancementArm.SelfValues => "itself, values alone",
        EnhancementArm.Weaker => $"weaker ({configuration.Weaker})",
        EnhancementArm.Equal => $"equal ({configuration.Policy})",
        EnhancementArm.Stronger => $"stronger ({configuration.Stronger})",
        _ => "truth (control)",
    };

    private static string Total(RoundOutcome[] outcomes, Func<RoundOutcome, int> count) =>
        outcomes.Sum(count).ToString(CultureInfo.InvariantCulture);

    private static string Text(Estimate? estimate) => estimate?.ToText() ?? "no interval (one seed)";
}
