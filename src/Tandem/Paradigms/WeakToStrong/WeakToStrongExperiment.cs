using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Generations;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>
/// Weak-to-strong generalization on the ladder (arXiv 2312.09390): a teacher trained on truth labels fresh items, a
/// student is trained on those labels and not on truth, and is compared with the same student trained on truth.
/// </summary>
public sealed class WeakToStrongExperiment(Laboratory laboratory, WeakToStrongConfiguration configuration)
{
    private readonly IReadOnlyList<ChoiceItem> _test = laboratory.World.Items(
        new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));

    /// <summary>Runs or resumes every pair.</summary>
    public WeakToStrongSummary Run()
    {
        var measurements = new List<WeakToStrongMeasurement>();
        foreach (ulong seed in configuration.Seeds)
        {
            foreach (string student in configuration.Students)
            {
                foreach (string teacher in configuration.Teachers)
                {
                    LadderRung weak = laboratory.Ladder[teacher], strong = laboratory.Ladder[student];
                    if (weak.ParameterCount <= strong.ParameterCount && weak.Name != strong.Name)
                        measurements.Add(Measure(seed, weak, strong));
                }
            }
        }

        WeakToStrongPair[] pairs =
        [
            .. measurements.GroupBy(m => (m.Teacher, m.Student))
                .Select(g => new WeakToStrongPair(
                    g.Key.Teacher, g.Key.Student, g.Average(m => m.Gap.Value), [.. g],
                    g.All(m => m.Recovered is not null) ? SeedMean.Of([.. g.Select(m => m.Recovered!.Value)]) : null))
                .OrderBy(p => laboratory.Ladder[p.Student].ParameterCount).ThenBy(p => p.Gap),
        ];
        return new WeakToStrongSummary(configuration.Name, laboratory.Directory.Identity, pairs);
    }

    private WeakToStrongMeasurement Measure(ulong seed, LadderRung weak, LadderRung strong)
    {
        TrainedModel teacher = Teacher(weak);
        IReadOnlyList<ChoiceItem> pool = laboratory.World.Items(new ItemRequest(
            configuration.StudentItems, ItemSplit.Train, new RandomStream(seed).Fork("student pool").NextUInt64()));
        TrainedModel ceiling = Tune(
            $"ceiling/{strong.Name}-seed{seed}", strong, seed, () => [.. pool.Select(i => Example(i, OneHot(i, Truth(i))))]);
        TrainedModel student = Tune(
            $"student/{weak.Name}-{strong.Name}-seed{seed}", strong, seed,
            () =>
            {
                OptionScores said = laboratory.Score(teacher, pool);
                return [.. pool.Select((item, i) => Example(item, Label(said, item, i)))];
            });
        return laboratory.Stage(
            $"measured/{weak.Name}-{strong.Name}-seed{seed}", $"{weak.Name} teaches {strong.Name}, seed {seed}: measuring", 0,
            _ =>
            {
                IReadOnlyList<ItemTruth> truth = TestSuite.TruthOf(_test);
                int[] teaching = laboratory.Score(teacher, _test).Choices();
                int[] learned = laboratory.Score(student, _test).Choices();
                int[] best = laboratory.Score(ceiling, _test).Choices();
                GapRecovery recovery = PerformanceGapRecovered.Measure(
                    teaching, learned, best, truth, new RandomStream(seed).Fork($"recovered {weak.Name} {strong.Name}"));
                return new WeakToStrongMeasurement
                {
                    Seed = seed,
                    Teacher = weak.Name,
                    Student = strong.Name,
                    TeacherUtility = UtilityMetrics.Measure(teaching, truth).Utility,
                    StudentUtility = UtilityMetrics.Measure(learned, truth).Utility,
                    CeilingUtility = UtilityMetrics.Measure(best, truth).Utility,
                    Gap = recovery.Gap,
                    Gain = recovery.Gain,
                    Recovered = recovery.Recovered,
                    Imitation = ImitationRate.Measure(learned, teaching, best, truth).ToSummary(),
                };
            },
            m => $"floor {m.TeacherUtility.Value:0.000}, student {m.StudentUtility.Value:0.000}, ceiling {m.CeilingUtility.Value:0.000}");
    }

    private TrainedModel Teacher(LadderRung rung) => Tune(
        $"teacher/{rung.Name}", rung, 0,
        () => [.. laboratory.World.Items(new ItemRequest(configuration.TeacherItems, ItemSplit.Train, new RandomStream(0).Fork("teacher pool").NextUInt64()))
            .Select(i => Example(i, OneHot(i, Truth(i))))]);

    private TrainedModel Tune(string key, LadderRung rung, ulong seed, Func<IReadOnlyList<OptionExample>> examples) => laboratory.Stage(
        key, $"{key.Replace('/', ' ')}: fine-tuning",
        Math.Ceiling(configuration.StudentItems / (double)configuration.Training.BatchSize) * configuration.Training.Epochs,
        stage => FineTuning.Train(
            laboratory, stage, "model", rung.Name, laboratory.Ladder.Load(rung, ScoreHead.Count), examples(),
            FineTuning.Settings(configuration.Training, key, new RandomStream(seed).Fork(key).NextUInt64())),
        model => $"loss {model.Curve.Points[^1].Loss:0.000}");

    private static int Truth(ChoiceItem item) => Enumerable.Range(0, item.Options.Count).First(k => item.Options[k].Good);

    private float[]? Label(OptionScores said, ChoiceItem item, int index) => said.Choice(index) is not (>= 0 and int best)
        ? null
        : configuration.Labels == "hard" ? OneHot(item, best) : said.Distribution(index, ScoreHead.Choice);

    private static float[] OneHot(ChoiceItem item, int option) => Targets.OneHot(option, item.Options.Count);

    private static OptionExample Example(ChoiceItem item, float[]? label) => new(item.Tokens, item.ScorePositions) { Choice = label };
}
