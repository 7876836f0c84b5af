using Tandem.Datasets;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>A student under a weak teacher's labels, and the same student under the truth, on questions (arXiv 2312.09390).</summary>
internal sealed class WeakToStrongTuning
{
    private readonly WeakToStrongTuningConfiguration _recipe;
    private readonly TunedModel _student;
    private readonly IReadOnlyList<ChoiceRecord> _held;

    public WeakToStrongTuning(WeakToStrongTuningConfiguration recipe, TunedModel student, TuningData data)
    {
        (_recipe, _student) = (recipe, student);
        _held = QuestionSet.Answered(TuningData.Of<ChoiceRecord>(data.HeldOut, "questions with options"));
        IReadOnlyList<ChoiceRecord> all = QuestionSet.Answered(TuningData.Of<ChoiceRecord>(data.Train, "questions with options"));
        Unanswered = data.Train.Count - all.Count;
        (TeacherRecords, StudentRecords) = recipe.LabelsFile.Length > 0 ? ([], all) : Parted(all, recipe);
    }

    public IReadOnlyList<ChoiceRecord> TeacherRecords { get; }

    public IReadOnlyList<ChoiceRecord> StudentRecords { get; }

    public int Unanswered { get; }

    public (TrainingSummary[] Trainings, TuningMeasurement[] Measurements, GapRecovery? Gap) Run(TuningSession session)
    {
        QuestionSet held = Set(_held, _student), learned = Set(StudentRecords, _student);
        var trainings = new List<TrainingSummary>();
        var links = new List<TuningMeasurement>();
        (double[]?[] labels, int[]? floor) = _recipe.LabelsFile.Length > 0 ? FromFile() : FromTeacher(session, trainings);
        for (int link = 1; link <= _recipe.Intermediates.Count; link++)
            labels = Bootstrapped(link, labels, session, trainings, links);
        int[] labelled = QuestionSet.Chosen(labels);
        trainings.Add(session.Train("student", _student, _ => Task(learned, i => Label(labels[i]), _recipe, held, session)));
        int[] student = session.Measure("student-choices", () => session.Trained("student", _student), model => held.Chosen(model, session.Pool));
        trainings.Add(session.Train("ceiling", _student, _ => Task(
            learned, i => labels[i] is null ? null : Truth(learned.Records[i]), _recipe with { Loss = WeakLoss.CrossEntropy }, held, session)));
        int[] ceiling = session.Measure("ceiling-choices", () => session.Trained("ceiling", _student), model => held.Chosen(model, session.Pool));

        var measurements = new List<TuningMeasurement>
        {
            Rate("student accuracy, held out", held, student),
            Rate("ceiling accuracy, held out: the student's model on truth", held, ceiling),
            Rate("labels right, of the student's questions", learned, labelled),
        };
        measurements.InsertRange(0, links);
        if (floor is null)
            return ([.. trainings], [.. measurements], null);
        measurements.Insert(0, Rate("floor: teacher accuracy, held out", held, floor));
        ItemTruth[] truth = [.. held.Records.Select(QuestionSet.Truth)];
        ImitationMeasurement imitation = ImitationRate.Measure(student, floor, ceiling, truth);
        measurements.Add(new TuningMeasurement("student agrees where the teacher is right", imitation.AgreeWhenTeacherRight));
        measurements.Add(new TuningMeasurement("student agrees where the teacher is wrong", imitation.AgreeWhenTeacherWrong));
        measurements.Add(new TuningMeasurement("ceiling agrees where the teacher is wrong", imitation.CeilingAgreesWhenTeacherWrong));
        GapRecovery gap = PerformanceGapRecovered.Measure(floor, student, ceiling, truth, new RandomStream(_recipe.Seed).Fork("recovered"));
        return ([.. trainings], [.. measurements], gap);
    }

    /// <summary>The examples and the objective of a student.</summary>
    public static TuningTask<ChoiceTokensExample> Task(
        QuestionSet questions, Func<int, IReadOnlyList<float>?> label, WeakToStrongTuningConfiguration recipe, QuestionSet? held, TuningSession? session)
    {
        IReadOnlyList<ChoiceTokensExample> examples = questions.Examples(label);
        return new TuningTask<ChoiceTokensExample>(
            new ChoiceObjective(Objective(recipe, questions.PerToken)), examples, questions.Records.Count - examples.Count, questions.Truncated)
        {
            Evaluation = held is null ? null : new FineTuningEvaluation(
                "accuracy", LabelTrust.Trusted, model => SupervisedTuning.Accuracy(held, held.Chosen(model, session!.Pool))),
        };
    }

    /// <summary>The truth of a question as a distribution.</summary>
    public static float[] Truth(ChoiceRecord record) => QuestionSet.Certain(record, record.Answer!.Value);

    /// <summary>Questions in the tokens of a model.</summary>
    public QuestionSet Set(IReadOnlyList<ChoiceRecord> records, TunedModel model) => new(records, model, _recipe.ChoiceStyle, _recipe.Seed);

    private static ChoiceConfiguration Objective(WeakToStrongTuningConfiguration recipe, bool perToken) => new()
    {
        Scoring = perToken ? ChoiceScoring.OptionMeanLogProbability : ChoiceScoring.OptionLogProbability,
        Loss = recipe.Loss,
        ConfidenceCoefficient = (float)recipe.ConfidenceCoefficient,
        ConfidenceWarmupFraction = recipe.ConfidenceWarmup,
        WindowRadius = (float)recipe.WindowRadius,
        ProductWeak = (float)recipe.ProductWeak,
        ProductStrong = (float)recipe.ProductStrong,
        Hardening = Hardening.Maximum,
    };

    // Questions on one passage stay together, so that the teacher has not read what it labels.
    private static (IReadOnlyList<ChoiceRecord> Teacher, IReadOnlyList<ChoiceRecord> Student) Parted(
        IReadOnlyList<ChoiceRecord> all, WeakToStrongTuningConfiguration recipe)
    {
        IGrouping<string, ChoiceRecord>[] groups = Sampling.Shuffled(
            all.GroupBy(record => RecordText.Normalised(RecordText.Group(record))), new RandomStream(recipe.Seed).Fork("teacher"));
        var teacher = new List<ChoiceRecord>();
        int next = 0;
        while (next < groups.Length && teacher.Count < recipe.TeacherItems)
            teacher.AddRange(groups[next++]);
        ChoiceRecord[] student = [.. groups[next..].SelectMany(group => group)];
        return student.Length > 0 ? (teacher, student) : throw new UserFaultException(
            $"The teacher's {recipe.TeacherItems} questions leave none of {all.Count} for the student.", "Lower teacher_items, or give more data.", FaultKind.Usage);
    }

    private static TuningMeasurement Rate(string name, QuestionSet questions, int[] choices)
    {
        int[] kept = [.. Enumerable.Range(0, choices.Length).Where(i => choices[i] != Choices.Unscored)];
        return new TuningMeasurement(name, Proportion.Wilson(questions.Right(choices, kept)))
        {
            Chance = questions.Chance,
            LeftOut = choices.Length - kept.Length,
        };
    }

    private IReadOnlyList<float>? Label(double[]? distribution)
    {
        if (distribution is null)
            return null;
        return _recipe.Labels == "soft"
            ? Array.ConvertAll(distribution, p => (float)p)
            : [.. distribution.Select((_, k) => k == Array.IndexOf(distribution, distribution.Max()) ? 1f : 0f)];
    }

    private (double[]?[] Labels, int[] Floor) FromTeacher(TuningSession session, List<TrainingSummary> trainings)
    {
        var teacher = new TunedModel(_recipe.Teacher, _recipe, pool: session.Pool);
        QuestionSet read = Set(TeacherRecords, teacher), held = Set(_held, teacher), labelled = Set(StudentRecords, teacher);
        trainings.Add(session.Train("teacher", teacher, _ => Task(
            read, i => Truth(read.Records[i]), _recipe with { Loss = WeakLoss.CrossEntropy }, held, session)));
        double[]?[][] distributions = session.Measure(
            "labels", () => session.Trained("teacher", teacher),
            model => new[] { labelled.Distributions(model, session.Pool), held.Distributions(model, session.Pool) });
        return (distributions[0], QuestionSet.Chosen(distributions[1]));
    }

    // A model of the chain learns from the labels of the one before, and labels the same questions for the next.
    private double[]?[] Bootstrapped(
        int link, double[]?[] labels, TuningSession session, List<TrainingSummary> trainings, List<TuningMeasurement> links)
    {
        string name = $"intermediate-{link}";
        var model = new TunedModel(_recipe.Intermediates[link - 1], _recipe, pool: session.Pool);
        QuestionSet learned = Set(StudentRecords, model), held = Set(_held, model);
        trainings.Add(session.Train(name, model, _ => Task(learned, i => Label(labels[i]), _recipe, held, session)));
        double[]?[][] said = session.Measure(
            $"{name}-labels", () => session.Trained(name, model), trained => new[] { learned.Distributions(trained, session.Pool), held.Distributions(trained, session.Pool) });
        links.Add(Rate($"{name} accuracy, held out", held, QuestionSet.Chosen(said[1])));
        return said[0];
    }

    private (double[]?[] Labels, int[]? Floor) FromFile()
    {
        Dictionary<string, double[]> found = WeakLabelFile.Read(_recipe.LabelsFile);
        double[]?[] Of(IReadOnlyList<ChoiceRecord> records) => [.. records.Select(record => WeakLabelFile.Of(found, record, _recipe.LabelsFile))];
        double[]?[] labels = Of(StudentRecords), held = Of(_held);
        if (labels.All(label => label is null))
        {
            throw new UserFaultException(
                $"{_recipe.LabelsFile} labels none of the {labels.Length} questions.", "Its ids are those that 'tandem data show --json' prints.", FaultKind.Usage);
        }

        return (labels, held.All(label => label is null) ? null : QuestionSet.Chosen(held));
    }
}
