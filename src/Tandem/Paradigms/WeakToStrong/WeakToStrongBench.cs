using System.Globalization;
using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>What pairs, methods, teachers and arms share: the items, and floors and ceilings that are computed once.</summary>
internal sealed class WeakToStrongBench
{
    private readonly Laboratory _laboratory;
    private readonly WeakToStrongConfiguration _configuration;
    private readonly RungTuning _tuning;
    private readonly ProbeLearner _probe;
    private readonly GenerativeLearner _generative;
    private readonly Dictionary<(ulong Seed, string Name), IReadOnlyList<ChoiceItem>> _pools = [];
    private readonly Dictionary<string, IWeakTeacher> _teachers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LearnedAnswers> _ceilings = new(StringComparer.Ordinal);

    public WeakToStrongBench(Laboratory laboratory, WeakToStrongConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        Test = laboratory.World.Items(new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));
        Truth = TestSuite.TruthOf(Test);
        _tuning = new RungTuning(laboratory, configuration.Training);
        FineTuned = new FineTunedLearner(laboratory, configuration, Test);
        _probe = new ProbeLearner(laboratory, Test);
        _generative = new GenerativeLearner(laboratory, configuration, Test);
    }

    /// <summary>The test items.</summary>
    public IReadOnlyList<ChoiceItem> Test { get; }

    /// <summary>Their truth.</summary>
    public IReadOnlyList<ItemTruth> Truth { get; }

    /// <summary>Learns with all parameters.</summary>
    public FineTunedLearner FineTuned { get; }

    /// <summary>The items on whose truth teachers are trained, the same for all.</summary>
    public IReadOnlyList<ChoiceItem> TeacherPool => Drawn(0, "teacher pool", _configuration.TeacherItems);

    /// <summary>The items that a student of a seed learns from, the same for all methods, and so for its ceiling.</summary>
    public IReadOnlyList<ChoiceItem> Pool(ulong seed) => Drawn(seed, "student pool", _configuration.StudentItems, TeacherPool);

    /// <summary>The items that a link of a chain learns from, which are not those that its student learns from.</summary>
    public IReadOnlyList<ChoiceItem> LinkPool(ulong seed, int link) => Drawn(
        seed, string.Create(CultureInfo.InvariantCulture, $"pool of link {link}"), _configuration.StudentItems,
        [TeacherPool, link == 0 ? Pool(seed) : [.. Pool(seed), .. LinkPool(seed, link - 1)]]);

    /// <summary>A rung of the ladder.</summary>
    public LadderRung Rung(string name) => _laboratory.Ladder[name];

    /// <summary>A rung trained on the truth of the teachers' items.</summary>
    public IWeakTeacher Teacher(string rung) => Teacher(
        $"teacher/{rung}", rung, () => [.. TeacherPool.Select(RungTuning.Truth)]);

    /// <summary>A rung trained on examples.</summary>
    public IWeakTeacher Teacher(string key, string rung, Func<IReadOnlyList<OptionExample>> examples)
    {
        if (!_teachers.TryGetValue(key, out IWeakTeacher? teacher))
            _teachers.Add(key, teacher = new SingleTeacher(_laboratory, _tuning.Tune(key, Rung(rung), 0, examples)));
        return teacher;
    }

    /// <summary>A rung that learned from another's labels, to teach in its turn.</summary>
    public IWeakTeacher Taught(LearningTask task) => new SingleTeacher(_laboratory, FineTuned.Train(task).Model);

    /// <summary>Measures a student of a pair under a supervisor; without one, under the pair's own teacher.</summary>
    public WeakToStrongMeasurement Measure(
        ulong seed, RungPair pair, WeakToStrongMethod method, string supervisor = WeakToStrongMeasurement.SingleTeacher, IWeakTeacher? labels = null)
    {
        IWeakTeacher floor = Teacher(pair.Teacher), teacher = labels ?? floor;
        LadderRung strong = Rung(pair.Student);
        IReadOnlyList<ChoiceItem> pool = Pool(seed);
        string order = $"{pair.Teacher}-{pair.Student}-seed{seed}";
        string key = labels is not null ? $"{pair.Teacher}-{pair.Student}-{StageKey.Part(supervisor)}-seed{seed}"
            : method == _configuration.Methods[0] ? order
            : $"{pair.Teacher}-{pair.Student}-{method.Key}-seed{seed}";
        LearnedAnswers ceiling = Ceiling(seed, strong, method);
        LearnedAnswers student = Learn(new LearningTask(
            $"student/{key}", $"student/{order}", strong, seed, method, pool, new(() => teacher.Label(pool).As(method.Labels))));
        return _laboratory.Stage(
            $"measured/{key}", $"{pair}, {method}, {supervisor}, seed {seed}: measuring", 0,
            _ => WeakToStrongMeasurement.Of(
                new MeasuredName(seed, pair.Teacher, pair.Student, method.ToString(), supervisor), floor.Label(Test), teacher.Label(Test), student, ceiling, Truth),
            m => $"floor {m.TeacherUtility.Value:0.000}, student {m.StudentUtility.Value:0.000}, ceiling {m.CeilingUtility.Value:0.000}");
    }

    // A ceiling depends on how it learns, not on the loss, which is for labels that may be wrong.
    private LearnedAnswers Ceiling(ulong seed, LadderRung rung, WeakToStrongMethod method)
    {
        string way = method.Learning == StudentLearning.FineTuning ? "" : $"-{method.Learning.ToString().ToLowerInvariant()}";
        string key = $"ceiling/{rung.Name}{way}-seed{seed}";
        if (!_ceilings.TryGetValue(key, out LearnedAnswers? ceiling))
        {
            IReadOnlyList<ChoiceItem> pool = Pool(seed);
            _ceilings.Add(key, ceiling = Learn(new LearningTask(
                key, key, rung, seed, new WeakToStrongMethod { Learning = method.Learning }, pool,
                new(() => [.. pool.Select(item => RungTuning.Truth(item).Choice)]))));
        }

        return ceiling;
    }

    private LearnedAnswers Learn(LearningTask task) => task.Method.Learning switch
    {
        StudentLearning.LinearProbe => _probe.Learn(task),
        StudentLearning.Generative => _generative.Learn(task),
        _ => FineTuned.Learn(task),
    };

    private IReadOnlyList<ChoiceItem> Drawn(ulong seed, string name, int count, params IReadOnlyList<ChoiceItem>[] without)
    {
        if (!_pools.TryGetValue((seed, name), out IReadOnlyList<ChoiceItem>? pool))
            _pools.Add((seed, name), pool = ItemPool.Questions(_laboratory.World, count, new RandomStream(seed).Fork(name), without));
        return pool;
    }
}
