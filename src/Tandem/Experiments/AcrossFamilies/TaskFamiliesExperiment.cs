using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.AcrossFamilies;

/// <summary>
/// Whether the schedule that serves one kind of task serves another: competence first, in turns with alignment, or both at
/// once, under a weak teacher, at equal compute and with the same labels (arXiv 2503.07660, 2312.09390).
/// </summary>
internal sealed class TaskFamiliesExperiment : IExperiment
{
    private readonly Laboratory _laboratory;
    private readonly TaskFamiliesConfiguration _configuration;
    private readonly (FamilyRungs Rungs, ITaskFamily World, ModelLadder Ladder)[] _families;

    public TaskFamiliesExperiment(Laboratory laboratory, TaskFamiliesConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        if (configuration.Training.DecisionShare != 0)
        {
            throw new UserFaultException(
                $"training.decision_share is {configuration.Training.DecisionShare}, and not every family has episodes.", "Set it to 0.", FaultKind.Usage);
        }

        if (configuration.Families.Select(f => StageKey.Part(f.Label)).Distinct().Count() < configuration.Families.Count)
            throw new UserFaultException("Two of 'families' have the same name.", "Give each its own: name.", FaultKind.Usage);
        if (configuration.Cycles > configuration.Items / configuration.Training.BatchSize)
        {
            throw new UserFaultException(
                $"{configuration.Items} items in batches of {configuration.Training.BatchSize} do not fill {configuration.Cycles} cycles.",
                "Ask for fewer cycles or more items.", FaultKind.Usage);
        }

        _families = [.. configuration.Families.Select(rungs =>
        {
            (ITaskFamily world, ModelLadder ladder) = rungs.Open();
            WorldConfiguration.Keep(laboratory.Directory, world, ladder, rungs.Label);
            // A rung that is missing is refused before anything is trained.
            _ = (ladder[rungs.Teacher], ladder[rungs.Student]);
            return (rungs, world, ladder);
        })];
    }

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        FamilySeed[][] seeds = [.. _configuration.Seeds.Select(seed => _families.Select(family => OfSeed(family, seed)).ToArray())];
        return new TaskFamiliesFindings(
            _configuration, [.. _families.Select((family, f) => new FamilyOutcome(family.Rungs, [.. seeds.Select(of => of[f])]))]).Write();
    }

    private FamilySeed OfSeed((FamilyRungs Rungs, ITaskFamily World, ModelLadder Ladder) family, ulong seed)
    {
        // One run directory holds all families: every key starts with the family's name.
        using var laboratory = new Laboratory
        {
            Configuration = _laboratory.Configuration,
            Directory = _laboratory.Directory,
            Pool = _laboratory.Pool,
            Ladder = family.Ladder,
            World = family.World,
            Progress = _laboratory.Progress,
            Cancellation = _laboratory.Cancellation,
        };
        RandomStream random = new RandomStream(seed).Fork($"task families/{family.Rungs.Label}");
        string key = $"{StageKey.Part(family.Rungs.Label)}/seed{seed}";
        IReadOnlyList<ChoiceItem> test = Items(laboratory, ItemSplit.Test, _configuration.TestItems, random.Fork("test"));
        IReadOnlyList<ChoiceItem> pool = Items(laboratory, ItemSplit.Train, _configuration.Items, random.Fork("pool"));
        TrainedModel teacher = Teach(laboratory, family.Rungs, key, pool, random);
        int[] taught = laboratory.Score(teacher, test).Choices();
        var labels = new Lazy<OptionScores>(() => laboratory.Score(teacher, pool));
        ScheduleOutcome Of(TrainingSchedule schedule) => laboratory.Stage(
            $"{key}/{StageKey.Part(schedule.Name)}", $"{family.Rungs.Label}, seed {seed}: {schedule.Name}", 0,
            stage => Train(laboratory, stage, family.Rungs.Student, schedule, pool, labels, test, random),
            outcome => $"{outcome.Flops / 1e9:0} GFLOP");
        return new FamilySeed(
            seed, [.. test.Select(item => item.Id)], TestSuite.TruthOf(test), taught,
            [.. TrainingSchedule.Compared(_configuration.Items, _configuration.Cycles).Select(Of)],
            Of(TrainingSchedule.Ceiling(_configuration.Items)));
    }

    private IReadOnlyList<ChoiceItem> Items(
        Laboratory laboratory, ItemSplit split, int count, RandomStream random, params IReadOnlyList<ChoiceItem>[] without) =>
        laboratory.World.Items(new ItemRequest(
            count, split, random.NextUInt64(), Levels: laboratory.World is IPretrainingFamily ? _configuration.Levels : null)
        {
            Without = [.. without.SelectMany(items => items)],
        });

    private TrainedModel Teach(
        Laboratory laboratory, FamilyRungs rungs, string key, IReadOnlyList<ChoiceItem> pool, RandomStream random) => laboratory.Stage(
        $"{key}/teacher", $"{rungs.Label}: the teacher", 0,
        stage => FineTuning.Train(
            laboratory, stage, "teacher", rungs.Teacher,
            FineTuning.Start(laboratory, laboratory.Ladder[rungs.Teacher], _configuration.Training, Seed("teacher", random)),
            [.. Items(laboratory, ItemSplit.Train, _configuration.TeacherItems, random.Fork("teacher's items"), pool)
                .Select(item => RungTuning.Truth(item) with { Competence = Targets.OneHot(MostCompetent(item), item.Options.Count) })],
            Settings("teacher", random)),
        model => model.Rung);

    private ScheduleOutcome Train(
        Laboratory laboratory, StageScope stage, string rung, TrainingSchedule schedule, IReadOnlyList<ChoiceItem> pool,
        Lazy<OptionScores> labels, IReadOnlyList<ChoiceItem> test, RandomStream random)
    {
        TrainedModel? model = null;
        double flops = 0;
        for (int s = 0; s < schedule.Stretches.Count; s++)
        {
            Stretch stretch = schedule.Stretches[s];
            string name = $"{s}-{stretch.Lesson.ToString().ToLowerInvariant()}";
            Transformer start = model is null
                ? FineTuning.Start(laboratory, laboratory.Ladder[rung], _configuration.Training, Seed(name, random))
                : FineTuning.Start(laboratory, model, _configuration.Training, Seed(name, random));
            model = FineTuning.Train(
                laboratory, stage, name, rung, start,
                [.. Enumerable.Range(stretch.From, stretch.To - stretch.From).Select(i => RungTuning.Example(pool[i], Target(stretch.Lesson, pool[i], labels, i)))],
                Settings(name, random) with { Epochs = _configuration.Training.Epochs * stretch.Visits });
            flops += model.TrainingFlops;
        }

        return new ScheduleOutcome(schedule.Name, laboratory.Score(model!, test).Choices(), flops);
    }

    private static float[] Target(Lesson lesson, ChoiceItem item, Lazy<OptionScores> labels, int index) => lesson switch
    {
        Lesson.Competence => labels.Value.Distribution(index, ScoreHead.Competence),
        Lesson.Alignment => labels.Value.Distribution(index, ScoreHead.Choice),
        Lesson.Both => [.. labels.Value.Distribution(index, ScoreHead.Competence)
            .Zip(labels.Value.Distribution(index, ScoreHead.Choice), (goal, value) => (goal + value) / 2)],
        _ => Targets.OneHot(RungTuning.GoodOption(item), item.Options.Count),
    };

    private static int MostCompetent(ChoiceItem item) =>
        Enumerable.Range(0, item.Options.Count).MaxBy(k => item.Options[k].Payoff);

    private OptionFineTuningConfiguration Settings(string name, RandomStream random) =>
        FineTuning.Settings(_configuration.Training, name, Seed(name, random));

    private static ulong Seed(string name, RandomStream random) => random.Fork("order").Fork(name).NextUInt64();
}

/// <summary>What one schedule ended with.</summary>
/// <param name="Schedule">The schedule.</param>
/// <param name="Choices">The choices on the test items; −1 for unscored.</param>
/// <param name="Flops">Training FLOPs.</param>
internal sealed record ScheduleOutcome(string Schedule, int[] Choices, double Flops);

/// <summary>One family under one seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Ids">The test items.</param>
/// <param name="Truth">Their truth.</param>
/// <param name="Teacher">The teacher's choices.</param>
/// <param name="Schedules">The schedules in the order of <see cref="TrainingSchedule.Compared"/>.</param>
/// <param name="Ceiling">The student trained on truth.</param>
internal sealed record FamilySeed(
    ulong Seed, IReadOnlyList<string> Ids, IReadOnlyList<ItemTruth> Truth, int[] Teacher, IReadOnlyList<ScheduleOutcome> Schedules, ScheduleOutcome Ceiling);

/// <summary>One family.</summary>
/// <param name="Rungs">The family and its rungs.</param>
/// <param name="Seeds">Its seeds.</param>
internal sealed record FamilyOutcome(FamilyRungs Rungs, IReadOnlyList<FamilySeed> Seeds);
