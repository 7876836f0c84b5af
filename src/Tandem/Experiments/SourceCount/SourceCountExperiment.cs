using System.Globalization;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Experiments.SourceCount;

/// <summary>
/// How many sources of supervision are worth having (arXiv 2503.07660 asks for diverse signals): labels of 1 to N sources are
/// combined by each rule, as they are and with shared bias of known strength, and students are trained on them.
/// </summary>
internal sealed class SourceCountExperiment : IExperiment
{
    private readonly Laboratory _laboratory;
    private readonly SourceCountConfiguration _configuration;
    private readonly TaughtModels _models;

    public SourceCountExperiment(Laboratory laboratory, SourceCountConfiguration configuration)
    {
        (_laboratory, _configuration) = (laboratory, configuration);
        IReadOnlyList<double> strengths = configuration.SharedBias;
        if (strengths.Any(b => !(b is >= 0 and <= 1)) || strengths.Zip(strengths.Skip(1)).Any(pair => pair.First >= pair.Second))
        {
            throw new UserFaultException(
                $"shared_bias is [{string.Join(", ", strengths)}].", "Give increasing numbers from 0 to 1.", FaultKind.Usage);
        }

        if (configuration.StudentBias.Except(strengths).Any())
        {
            throw new UserFaultException(
                $"student_bias is [{string.Join(", ", configuration.StudentBias)}].", "Name strengths of shared_bias.", FaultKind.Usage);
        }

        if (configuration.ReferenceItems >= configuration.PoolItems)
        {
            throw new UserFaultException(
                $"reference_items ({configuration.ReferenceItems}) leave nothing of pool_items ({configuration.PoolItems}) to measure on.",
                "Make reference_items the smaller.", FaultKind.Usage);
        }

        _models = new TaughtModels(laboratory, configuration.Training, configuration.Human);
    }

    /// <inheritdoc/>
    public ExperimentFindings Run() => new SourceCountFindings(_configuration, [.. _configuration.Seeds.Select(OfSeed)]).Write();

    private SourceCountSeed OfSeed(ulong seed)
    {
        IReadOnlyList<ChoiceItem> pool = _models.Draw(_configuration.PoolItems, seed, "pool");
        TrainedModel[] models =
        [
            .. _configuration.Sources.Select((source, s) => _models.Teach(
                $"source/{s}-{StageKey.Part(source.Label)}/seed{seed}", source, seed,
                _models.Draw(_configuration.TeachingItems, seed, $"teaching {s}", pool))),
        ];
        bool[][] acceptable = [.. pool.Select(item => item.Options.Select(o => o.Good).ToArray())];
        RandomStream random = new RandomStream(seed).Fork("source count");

        // Asked when a stage needs them: a repeated run reads the stages and asks nobody.
        var labels = new Lazy<(IReadOnlyList<SourceLabels> Sources, SourceLabels Reference)>(() => Ask(models, pool, random));
        IReadOnlyList<double?> conditions = [null, .. _configuration.SharedBias.Select(b => (double?)b)];
        LabelMeasurement[] measured = _laboratory.Stage(
            $"labels/seed{seed}", $"Seed {seed}: combining labels", 0,
            _ => conditions.Select(bias => LabelMeasurement.Of(
                bias, Labels(bias), labels.Value.Reference, _configuration.ReferenceItems, acceptable, random.Fork("measuring"))).ToArray(),
            result => $"n_eff {result[0].EffectiveSources.Value:0.0} as they are");
        return new SourceCountSeed(seed, pool[0].Options.Count, measured, Students());

        IReadOnlyList<SourceLabels> Labels(double? bias) =>
            bias is { } strength ? SharedBias.Inject(labels.Value.Sources, acceptable, strength, random.Fork("bias")) : labels.Value.Sources;

        StudentOutcome[] Students()
        {
            IReadOnlyList<ChoiceItem> test = _laboratory.World.Items(new ItemRequest(_configuration.TestItems, ItemSplit.Test, seed));
            int one = random.Fork("one").NextInt32(models.Length);
            List<(string Name, Func<IReadOnlyList<double[]?>> Labels)> plans =
            [
                ("one source", () => MajorityVote.Combine([labels.Value.Sources[one]]).Posteriors),
                .. LabelMeasurement.Rules.Select(rule => (
                    $"all, {rule}",
                    (Func<IReadOnlyList<double[]?>>)(() => LabelMeasurement.Combine(rule, labels.Value.Sources, labels.Value.Reference).Posteriors))),
                .. _configuration.StudentBias.Select(bias => (
                    Biased(bias), (Func<IReadOnlyList<double[]?>>)(() => MajorityVote.Combine(Labels(bias)).Posteriors))),
            ];
            return
            [
                .. plans.Select(plan =>
                {
                    string key = $"student/{StageKey.Part(plan.Name.Replace("β =", "bias", StringComparison.Ordinal))}/seed{seed}";
                    TrainedModel student = _models.Train(key, _configuration.Student, seed, pool, plan.Labels);
                    return new StudentOutcome(plan.Name, _models.Choices(key, student, test), test);
                }),
            ];
        }
    }

    /// <summary>The name of the students trained under a strength of shared bias.</summary>
    public static string Biased(double bias) => string.Create(CultureInfo.InvariantCulture, $"all, majority, β = {bias:0.##}");

    private (IReadOnlyList<SourceLabels> Sources, SourceLabels Reference) Ask(
        IReadOnlyList<TrainedModel> models, IReadOnlyList<ChoiceItem> pool, RandomStream random)
    {
        SupervisionConfiguration errors = _configuration.Human.ToSupervision();
        List<ISignalSource<ChoiceItem>> sources = [.. models.Select(model => new ModelSource(_laboratory, model))];
        if (_configuration.HumanIsSource)
            sources.Add(new HumanSource(errors, pool.Count));
        return (
            [.. sources.Select((source, s) => Ask(source, $"source {s}"))],
            Ask(new HumanSource(errors, _configuration.ReferenceItems), "reference"));

        SourceLabels Ask(ISignalSource<ChoiceItem> source, string name) =>
            source.Label(new SupervisionRequest<ChoiceItem>(pool, SupervisionQuestion.Choice, random.Fork(name)));
    }
}

/// <summary>What was measured of one seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Options">The number of options of an item.</param>
/// <param name="Labels">The sources' errors as they are, then by strength of shared bias.</param>
/// <param name="Students">The students.</param>
internal sealed record SourceCountSeed(
    ulong Seed, int Options, IReadOnlyList<LabelMeasurement> Labels, IReadOnlyList<StudentOutcome> Students);

/// <summary>What a student chooses on the seed's test items.</summary>
internal sealed record StudentOutcome(string Name, int[] Choices, IReadOnlyList<ChoiceItem> Test)
{
    public UtilityMeasurement Measure() => UtilityMetrics.Measure(Choices, TestSuite.TruthOf(Test));

    public double?[] Good() => SeedOutcomes.Good(Choices, TestSuite.TruthOf(Test));
}
