using Tandem.Capability;
using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Experiments;
using Tandem.GapAnnealing;
using Tandem.RiskDiscovery;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.ValueAlignment;
using Tandem.Worlds;

namespace Tandem.Generations;

/// <summary>
/// The steps of <see cref="ProgressiveTraining"/>, each computed once in the life of a run directory: what they need
/// from each other, what they record in the ledger, and what they tell the display.
/// </summary>
public sealed class GenerationStages(Laboratory laboratory)
{
    private const int HumanFactorWhenSignalIsWeak = 4;
    private readonly CapacityStudy _capacity = new(laboratory);
    private readonly ComputeBudget _budget = new(laboratory.Configuration);
    private readonly Dictionary<ulong, TestSuite> _suites = [];
    private readonly List<OutcomeSeries> _outcomes = [];
    private readonly Dictionary<(string Arm, ulong Seed), TrainedModel> _final = [];

    private RunConfiguration Configuration => laboratory.Configuration;

    /// <summary>How many generations follow the first.</summary>
    public int Generations => Configuration.Generations;

    /// <summary>How often one generation may be attempted.</summary>
    public int Attempts => Configuration.AttemptsPerGeneration;

    /// <summary>What the last model of each concluded arm did item by item.</summary>
    public IReadOnlyList<OutcomeSeries> Outcomes => _outcomes;

    /// <summary>The items on which a seed's models are measured.</summary>
    public TestSuite SuiteOf(ulong seed)
    {
        if (!_suites.TryGetValue(seed, out TestSuite? suite))
            _suites.Add(seed, suite = TestSuite.Draw(laboratory.World, Configuration.Evaluation, seed));
        return suite;
    }

    /// <summary>The newest promoted model of an arm whose chain has been concluded.</summary>
    public TrainedModel FinalModel(string arm, ulong seed) => _final[(arm, seed)];

    /// <summary>Generation 0, which all arms of a seed share.</summary>
    public Lineage Begin(ArmPlan arm, ulong seed)
    {
        var first = new FirstGeneration(laboratory);
        RandomStream random = new RandomStream(seed).Fork("first generation");
        InitialGeneration initial = laboratory.Stage(
            $"seed{seed}/first", $"Seed {seed}: first aligned model from human labels", 0,
            stage => first.Train(stage, random),
            result => $"{result.Model.Rung}, {result.Model.ParameterCount:N0} parameters, {result.HumanLabels:N0} human labels");
        GenerationSummary summary = laboratory.Stage(
            $"seed{seed}/first-measured", $"Seed {seed}: measuring the first aligned model", 0,
            stage => new GenerationSummary
            {
                Index = 0,
                Rung = initial.Model.Rung,
                ParameterCount = initial.Model.ParameterCount,
                AfterAlignment = ModelEvaluation.Measure(laboratory, initial.Model, SuiteOf(seed)).Measurement,
                Curves = [initial.Model.Curve],
            },
            result => $"utility {result.AfterAlignment!.Utility.ToText()}");
        return new Lineage(initial, summary, first.Items(random));
    }

    /// <summary>Chooses the next rung from measured capacities, and pilots where the controller wants them.</summary>
    public GapDecision ChooseGap(GenerationStep step, Lineage lineage) => laboratory.Stage(
        step.Key("gap"), Title(step, "choosing the capability gap"), 0,
        stage =>
        {
            RandomStream random = step.Random("gap");
            GapEvidence evidence = _capacity.Measure(
                step.Seed, lineage.Latest, SuiteOf(step.Seed), step.Arm.Controller.UsesPilots, random);
            Supervision preview = Supervision.Collect(
                CompetenceSources(lineage, Configuration.Supervision.HumanLabelsPerGeneration),
                [.. SuiteOf(step.Seed).Calibration.Take(400)], SupervisionQuestion.Competence, SuiteOf(step.Seed).Calibration,
                Configuration.Supervision.Combination, random.Fork("noise"));
            var context = new GapContext
            {
                Generation = step.Generation,
                Generations = Generations,
                Utility = evidence.Utility,
                SupervisionNoise = preview.Labels.ExpectedErrorRate ?? 0,
                Candidates = evidence.Candidates,
                History = lineage.History,
            };
            GapDecision decision = step.Arm.Controller.Decide(context);
            if (decision.Outcome == GapOutcome.ImproveSignal)
            {
                GapDecision smallest = FixedGapController.Small.Decide(context);
                decision = decision with
                {
                    Chosen = smallest.Chosen,
                    Reason = $"{decision.Reason} So the signal is improved with {HumanFactorWhenSignalIsWeak} × the human labels, and the smallest step is taken.",
                };
            }

            stage.Context.Record(new DecisionRow
            {
                Arm = step.Arm.Name,
                Seed = step.Seed,
                Generation = step.Generation,
                Subject = $"gap, attempt {step.Attempt}",
                Choice = decision.Chosen?.Rung ?? "stop",
                Reason = decision.Reason,
                Inputs = DecisionRow.ToJson(context),
            });
            return decision;
        },
        result => result.Chosen is { } chosen ? $"{chosen.Rung}, δ = {chosen.Gap.ToText()}" : $"stop: {result.Reason}");

    /// <summary>Stage 1: A⁻.</summary>
    public EnhancedModel EnhanceCompetence(GenerationStep step, Lineage lineage, GapDecision gap)
    {
        RandomStream random = step.Random("competence");
        IReadOnlyList<ChoiceItem> pool = Pool(Scaled(Configuration.Competence.Items, step, lineage, gap), lineage, random);
        return laboratory.Stage(
            step.Key("competence"), Title(step, "competence enhancement"), Steps(pool.Count),
            stage =>
            {
                EnhancedModel result = new CompetenceEnhancement(laboratory).Enhance(
                    stage, $"A{step.Generation}-", laboratory.Ladder[gap.Chosen!.Rung], CompetenceSources(lineage, HumanLabels(gap)), pool,
                    SuiteOf(step.Seed), random);
                RecordSignals(stage, step, "competence", result.Supervision, pool.Count);
                return result;
            },
            result => $"{result.Model.Rung}, labels right {result.Supervision.CombinedAccuracy.ToText()}");
    }

    /// <summary>Stage 2: the hazards x̂ of A⁻.</summary>
    public RiskReport DiscoverRisks(GenerationStep step, EnhancedModel unaligned) => laboratory.Stage(
        step.Key("risks"), Title(step, "risk discovery"), 0,
        _ => RedTeam.Of(laboratory).Discover(unaligned.Model, step.Random("risks")),
        result => $"{result.Hazards.Count} of {result.HazardsPlanted} planted hazards found in {result.EpisodesPlayed} episodes");

    /// <summary>Stage 3: A⁺.</summary>
    public AlignedModel AlignValues(GenerationStep step, Lineage lineage, GapDecision gap, EnhancedModel unaligned, RiskReport hazards)
    {
        RandomStream random = step.Random("alignment");
        IReadOnlyList<ChoiceItem> pool = Pool(Scaled(Configuration.Alignment.Items, step, lineage, gap), lineage, random);
        return laboratory.Stage(
            step.Key("alignment"), Title(step, "value alignment"),
            Steps(Scaled(ValueAligner.TrainingItems(Configuration.Alignment), step, lineage, gap)),
            stage =>
            {
                IReadOnlyList<ChoiceItem> decisions = RedTeam.Of(laboratory).HazardDecisions(
                    unaligned.Model, hazards, Scaled(Configuration.Alignment.HazardDecisions, step, lineage, gap), random.Fork("hazards"));
                AlignedModel result = new ValueAligner(laboratory).Align(
                    stage, $"A{step.Generation}+", unaligned.Model, pool, decisions, CompetenceSources(lineage, HumanLabels(gap)),
                    Judges(lineage, HumanLabels(gap)), SuiteOf(step.Seed), random);
                RecordSignals(stage, step, "values", result.Judges, pool.Count + decisions.Count);
                return result;
            },
            result => $"judgements right {result.Judges.CombinedAccuracy.ToText()}, caution {result.Caution:0.00}");
    }

    /// <summary>The gate, with everything that is measured of the generation.</summary>
    public GenerationOutcome Judge(
        GenerationStep step, Lineage lineage, GapDecision gap, EnhancedModel unaligned, RiskReport? hazards, AlignedModel? aligned) =>
        laboratory.Stage(
            step.Key("gate"), Title(step, "measuring and judging"), 0,
            stage =>
            {
                GenerationOutcome outcome = new GenerationJudge(laboratory, _capacity).Judge(
                    step, lineage, SuiteOf(step.Seed), gap, unaligned, hazards, aligned);
                LedgerRecords.Record(stage.Context, step, outcome);
                return outcome;
            },
            result => result.Summary.AfterAlignment is { } after
                ? $"{(result.Promoted ? "promoted" : "rolled back")}: utility {after.Utility.ToText()}, conformity {result.Summary.BeforeAlignment!.Conformity.ToText()} → {after.Conformity.ToText()}"
                : $"not aligned: competence {result.Summary.BeforeAlignment!.Competence.ToText()}, unsafe when tempted {result.Summary.BeforeAlignment.UnsafeUnderTemptation.ToText()}");

    /// <summary>The arm's summary.</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="lineage">All attempts.</param>
    /// <param name="stopped">Why the chain ended early, if it did.</param>
    public ArmSummary Conclude(ArmPlan arm, ulong seed, Lineage lineage, string? stopped = null)
    {
        if (stopped is not null)
            laboratory.Progress.Note($"{arm.Name}, seed {seed}: ended after {lineage.Generations.Count - 1} generations. {stopped}");
        FinalOutcomes final = laboratory.Stage(
            $"{arm.Key}/seed{seed}/outcomes", $"{arm.Name}, seed {seed}: outcomes by item", 0,
            _ => new FinalOutcomes(lineage.Latest.Name, laboratory.Score(lineage.Latest, SuiteOf(seed).Balanced).Choices()),
            result => $"{result.Choices.Count:N0} items");
        _outcomes.AddRange(final.Series(arm.Name, seed, SuiteOf(seed)));
        _final[(arm.Name, seed)] = lineage.Latest;
        return new ArmSummary
        {
            Name = arm.Name,
            Seed = seed,
            TrainingFlops = lineage.Initial.TrainingFlops + lineage.Flops,
            HumanLabels = lineage.Initial.HumanLabels + lineage.HumanLabels,
            Generations = lineage.Generations,
        };
    }

    // Nobody who supervises was trained on these items, nor labels them twice.
    private IReadOnlyList<ChoiceItem> Pool(int count, Lineage lineage, RandomStream random)
    {
        IReadOnlyList<ChoiceItem> pool = ItemPool.Draw(
            laboratory.World, count, Configuration.Competence.DecisionShare, random.Fork("pool"), lineage.TrainedOn);
        lineage.TrainOn(pool);
        return pool;
    }

    private List<ISignalSource<ChoiceItem>> CompetenceSources(Lineage lineage, int humanLabels)
    {
        List<ISignalSource<ChoiceItem>> sources =
            [.. lineage.Supervisors.Concat(lineage.Initial.CompetenceSources).Select(m => new ModelSource(laboratory, m))];
        if (humanLabels > 0)
            sources.Add(new HumanSource(Configuration.Supervision, humanLabels));
        return sources;
    }

    private List<ISignalSource<ChoiceItem>> Judges(Lineage lineage, int humanLabels)
    {
        List<ISignalSource<ChoiceItem>> judges =
            [.. lineage.Supervisors.Concat(lineage.Initial.PersonaJudges).Select(m => new ModelSource(laboratory, m))];
        if (humanLabels > 0)
            judges.Add(new HumanSource(Configuration.Supervision, humanLabels));
        return judges;
    }

    private int HumanLabels(GapDecision gap) => Configuration.Supervision.HumanLabelsPerGeneration
        * (gap.Outcome == GapOutcome.ImproveSignal ? HumanFactorWhenSignalIsWeak : 1);

    private int Scaled(int items, GenerationStep step, Lineage lineage, GapDecision gap) => _budget.Scaled(items, _budget.Effort(
        step, lineage, gap, laboratory.Ladder[gap.Chosen!.Rung].Architecture, SuiteOf(step.Seed).Calibration));

    private double Steps(int items) => Configuration.Competence.Epochs * Math.Ceiling(items / (double)Configuration.Competence.BatchSize);

    private static string Title(GenerationStep step, string what) =>
        $"{step.Arm.Name}, seed {step.Seed}, generation {step.Generation}{(step.Attempt > 1 ? $" (attempt {step.Attempt})" : "")}: {what}";

    private static void RecordSignals(StageScope stage, GenerationStep step, string question, SupervisionSummary summary, int labels)
    {
        for (int s = 0; s < summary.Sources.Count; s++)
        {
            stage.Context.Record(new SignalRow
            {
                Arm = step.Arm.Name,
                Seed = step.Seed,
                Generation = step.Generation,
                Source = $"{question}: {summary.Sources[s]}",
                Labels = labels,
                Accuracy = summary.Accuracies[s].Value,
                Details = DecisionRow.ToJson(summary.ErrorCorrelation[s]),
            });
        }
    }
}
