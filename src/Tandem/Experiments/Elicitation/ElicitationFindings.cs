using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Worlds;

namespace Tandem.Experiments.Elicitation;

/// <summary>Condenses what <see cref="ElicitationExperiment"/> measured into findings.</summary>
internal sealed class ElicitationFindings(
    ElicitationConfiguration configuration, IReadOnlyList<ElicitedRung> rungs, IReadOnlyList<ChoiceItem> test, string? prompt)
{
    private const double NegligibleCorrelation = 0.2;

    // The share of the ceiling that counts as reached.
    private const double Reached = 0.9;

    private readonly IReadOnlyList<ItemTruth> _truth = TestSuite.TruthOf(test);

    private int[] Counts => [.. configuration.Labels, configuration.CeilingLabels];

    /// <summary>All findings.</summary>
    public ExperimentFindings Write() => new()
    {
        Title = "Capacity and elicited utility",
        Question = "How much of what a rung can do does each way of eliciting bring out, and how many labels does that take?",
        Method = string.Create(
            CultureInfo.InvariantCulture,
            $"{rungs.Count} rungs, {test.Count} test items, {configuration.Seeds.Count} seeds of items and orders. The ceiling is fine-tuning on {configuration.CeilingLabels} true labels; fewer labels are the first of the same, in at least {configuration.MinimumSteps} steps; probes are softmax regressions on the frozen rung's activations. ")
            + (prompt is null ? "The family has no way to ask without labels." : $"Prompt only: {prompt}.")
            + " Intervals cover seeds (t) and items; those of shares, labels and claims, which compare on the same items, seeds alone; those of the prompt, which has no seed, items.",
        Claims = [ProbeIsALowerBound(), LabelsFallWithCapacity()],
        Tables = [Utilities(), Shares(), LabelsTable()],
        Charts = [.. Charts()],
        Limits =
        [
            "Capacity is what fine-tuning with this many labels reaches, itself a lower bound.",
            .. prompt is null ? ["Prompt-only elicitation was not measured."] : (string[])[],
        ],
        Outcomes = [.. Outcomes()],
    };

    private Estimate Utility(IReadOnlyList<int> choices) => UtilityMetrics.Measure(choices, _truth).Utility;

    private Estimate? Tuned(ElicitedRung rung, int place) => AcrossSeeds.Mean([.. rung.Seeds.Select(seed => Utility(seed.Tuned[place]))]);

    private Estimate? Probed(ElicitedRung rung, int place) => AcrossSeeds.Mean([.. rung.Seeds.Select(seed => Utility(seed.Probes[place]))]);

    private Estimate? Ceiling(ElicitedRung rung) => Tuned(rung, Counts.Length - 1);

    private ResultTable Utilities() => new(
        "Utility by elicitation",
        ["Rung", "Parameters", "Prompt only", .. Counts.Select(count => $"Probe, {count}"), .. configuration.Labels.Select(count => $"Tuned, {count}"), $"Ceiling, {configuration.CeilingLabels}"],
        [
            .. rungs.Select(rung => (IReadOnlyList<ResultCell>)
            [
                rung.Rung.Name, rung.Rung.ParameterCount.ToString("#,0", CultureInfo.InvariantCulture),
                rung.Prompt is null ? null : Utility(rung.Prompt), .. Counts.Select((_, place) => (ResultCell)Probed(rung, place)),
                .. Counts.Select((_, place) => (ResultCell)Tuned(rung, place)),
            ]),
        ],
        "Probe and tuned: the number of true labels.");

    private ResultTable Shares() => new(
        "Share of the ceiling",
        ["Rung", "Prompt only", $"Probe, {configuration.CeilingLabels}", .. configuration.Labels.Select(count => $"Tuned, {count}")],
        [
            .. rungs.Select(rung => (IReadOnlyList<ResultCell>)
            [
                rung.Rung.Name, rung.Prompt is { } asked ? Share(rung, _ => asked) : null, Share(rung, seed => seed.Probes[^1]),
                .. configuration.Labels.Select((_, place) => (ResultCell)Share(rung, seed => seed.Tuned[place])),
            ]),
        ],
        "– where a seed's ceiling is within noise of chance, or there is one seed.");

    private Estimate? Share(ElicitedRung rung, Func<ElicitedSeed, IReadOnlyList<int>> choices) => rung.Seeds.All(HasCeiling)
        ? AcrossSeeds.Mean(rung.Seeds.Select(seed => (double?)(Utility(choices(seed)).Value / Utility(seed.Tuned[^1]).Value)))
        : null;

    private bool HasCeiling(ElicitedSeed seed) => Utility(seed.Tuned[^1]).Lower > 0;

    private ResultTable LabelsTable() => new(
        $"Labels needed for {Reached:0%} of the ceiling", ["Rung", "Ceiling", "log2 of the labels"],
        [.. rungs.Select(rung => (IReadOnlyList<ResultCell>)[rung.Rung.Name, Ceiling(rung), AcrossSeeds.Mean(rung.Seeds.Select(Needed))])],
        $"Interpolated in the logarithm between the numbers of labels tried; {configuration.Labels[0]} (2^{Math.Log2(configuration.Labels[0]).ToString("0.#", CultureInfo.InvariantCulture)}) where the fewest suffice.");

    private double? Needed(ElicitedSeed seed) => HasCeiling(seed)
        ? LabelsNeeded([.. Counts.Select(count => Math.Log2(count))], [.. seed.Tuned.Select(choices => Utility(choices).Value)], Reached)
        : null;

    /// <summary>Where a curve first reaches a share of its last value, interpolated linearly; its first place where it starts there.</summary>
    internal static double LabelsNeeded(IReadOnlyList<double> places, IReadOnlyList<double> utilities, double share)
    {
        double target = share * utilities[^1];
        int reached = Enumerable.Range(0, utilities.Count).First(j => utilities[j] >= target);
        return reached == 0
            ? places[0]
            : places[reached - 1] + ((places[reached] - places[reached - 1]) * (target - utilities[reached - 1]) / (utilities[reached] - utilities[reached - 1]));
    }

    private ExperimentClaim ProbeIsALowerBound()
    {
        Estimate?[] full = [.. rungs.Select(rung => Advantage(rung, Counts.Length - 1))];
        Estimate?[] few = [.. rungs.Select(rung => Advantage(rung, 0))];
        return new ExperimentClaim(
            "A linear probe is a lower bound of fine-tuning on the same labels", "arXiv 1610.01644; ours",
            $"Tuned less probe at {configuration.CeilingLabels} labels: {ByRung(full)}; at {configuration.Labels[0]} labels: {ByRung(few)}.",
            ClaimRule.Positive(full));
    }

    private Estimate? Advantage(ElicitedRung rung, int place) =>
        AcrossSeeds.Mean(rung.Seeds.Select(seed => (double?)(Utility(seed.Tuned[place]).Value - Utility(seed.Probes[place]).Value)));

    private ExperimentClaim LabelsFallWithCapacity()
    {
        // A rung whose ceiling is chance in some seed has no number of labels, and is left out in all of them.
        ElicitedRung[] measured = [.. rungs.Where(rung => rung.Seeds.All(HasCeiling))];
        double[] capacity = [.. measured.Select(rung => rung.Seeds.Average(seed => Utility(seed.Tuned[^1]).Value))];
        Estimate? correlation = AcrossSeeds.Mean(Enumerable.Range(0, configuration.Seeds.Count).Select(seed =>
            AcrossSeeds.Correlation(capacity, [.. measured.Select(rung => Needed(rung.Seeds[seed])!.Value)])));
        return new ExperimentClaim(
            $"The labels needed for {Reached:0%} of the ceiling fall with capacity", "arXiv 2312.09390; ours",
            $"Correlation over {measured.Length} rungs of log2 labels with the ceiling's utility: {AcrossSeeds.Text(correlation)}; there is none where every rung needs as many.",
            ClaimRule.Negative(correlation, NegligibleCorrelation));
    }

    private string ByRung(IReadOnlyList<Estimate?> effects) => string.Join("; ", rungs.Zip(effects, (rung, effect) => $"{rung.Rung.Name} {AcrossSeeds.Text(effect)}"));

    private IEnumerable<ResultChart> Charts()
    {
        (string Name, Func<ElicitedRung, Estimate?> Utility)[] ways =
        [
            ("prompt only", rung => rung.Prompt is { } asked ? Utility(asked) : null), ("probe", rung => Probed(rung, Counts.Length - 1)),
            .. configuration.Labels.Select((count, place) => ($"tuned on {count}", (Func<ElicitedRung, Estimate?>)(rung => Tuned(rung, place)))),
        ];
        yield return new ResultChart(
            "Capacity against elicited utility", "capacity (utility of the ceiling)", "utility",
            [
                .. ways.Select(way => new ResultSeries(
                    way.Name,
                    [.. rungs.Where(rung => way.Utility(rung) is not null).OrderBy(rung => Ceiling(rung)!.Value).Select(rung => new ResultPoint(Ceiling(rung)!.Value, way.Utility(rung)!))])),
            ]);
        yield return new ResultChart(
            "Utility by number of labels", "log2 of the labels", "utility",
            [.. rungs.Select(rung => new ResultSeries(rung.Rung.Name, [.. Counts.Select((count, place) => new ResultPoint(Math.Log2(count), Tuned(rung, place)!))]))]);
    }

    private IEnumerable<OutcomeSeries> Outcomes()
    {
        string[] items = [.. test.Select(item => item.Id)];
        return from rung in rungs
               from seed in rung.Seeds
               from way in new[] { (Name: "ceiling", Choices: seed.Tuned[^1]), (Name: "probe", Choices: seed.Probes[^1]) }
               select new OutcomeSeries(
                   $"{rung.Rung.Name}, {way.Name}", "utility", seed.Seed, items,
                   [.. way.Choices.Select((choice, i) => choice == Choices.Unscored ? (double?)null : _truth[i].IsGood(choice) ? 1 : 0)]);
    }
}
