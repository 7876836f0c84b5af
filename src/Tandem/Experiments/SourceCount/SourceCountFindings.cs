using System.Globalization;
using Tandem.Evaluation;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Experiments.SourceCount;

/// <summary>Puts what was measured of all seeds into claims, tables and charts.</summary>
internal sealed class SourceCountFindings(SourceCountConfiguration configuration, IReadOnlyList<SourceCountSeed> seeds)
{
    private readonly int _sources = seeds[0].Labels[0].MajorityBySize.Count;

    // The condition without injection comes first.
    private int Weakest => 1;

    private int Strongest => seeds[0].Labels.Count - 1;

    private bool Several => _sources > 1;

    public ExperimentFindings Write()
    {
        IReadOnlyList<SeedComparison> students = CompareStudents();
        return new ExperimentFindings
        {
            Title = "How many sources of supervision",
            Question = "How much does each further source of supervision add, and at what correlation of their errors does combining stop helping?",
            Method = string.Create(
                CultureInfo.InvariantCulture,
                $"{Sources()}; each model is taught on {configuration.TeachingItems} items of its own by a simulated human (error rate "
                    + $"{configuration.Human.Rate:0.##} at depth 1, × {configuration.Human.Growth:0.##} a level). All label the same "
                    + $"{configuration.PoolItems} fresh items. Shared bias β deals each source's errors anew, as many as it made: on the share β of "
                    + $"items by one coin that all sources see, elsewhere by coins of their own. Rules are measured on the items without a reference "
                    + $"label ({configuration.ReferenceItems} have one, for the stack). Students are {configuration.Student} trained on the combined "
                    + $"labels, measured on {configuration.TestItems} test items. Intervals are Student's t over the seeds ({seeds.Count}); of one seed, over its items."),
            Claims = [MoreThanOne(), FallsWithBias(), Predicted(), Students(students), StudentsUnderBias(students)],
            Tables = [LabelTable(), RuleTable(), StudentTable(), ComparisonTable(students)],
            Charts = Several ? [SizeChart(), RuleChart(), BenefitChart()] : [],
            Limits =
            [
                "The human is simulated; a shared error here is a coin of the experiment's, not a misconception with reasons.",
                "An injected error falls on any item, a natural one on the harder ones: what students lose to the one is not what they lose to the other.",
                "n_eff is a design effect of means of equally correlated sources; the prediction takes all sources to be as good as their "
                    + "mean, and wrong options to be equally likely.",
                "The stack is fitted to labels that the other rules do not get.",
            ],
            Outcomes = [.. seeds.SelectMany(seed => seed.Students.Select(student => new OutcomeSeries(
                student.Name, "good choice", seed.Seed, [.. student.Test.Select(item => item.Id)], student.Good())))],
        };
    }

    private string Sources() => string.Join(", ", configuration.Sources.Select(source => source.Label))
        + (configuration.HumanIsSource ? " and the simulated human" : "");

    private ExperimentClaim MoreThanOne()
    {
        double[] gain = [.. seeds.Select(seed => seed.Labels[Weakest].Benefit)];
        return new ExperimentClaim(
            "Several sources whose errors are uncorrelated label better than one", "arXiv 2503.07660 (diverse signals); Condorcet 1785",
            $"Majority of {_sources} less one, at β = {Strength(Weakest)}: {OverSeeds.ToSignedText(gain)}; seeds: {seeds.Count}, of "
                + $"{configuration.PoolItems} items.",
            ClaimRule.OverSeeds(OverSeeds.Of(gain), seeds.Count));
    }

    private ExperimentClaim FallsWithBias()
    {
        double[] fall = [.. seeds.Select(seed => (seed.Labels[Weakest].Benefit - seed.Labels[Strongest].Benefit) / Math.Max(1, _sources - 1))];
        int? stops = Biased().Where(c => seeds.Average(seed => seed.Labels[c].Benefit) < ClaimRule.Negligible).Cast<int?>().FirstOrDefault();
        string where = stops is { } c
            ? $" At β = {Strength(c)} combining all {_sources} adds less than {Number(ClaimRule.Negligible)}."
            : $" Combining all {_sources} still adds {Number(ClaimRule.Negligible)} or more at β = {Strength(Strongest)}.";
        return new ExperimentClaim(
            "The marginal benefit of a source falls with shared bias", "ours",
            $"Benefit per further source at β = {Strength(Weakest)} less that at β = {Strength(Strongest)}: "
                + $"{OverSeeds.ToSignedText(fall)}; seeds: {seeds.Count}.{where}",
            ClaimRule.Positive(OverSeeds.Of(fall), negligible: 0));
    }

    // The error of the prediction from n_eff beside that from the number of sources, over all strengths and sizes from 2.
    private ExperimentClaim Predicted()
    {
        double[] effective = [.. seeds.Select(seed => Misses(seed, (labels, n) => EffectiveOf(labels, n)))];
        double[] counted = [.. seeds.Select(seed => Misses(seed, (_, n) => n))];
        double[] better = [.. counted.Zip(effective, (a, b) => a - b)];
        return new ExperimentClaim(
            "The measured n_eff predicts what combining adds", "ours; Kish 1965",
            string.Create(
                CultureInfo.InvariantCulture,
                $"Mean error of the predicted accuracy of a majority: {effective.Average():0.000} with n_eff, {counted.Average():0.000} with "
                    + $"the number of sources; less by {OverSeeds.ToSignedText(better)}; seeds: {seeds.Count}."),
            ClaimRule.Positive(OverSeeds.Of(better), negligible: 0));

        double Misses(SourceCountSeed seed, Func<LabelMeasurement, int, double> count) => !Several ? 0 : seed.Labels.Skip(Weakest)
            .SelectMany(labels => Enumerable.Range(2, _sources - 1).Select(n => Math.Abs(
                labels.MajorityBySize[n - 1].Value - CondorcetAccuracy.Of(count(labels, n), labels.SourceAccuracy, seed.Options))))
            .Average();
    }

    private static double EffectiveOf(LabelMeasurement labels, int sources) => ErrorCorrelation.EffectiveCount(sources, labels.Correlation.Value);

    private ExperimentClaim Students(IReadOnlyList<SeedComparison> comparisons)
    {
        SeedComparison[] rules = [.. comparisons.Take(LabelMeasurement.Rules.Count)];
        return new ExperimentClaim(
            "A student of all sources is better than a student of one", "arXiv 2503.07660", string.Join("; ", rules.Select(c => c.ToText())) + ".",
            ClaimRule.All([.. rules.Select(c => c.Verdict)]));
    }

    private static ExperimentClaim StudentsUnderBias(IReadOnlyList<SeedComparison> comparisons)
    {
        SeedComparison[] bias = [.. comparisons.Skip(LabelMeasurement.Rules.Count)];
        return new ExperimentClaim(
            "Labels whose errors are shared make a worse student than labels of the same sources with uncorrelated errors", "ours",
            bias.Length == 0 ? "Not measured: fewer than two strengths." : bias[0].ToText() + ".", bias.Length == 0 ? ClaimVerdict.Undecided : bias[0].Verdict);
    }

    private IReadOnlyList<SeedComparison> CompareStudents()
    {
        List<(SeedOutcomes, SeedOutcomes)> pairs = [.. LabelMeasurement.Rules.Select(rule => (Of($"all, {rule}"), Of("one source")))];
        if (configuration.StudentBias.Count > 1)
            pairs.Add((Of(SourceCountExperiment.Biased(configuration.StudentBias.Min())), Of(SourceCountExperiment.Biased(configuration.StudentBias.Max()))));
        return SeedComparison.Of(pairs, new RandomStream(0).Fork("students"));

        SeedOutcomes Of(string name) => new(name, [.. seeds.Select(seed => seed.Students.First(student => student.Name == name).Good())]);
    }

    private ResultTable LabelTable() => new(
        "Labels of the pool by shared bias",
        ["β", "One source", $"Majority of {_sources}", "Benefit", "Benefit of the last source", "ρ̄", "n_eff", "Predicted from n_eff"],
        [
            .. Enumerable.Range(0, seeds[0].Labels.Count).Select(c => (IReadOnlyList<ResultCell>)
            [
                Strength(c),
                OverSeeds.Of(seeds.Select(seed => seed.Labels[c].MajorityBySize[0])),
                OverSeeds.Of(seeds.Select(seed => seed.Labels[c].MajorityBySize[^1])),
                OverSeeds.Cell(seeds.Select(seed => seed.Labels[c].Benefit)),
                OverSeeds.Of(seeds.Select(seed => seed.Labels[c].MarginOfLast).OfType<Estimate>()),
                OverSeeds.Of(seeds.Select(seed => seed.Labels[c].Correlation)),
                OverSeeds.Of(seeds.Select(seed => seed.Labels[c].EffectiveSources)),
                Number(seeds.Average(seed => Predicted(seed, c))),
            ]),
        ],
        "“As they are” is without injection: there errors fall on the same, harder items. The prediction is the accuracy of a "
            + "majority of n_eff independent sources as good as the mean.");

    private ResultTable RuleTable() => new(
        $"Accuracy of the labels of {_sources} sources, by rule",
        ["β", .. LabelMeasurement.Rules],
        [
            .. Enumerable.Range(0, seeds[0].Labels.Count).Select(c => (IReadOnlyList<ResultCell>)
            [
                Strength(c),
                .. LabelMeasurement.Rules.Select((_, r) => OverSeeds.Cell(seeds.Select(seed => seed.Labels[c].AccuracyByRule[r][^1]))),
            ]),
        ],
        $"On the {configuration.PoolItems - configuration.ReferenceItems} items without a reference label.");

    private ResultTable StudentTable() => new(
        $"Students ({configuration.Student}) on test items",
        ["Trained on", "Utility", "Competence", "Conformity"],
        [
            .. seeds[0].Students.Select(student => student.Name).Select(name =>
            {
                UtilityMeasurement[] all = [.. seeds.Select(seed => seed.Students.First(s => s.Name == name).Measure())];
                return (IReadOnlyList<ResultCell>)
                    [name, OverSeeds.Of(all.Select(m => m.Utility)), OverSeeds.Of(all.Select(m => m.Competence)), OverSeeds.Of(all.Select(m => m.Conformity))];
            }),
        ],
        $"Utility and competence are corrected for chance. {configuration.TestItems} items a seed; unscored: "
            + $"{seeds.Sum(seed => seed.Students.Sum(s => s.Measure().Unscored))}.");

    private static ResultTable ComparisonTable(IReadOnlyList<SeedComparison> comparisons) => new(
        "Students, paired by item", SeedComparison.Columns, [.. comparisons.Select(comparison => comparison.Row())],
        "Differences in the rate of good choices.");

    private ResultChart SizeChart() => new(
        "Majority by the number of sources", "sources", "labels right",
        [
            .. Enumerable.Range(0, seeds[0].Labels.Count).Select(c => new ResultSeries(
                c == 0 ? Strength(c) : $"β = {Strength(c)}",
                [.. Enumerable.Range(0, _sources).Select(n => new ResultPoint(n + 1, OverSeeds.Of(seeds.Select(seed => seed.Labels[c].MajorityBySize[n]))!))])),
        ]);

    private ResultChart RuleChart() => new(
        "Rules by the number of sources, errors as they are", "sources", "labels right",
        [
            .. LabelMeasurement.Rules.Select((rule, r) => new ResultSeries(
                rule, [.. Enumerable.Range(0, _sources).Select(n => Point(n + 1, seed => seed.Labels[0].AccuracyByRule[r][n]))])),
        ]);

    private ResultChart BenefitChart() => new(
        $"Majority of {_sources} by shared bias", "β", "labels right",
        [
            new ResultSeries("measured", [.. Biased().Select(c => Point(BiasOf(c), seed => seed.Labels[c].MajorityBySize[^1].Value))]),
            new ResultSeries("predicted from n_eff", [.. Biased().Select(c => Point(BiasOf(c), seed => Predicted(seed, c)))]),
            new ResultSeries("one source", [.. Biased().Select(c => Point(BiasOf(c), seed => seed.Labels[c].MajorityBySize[0].Value))]),
        ]);

    private IEnumerable<int> Biased() => Enumerable.Range(Weakest, Strongest);

    private double BiasOf(int condition) => seeds[0].Labels[condition].Bias!.Value;

    // Of a single seed a point without an interval.
    private ResultPoint Point(double x, Func<SourceCountSeed, double> value)
    {
        double[] values = [.. seeds.Select(value)];
        return new ResultPoint(x, OverSeeds.Of(values) ?? new Estimate(values[0], values[0], values[0], 1));
    }

    private double Predicted(SourceCountSeed seed, int condition) => CondorcetAccuracy.Of(
        EffectiveOf(seed.Labels[condition], _sources), seed.Labels[condition].SourceAccuracy, seed.Options);

    private string Strength(int condition) => seeds[0].Labels[condition].Bias is { } bias ? Number(bias) : "as they are";

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
