using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.Pretraining;

/// <summary>
/// Trains every snapshot on the labels of one weak teacher and on truth, looking at the student on the way: when in
/// pre-training, and when in fine-tuning, does a student outgrow its teacher?
/// </summary>
internal sealed class PretrainingStudy(Laboratory laboratory, PretrainingStudyConfiguration configuration) : IExperiment
{
    private readonly RungTuning _tuning = new(laboratory, configuration.Training);
    private readonly IReadOnlyList<ChoiceItem> _test = laboratory.World.Items(new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        LadderRung[] students = [.. configuration.Students.Select(name => laboratory.Ladder[name]).OrderBy(rung => rung.ParameterCount).ThenBy(rung => rung.Tokens)];
        IReadOnlyList<ItemTruth> truth = TestSuite.TruthOf(_test);
        var runs = new List<StudentRun>();
        foreach (ulong seed in configuration.Seeds)
        {
            IReadOnlyList<ChoiceItem> pool = Items(seed, "student pool", configuration.StudentItems);
            TrainedModel teacher = _tuning.Tune(
                $"teacher/{configuration.Teacher}-seed{seed}", laboratory.Ladder[configuration.Teacher], seed,
                () => [.. Items(seed, "teacher pool", configuration.TeacherItems, pool).Select(RungTuning.Truth)]);
            IReadOnlyList<int> taught = laboratory.Score(teacher, _test).Choices();
            foreach (LadderRung rung in students)
            {
                IReadOnlyList<FineTuningStep> steps = _tuning.Tune(
                    $"student/{rung.Name}-seed{seed}", rung, seed, () => Labelled(teacher, pool), Answers,
                    settings => settings with { InspectionInterval = configuration.InspectionInterval }).Epochs;
                IReadOnlyList<FineTuningStep> ceiling = _tuning.Tune(
                    $"ceiling/{rung.Name}-seed{seed}", rung, seed, () => [.. pool.Select(RungTuning.Truth)], model => Answers(0, model)).Epochs;
                runs.Add(StudentRun.Measure(rung, seed, taught, steps, ceiling[^1].Choices, truth));
            }
        }

        return new PretrainingFindings(configuration, students, runs, _test).Write();
    }

    private FineTuningStep Answers(long step, Transformer model) => new(step, laboratory.Score(model, _test).Choices());

    private IReadOnlyList<OptionExample> Labelled(TrainedModel teacher, IReadOnlyList<ChoiceItem> pool)
    {
        OptionScores said = laboratory.Score(teacher, pool);
        return
        [
            .. pool.Select((item, i) => RungTuning.Example(item, said.Choice(i) is not (>= 0 and int best)
                ? null
                : configuration.Labels == "hard" ? Targets.OneHot(best, item.Options.Count) : said.Distribution(i, ScoreHead.Choice))),
        ];
    }

    private IReadOnlyList<ChoiceItem> Items(ulong seed, string name, int count, params IReadOnlyList<ChoiceItem>[] without) =>
        ItemPool.Questions(laboratory.World, count, new RandomStream(seed).Fork(name), without);
}

/// <summary>A student's answers to the test items on the way.</summary>
/// <param name="Step">The number of optimizer steps done.</param>
/// <param name="Choices">The answers.</param>
internal sealed record FineTuningStep(long Step, IReadOnlyList<int> Choices);

/// <summary>What was measured of one student.</summary>
internal sealed record StudentRun
{
    public required LadderRung Rung { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>The utility of the rung trained on truth.</summary>
    public required Estimate Ceiling { get; init; }

    public required Estimate TeacherUtility { get; init; }

    /// <summary>Gap, gain and PGR at the end.</summary>
    public required GapRecovery Recovery { get; init; }

    /// <summary>The student's disagreement with its teacher at the end.</summary>
    public required Estimate Misfit { get; init; }

    /// <summary>The steps at which the following were measured.</summary>
    public required IReadOnlyList<long> Steps { get; init; }

    /// <summary>Utility at each.</summary>
    public required IReadOnlyList<Estimate> Utility { get; init; }

    /// <summary>Disagreement with the teacher at each.</summary>
    public required IReadOnlyList<Estimate> MisfitAt { get; init; }

    /// <summary>P(the student repeats the teacher | the teacher is wrong) at each.</summary>
    public required IReadOnlyList<Estimate> RepeatsError { get; init; }

    /// <summary>ι at the end: how much more often the student repeats the teacher's errors than the ceiling gives them.</summary>
    public required Estimate CopiedErrors { get; init; }

    /// <summary>The answers to the test items at the end.</summary>
    public required IReadOnlyList<int> Answers { get; init; }

    public static StudentRun Measure(
        LadderRung rung, ulong seed, IReadOnlyList<int> teacher, IReadOnlyList<FineTuningStep> steps, IReadOnlyList<int> ceiling, IReadOnlyList<ItemTruth> truth) => new()
        {
            Rung = rung,
            Seed = seed,
            Ceiling = UtilityMetrics.Measure(ceiling, truth).Utility,
            TeacherUtility = UtilityMetrics.Measure(teacher, truth).Utility,
            Recovery = PerformanceGapRecovered.Measure(teacher, steps[^1].Choices, ceiling, truth, new RandomStream(seed).Fork("recovered " + rung.Name)),
            Misfit = Evaluation.Misfit.OfChoices(steps[^1].Choices, teacher),
            Steps = [.. steps.Select(step => step.Step)],
            Utility = [.. steps.Select(step => UtilityMetrics.Measure(step.Choices, truth).Utility)],
            MisfitAt = [.. steps.Select(step => Evaluation.Misfit.OfChoices(step.Choices, teacher))],
            RepeatsError = [.. steps.Select(step => ImitationRate.Measure(step.Choices, teacher, ceiling, truth).AgreeWhenTeacherWrong)],
            CopiedErrors = ImitationRate.Measure(steps[^1].Choices, teacher, ceiling, truth).Excess,
            Answers = steps[^1].Choices,
        };
}
