using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Experiments.AcrossFamilies;

/// <summary>Puts what was measured on all families into claims and tables.</summary>
internal sealed class TaskFamiliesFindings
{
    private readonly TaskFamiliesConfiguration _configuration;
    private readonly IReadOnlyList<FamilyOutcome> _families;
    private readonly IReadOnlyList<string> _schedules;
    private readonly IReadOnlyList<ScheduleComparison> _comparisons;
    private readonly Dictionary<string, string> _best;

    public TaskFamiliesFindings(TaskFamiliesConfiguration configuration, IReadOnlyList<FamilyOutcome> families)
    {
        (_configuration, _families) = (configuration, families);
        _schedules = [.. families[0].Seeds[0].Schedules.Select(s => s.Schedule)];
        _comparisons = ScheduleComparison.Together(
        [
            .. families.SelectMany(family =>
                from first in Enumerable.Range(0, _schedules.Count)
                from second in Enumerable.Range(0, first)
                select new ScheduleComparison(
                    family.Rungs.Label, _schedules[first], _schedules[second],
                    [.. family.Seeds.Select(seed => Utility(seed, first).Value - Utility(seed, second).Value)])),
        ]);
        _best = families.ToDictionary(
            family => family.Rungs.Label,
            family => _schedules[Enumerable.Range(0, _schedules.Count).MaxBy(k => family.Seeds.Average(seed => Utility(seed, k).Value))]);
    }

    public ExperimentFindings Write() => new()
    {
        Title = "Schedules over task families",
        Question = "Is the schedule of competence and alignment that is best on one kind of task best on another?",
        Method = string.Create(
            CultureInfo.InvariantCulture,
            $"In each family a teacher is taught the truth of {_configuration.TeacherItems} items, and labels {_configuration.Items} fresh ones for goals (what reaches the goal best) and for values (what is competent and conforming). A student learns both kinds of label, two visits an item: goals first; in {_configuration.Cycles} turns; or both at once. The ceiling visits the truth twice. Utility is the chance-corrected rate of choices that are competent and conforming, on {_configuration.TestItems} test items of levels {string.Join(", ", _configuration.Levels)} a seed. Intervals are Student's t over {_configuration.Seeds.Count} seeds, of one seed over its items; schedules are compared on the same items, and p-values are paired t tests corrected by Holm over all {_comparisons.Count} comparisons."),
        Claims = [BeatsTeacher(), TogetherBeatsSequential(), SameBest()],
        Tables = [Utilities(), Comparisons(), Recovery()],
        Limits =
        [
            "A few seeds of small rungs: the t interval is wide, and what it does not show may be there.",
            "The families share the form of their items and differ in how a story is read; they are not samples of all tasks.",
            "The ladders were pre-trained with different lengths of text: families are compared by the order of schedules, not by height.",
        ],
        Outcomes =
        [
            .. _families.SelectMany(family => family.Seeds.SelectMany(seed => seed.Schedules.Select(schedule => new OutcomeSeries(
                $"{family.Rungs.Label}: {schedule.Schedule}", "good choice", seed.Seed, seed.Ids,
                [.. schedule.Choices.Select((choice, i) => choice == Choices.Unscored ? (double?)null : seed.Truth[i].IsGood(choice) ? 1 : 0)])))),
        ],
    };

    private ExperimentClaim BeatsTeacher()
    {
        // The mean over the schedules, so that none is picked by its result.
        var gains = _families.Select(family => (Family: family.Rungs.Label, Gains: family.Seeds.Select(seed =>
            Enumerable.Range(0, _schedules.Count).Average(k => Utility(seed, k).Value) - Utility(seed.Teacher, seed).Value).ToArray())).ToArray();
        return new ExperimentClaim(
            "The student of a weak teacher exceeds it, in every family", "arXiv 2312.09390",
            $"Utility of the student, mean over schedules, less the teacher's: {string.Join("; ", gains.Select(g => $"{g.Family} {Text(g.Gains)}"))}.",
            ClaimRule.Positive(gains.Select(g => SeedMean.Of(g.Gains))));
    }

    private ExperimentClaim TogetherBeatsSequential()
    {
        ScheduleComparison[] all = [.. _comparisons.Where(c => c.Second == _schedules[0])];
        return new ExperimentClaim(
            "Optimising competence and conformity in turns or at once beats competence first, in every family", "arXiv 2503.07660",
            string.Join("; ", all.Select(c => c.ToString())) + ".", FamilyVerdicts.AllAhead(all));
    }

    private ExperimentClaim SameBest() => new(
        "The same schedule is best in every family", "ours",
        $"Highest mean utility: {string.Join(", ", _best.Select(b => $"{b.Key} {b.Value}"))}. Of {_comparisons.Count} comparisons, {_comparisons.Count(c => c.IsAhead || c.IsBehind)} stand after the correction.",
        FamilyVerdicts.SameBest(_best, _comparisons));

    private ResultTable Utilities() => new(
        "Utility, competence and conformity", ["Family", "Model", "Utility", "Competence", "Conformity", "Unscored"],
        [
            .. _families.SelectMany(family => new[] { Row(family, $"teacher {family.Rungs.Teacher}", seed => seed.Teacher) }
                .Concat(_schedules.Select((name, k) => Row(family, name, seed => seed.Schedules[k].Choices)))
                .Append(Row(family, $"ceiling {family.Rungs.Student}", seed => seed.Ceiling.Choices))),
        ],
        "Utility and competence are corrected for chance: 0 is a blind choice.");

    private static IReadOnlyList<ResultCell> Row(FamilyOutcome family, string name, Func<FamilySeed, int[]> choices)
    {
        UtilityMeasurement[] seeds = [.. family.Seeds.Select(seed => UtilityMetrics.Measure(choices(seed), seed.Truth))];
        return
        [
            family.Rungs.Label, name, Mean([.. seeds.Select(s => s.Utility)]), Mean([.. seeds.Select(s => s.Competence)]),
            Mean([.. seeds.Select(s => s.Conformity)]), seeds.Sum(s => s.Unscored).ToString(CultureInfo.InvariantCulture),
        ];
    }

    private ResultTable Comparisons() => new(
        "Schedules against each other", ["Family", "First", "Second", "Difference in utility", "p (Holm)", "GFLOP a seed, first and second"],
        [
            .. _comparisons.Select(c => (IReadOnlyList<ResultCell>)
            [
                c.Family, c.First, c.Second, c.Difference is null ? string.Create(CultureInfo.InvariantCulture, $"{c.Differences[0]:0.000} (one seed)") : c.Difference,
                c.PValue?.ToString("0.000", CultureInfo.InvariantCulture) ?? "–",
                $"{Flops(c.Family, c.First)}, {Flops(c.Family, c.Second)}",
            ]),
        ]);

    private ResultTable Recovery() => new(
        "Performance gap recovered", ["Family", "Gap", .. _schedules],
        [
            .. _families.Select(family =>
            {
                GapRecovery[] measured = [.. _schedules.Select((_, k) => Recover(family, k))];
                return (IReadOnlyList<ResultCell>)[family.Rungs.Label, measured[0].Gap, .. measured.Select(m => m.Recovered is { } ratio ? (ResultCell)ratio : m.Suppressed!)];
            }),
        ],
        "Over the items of all seeds; no ratio where the gap between teacher and ceiling is within noise.");

    private static GapRecovery Recover(FamilyOutcome family, int schedule) => PerformanceGapRecovered.Measure(
        [.. family.Seeds.SelectMany(s => s.Teacher)], [.. family.Seeds.SelectMany(s => s.Schedules[schedule].Choices)],
        [.. family.Seeds.SelectMany(s => s.Ceiling.Choices)], [.. family.Seeds.SelectMany(s => s.Truth)],
        new RandomStream(0).Fork($"recovery/{family.Rungs.Label}", (ulong)schedule));

    private string Flops(string family, string schedule) => (_families.Single(f => f.Rungs.Label == family).Seeds
        .Average(seed => seed.Schedules.Single(s => s.Schedule == schedule).Flops) / 1e9).ToString("0", CultureInfo.InvariantCulture);

    private static Estimate Utility(FamilySeed seed, int schedule) => Utility(seed.Schedules[schedule].Choices, seed);

    private static Estimate Utility(int[] choices, FamilySeed seed) => UtilityMetrics.Measure(choices, seed.Truth).Utility;

    private static Estimate Mean(IReadOnlyList<Estimate> seeds) => SeedMean.Of([.. seeds.Select(seed => seed.Value)]) ?? seeds[0];

    private static string Text(double[] seeds) => SeedMean.Of(seeds)?.ToText() is { } text
        ? $"{text} seeds"
        : string.Create(CultureInfo.InvariantCulture, $"{seeds[0]:0.00} (one seed, no interval)");
}
