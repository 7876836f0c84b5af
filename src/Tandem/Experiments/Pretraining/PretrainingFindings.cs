using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.Pretraining;

/// <summary>Condenses the students of <see cref="PretrainingStudy"/> into findings.</summary>
internal sealed class PretrainingFindings(
    PretrainingStudyConfiguration configuration, IReadOnlyList<LadderRung> students, IReadOnlyList<StudentRun> runs, IReadOnlyList<ChoiceItem> test)
{
    private const double NegligibleCorrelation = 0.2;

    // With fewer snapshots no step of a series can be told from a smooth rise.
    private const int SeriesLength = 4;

    /// <summary>All findings.</summary>
    public ExperimentFindings Write() => new()
    {
        Title = "Weak-to-strong gains against pre-training",
        Question = "When in pre-training, and when in fine-tuning, does a student outgrow its weak teacher?",
        Method = string.Create(
            CultureInfo.InvariantCulture,
            $"{configuration.Teacher}, fine-tuned on the truth of {configuration.TeacherItems} items, labels {configuration.StudentItems} others ({configuration.Labels} labels) for {students.Count} snapshots of pre-training; each is also trained on their truth (ceiling). {test.Count} test items, looked at every {configuration.InspectionInterval} steps; {configuration.Seeds.Count} seeds of teacher, items and order. Intervals cover seeds (t) and items; those of changes and claims, which compare on the same items, seeds alone."),
        Claims = [Transition(), Saturation(), GainIsMisfit()],
        Tables = [Snapshots(), Jumps()],
        Charts = [.. Charts()],
        Limits =
        [
            "The snapshots of a size come from one pre-training, of one seed: seeds vary the teacher, the items and their order only.",
            "Snapshots stand at unequal distances, and their learning rate had not decayed: a jump between two is a bound on how sharp the change is.",
            "Misfit is counted in choices; the theorem is about squared error over a convex class.",
        ],
        Outcomes = [.. Outcomes()],
    };

    private StudentRun[] Of(LadderRung rung) => [.. runs.Where(run => run.Rung.Name == rung.Name)];

    private Estimate? Mean(LadderRung rung, Func<StudentRun, Estimate> value) => AcrossSeeds.Mean([.. Of(rung).Select(value)]);

    // PGR has a mean only where no seed's gap is within noise.
    private Estimate? Recovered(LadderRung rung) => Of(rung).All(run => run.Recovery.Recovered is not null) ? Mean(rung, run => run.Recovery.Recovered!) : null;

    private ResultTable Snapshots() => new(
        "By snapshot", ["Student", "Parameters", "Tokens (M)", "Teacher", "Student's utility", "Ceiling", "Gain", "PGR", "Misfit", "Repeats an error"],
        [
            .. students.Select(rung => (IReadOnlyList<ResultCell>)
            [
                rung.Name, rung.ParameterCount.ToString("#,0", CultureInfo.InvariantCulture), Millions(rung).ToString("0.#", CultureInfo.InvariantCulture),
                Mean(rung, run => run.TeacherUtility), Mean(rung, run => run.Utility[^1]), Mean(rung, run => run.Ceiling), Mean(rung, run => run.Recovery.Gain),
                Recovered(rung), Mean(rung, run => run.Misfit), Mean(rung, run => run.RepeatsError[^1]),
            ]),
        ],
        "PGR is – where a seed's gap to the ceiling is within noise.");

    // Snapshots of one size, by tokens.
    private IReadOnlyList<LadderRung[]> Series() => [.. students.GroupBy(rung => rung.ParameterCount).Select(group => group.ToArray())];

    private ResultTable Jumps() => new(
        "Steps between successive snapshots", ["From", "To", "Change of the gain", "Change of the ceiling"],
        [
            .. from series in Series()
               from pair in series.Zip(series.Skip(1))
               select (IReadOnlyList<ResultCell>)
               [
                   pair.First.Name, pair.Second.Name, Change(pair.First, pair.Second, run => run.Recovery.Gain.Value), Change(pair.First, pair.Second, run => run.Ceiling.Value),
               ],
        ],
        "Paired by seed; – with one seed.");

    private Estimate? Change(LadderRung from, LadderRung to, Func<StudentRun, double> value) =>
        AcrossSeeds.Mean(Of(from).Zip(Of(to), (a, b) => (double?)(value(b) - value(a))));

    private ExperimentClaim Transition()
    {
        LadderRung[][] enough = [.. Series().Where(series => series.Length >= SeriesLength)];
        Estimate?[] gains = [.. enough.Select(series => Sharpness(series, run => run.Recovery.Gain.Value))];
        Estimate?[] ceilings = [.. enough.Select(series => Sharpness(series, run => run.Ceiling.Value))];

        // What does not rise does not appear, however sharp a change on the way.
        Estimate?[] rises = [.. enough.Select(series => SeedMean.Of([.. configuration.Seeds.Select(seed => Gain(series[^1], seed) - Gain(series[0], seed))]))];
        return new ExperimentClaim(
            "Weak-to-strong generalization appears by a phase transition in pre-training", "arXiv 2605.05710",
            enough.Length == 0
                ? $"No size has {SeriesLength} snapshots."
                : $"The largest change of the gain between successive snapshots less all its other changes together (a seed's largest is that of the other seeds): {By(enough, gains)}; the same of the ceiling: {By(enough, ceilings)}. Above 0, one step makes more than half of the rise. The rise from the first snapshot to the last: {By(enough, rises)}.",
            ClaimRule.All([ClaimRule.Positive(gains), ClaimRule.Positive(rises)]));
    }

    private double Gain(LadderRung rung, ulong seed) => Of(rung).First(run => run.Seed == seed).Recovery.Gain.Value;

    private Estimate? Sharpness(LadderRung[] series, Func<StudentRun, double> value) =>
        SeedMean.Of([.. LargestLessOthers([.. configuration.Seeds.Select(seed => (IReadOnlyList<double>)[.. series.Select(rung => value(Of(rung).First(run => run.Seed == seed)))])])]);

    /// <summary>
    /// For each seed the change at the step that is the largest of the other seeds, less the sum of the changes at all other
    /// steps: above 0 where that step makes more than half of the whole change. Empty for fewer than two seeds.
    /// </summary>
    /// <param name="values">[seed][snapshot].</param>
    internal static IReadOnlyList<double> LargestLessOthers(IReadOnlyList<IReadOnlyList<double>> values)
    {
        double[][] changes = [.. values.Select(seed => seed.Zip(seed.Skip(1), (before, after) => after - before).ToArray())];
        return [.. AcrossSeeds.ChosenByOthers(changes).Select((step, seed) => (2 * changes[seed][step]) - changes[seed].Sum())];
    }

    private ExperimentClaim Saturation()
    {
        Estimate? slowing = OverStudents(rung => [.. Of(rung).Select(run => Slowing(run.Steps, [.. run.Utility.Select(u => u.Value)]))]);
        Estimate? copied = OverStudents(rung => [.. Of(rung).Select(run => run.CopiedErrors.Value)]);
        Estimate? missing = OverStudents(rung => [.. Of(rung).Select(run => run.Ceiling.Value - run.Utility[^1].Value)]);
        Estimate? fall = OverStudents(rung => AcrossSeeds.FallsFromPeak(Curves(rung, run => run.Utility)));
        return new ExperimentClaim(
            "In fine-tuning a first improvement is followed by saturation at the teacher's bias", "arXiv 2605.05710",
            $"Mean over students: the rise of utility in the first half of the steps exceeds that in the second by {AcrossSeeds.Text(slowing)}; at the end the teacher's errors are repeated more often than by the ceiling by {AcrossSeeds.Text(copied)}, and utility lies below the ceiling's by {AcrossSeeds.Text(missing)}; from its peak (a seed's is that of the other seeds) it has fallen by {AcrossSeeds.Text(fall)}.",
            ClaimRule.Positive([slowing, copied]));
    }

    /// <summary>How much more a curve rises from its first point to the last one in the first half of the steps than from there to the end.</summary>
    internal static double Slowing(IReadOnlyList<long> steps, IReadOnlyList<double> values)
    {
        int middle = Enumerable.Range(0, steps.Count).LastOrDefault(i => 2 * steps[i] <= steps[^1]);
        return (2 * values[middle]) - values[0] - values[^1];
    }

    private Estimate? OverStudents(Func<LadderRung, IReadOnlyList<double>> bySeed)
    {
        IReadOnlyList<double>[] values = [.. students.Select(bySeed)];
        return SeedMean.Of([.. Enumerable.Range(0, values[0].Count).Select(seed => values.Average(student => student[seed]))]);
    }

    private double[][] Curves(LadderRung rung, Func<StudentRun, IReadOnlyList<Estimate>> value) =>
        [.. Of(rung).Select(run => value(run).Select(estimate => estimate.Value).ToArray())];

    private ExperimentClaim GainIsMisfit()
    {
        Estimate? correlation = AcrossSeeds.Mean(configuration.Seeds.Select(seed =>
        {
            StudentRun[] one = [.. runs.Where(run => run.Seed == seed)];
            return AcrossSeeds.Correlation([.. one.Select(run => run.Misfit.Value)], [.. one.Select(run => run.Recovery.Gain.Value)]);
        }));
        double misfit = runs.Average(run => run.Misfit.Value), gain = runs.Average(run => run.Recovery.Gain.Value);
        return new ExperimentClaim(
            "The gain over the teacher grows with the misfit, the disagreement with its labels", "arXiv 2405.15116",
            string.Create(CultureInfo.InvariantCulture, $"Correlation over {students.Count} students: {AcrossSeeds.Text(correlation)}. Mean misfit {misfit:0.00}, mean gain {gain:0.00} in utility."),
            ClaimRule.Positive(correlation, NegligibleCorrelation));
    }

    private IEnumerable<ResultChart> Charts()
    {
        yield return OverTokens("Gain over the teacher against pre-training", "utility", rung => Mean(rung, run => run.Recovery.Gain));
        yield return OverTokens("PGR against pre-training", "PGR", Recovered);
        yield return OverTokens("Misfit against pre-training", "disagreement with the teacher", rung => Mean(rung, run => run.Misfit));
        yield return OverSteps("Utility against fine-tuning steps", "utility", run => run.Utility);
        yield return OverSteps("Misfit against fine-tuning steps", "disagreement with the teacher", run => run.MisfitAt);
        yield return OverSteps("Errors of the teacher repeated", "P(repeats | teacher wrong)", run => run.RepeatsError);
    }

    private ResultChart OverTokens(string title, string up, Func<LadderRung, Estimate?> value) => new(
        title, "pre-training tokens, millions", up,
        [
            .. Series().Select(series => new ResultSeries(
                series[^1].Name,
                [.. series.Where(rung => value(rung) is not null).Select(rung => new ResultPoint(Millions(rung), value(rung)!))])),
        ]);

    private ResultChart OverSteps(string title, string up, Func<StudentRun, IReadOnlyList<Estimate>> value) => new(
        title, "fine-tuning steps", up,
        [.. students.Select(rung => new ResultSeries(rung.Name, [.. Of(rung)[0].Steps.Select((step, i) => new ResultPoint(step, Mean(rung, run => value(run)[i])!))]))]);

    private IEnumerable<OutcomeSeries> Outcomes()
    {
        string[] items = [.. test.Select(item => item.Id)];
        IReadOnlyList<ItemTruth> truth = TestSuite.TruthOf(test);
        return runs.Select(run => new OutcomeSeries(
            run.Rung.Name, "utility", run.Seed, items,
            [.. run.Answers.Select((answer, i) => answer == Choices.Unscored ? (double?)null : truth[i].IsGood(answer) ? 1 : 0)]));
    }

    private static double Millions(LadderRung rung) => rung.Tokens / 1e6;

    private static string By(LadderRung[][] series, Estimate?[] effects) => string.Join("; ", series.Zip(effects, (one, effect) => $"{one[^1].Name} {AcrossSeeds.Text(effect)}"));
}
