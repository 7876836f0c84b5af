using Tandem.Evaluation;

namespace Tandem.Generations;

/// <summary>Everything that a report shows of a run: a pure value, written as <c>summary.json</c> into the run directory.</summary>
public sealed record RunSummary
{
    /// <summary>The recipe's name.</summary>
    public required string Name { get; init; }

    /// <summary>The hash of the resolved configuration.</summary>
    public required string Identity { get; init; }

    /// <summary>The task family.</summary>
    public required string TaskFamily { get; init; }

    /// <summary>The command that reproduces the run.</summary>
    public required string Command { get; init; }

    /// <summary>The resolved configuration, as YAML.</summary>
    public required string ConfigurationYaml { get; init; }

    /// <summary>When the run started (UTC).</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>Wall-clock seconds spent computing, over all resumptions.</summary>
    public required double WallSeconds { get; init; }

    /// <summary>What a reader has to know about the limits of the measurements: who the simulated humans are, what is planted.</summary>
    public IReadOnlyList<string> Declarations { get; init; } = [];

    /// <summary>Accuracies of chance, options-only and the shortest heuristics on the test items.</summary>
    public IReadOnlyList<BaselineSummary> Baselines { get; init; } = [];

    /// <summary>One entry per arm and seed: the adaptive arm, the competence-only baseline, fixed gaps.</summary>
    public IReadOnlyList<ArmSummary> Arms { get; init; } = [];
}

/// <summary>How far a rule without understanding gets on the test items.</summary>
public sealed record BaselineSummary(string Name, string Description, Estimate Good, Estimate Competent);

/// <summary>One chain of generations under one gap controller and one seed.</summary>
public sealed record ArmSummary
{
    /// <summary>The name: <c>adaptive</c>, <c>competence-only</c>, <c>fixed-small</c>, <c>fixed-large</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Training FLOPs spent, pilots counted.</summary>
    public required double TrainingFlops { get; init; }

    /// <summary>Labels asked of the simulated human.</summary>
    public required int HumanLabels { get; init; }

    /// <summary>The generations in order; the first is the initial aligned model.</summary>
    public required IReadOnlyList<GenerationSummary> Generations { get; init; }
}

/// <summary>One generation: from competence enhancement through risk discovery and value alignment to the gate.</summary>
public sealed record GenerationSummary
{
    /// <summary>0 for the initial aligned model, then 1, 2, 3.</summary>
    public required int Index { get; init; }

    /// <summary>The rung of the pre-trained ladder: <c>r3</c> or <c>r3@8M</c>.</summary>
    public required string Rung { get; init; }

    /// <summary>The number of parameters.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>The model before alignment (A⁻); absent for generation 0.</summary>
    public ModelMeasurement? BeforeAlignment { get; init; }

    /// <summary>The model after alignment (A⁺); absent in the competence-only arm.</summary>
    public ModelMeasurement? AfterAlignment { get; init; }

    /// <summary>Why this rung was chosen; absent for generation 0.</summary>
    public GapDecisionSummary? Gap { get; init; }

    /// <summary>Performance gap recovered: (U(A_{i+1}) − U(A_i)) / δ; null when the gap is within noise.</summary>
    public Estimate? PerformanceGapRecovered { get; init; }

    /// <summary>How the student treats its teacher's answers.</summary>
    public ImitationSummary? Imitation { get; init; }

    /// <summary>The sources of supervision.</summary>
    public SupervisionSummary? Supervision { get; init; }

    /// <summary>Hazards found in A⁻, with what became of them in A⁺.</summary>
    public IReadOnlyList<HazardSummary> Hazards { get; init; } = [];

    /// <summary>
    /// Hazards of earlier promoted generations that were not found again, tested on their held-out mutations all the
    /// same: not found does not mean gone.
    /// </summary>
    public IReadOnlyList<HazardSummary> InheritedHazards { get; init; } = [];

    /// <summary>How many hazards were planted in the sandbox, over all kinds.</summary>
    public int HazardsPlanted { get; init; }

    /// <summary>Episodes played in risk discovery.</summary>
    public int EpisodesPlayed { get; init; }

    /// <summary>Competence lost in the alignment stage (positive is a loss), paired on the same items.</summary>
    public Estimate? AlternationTax { get; init; }

    /// <summary>The gate's decision; absent for generation 0 and in the competence-only arm.</summary>
    public GateSummary? Gate { get; init; }

    /// <summary>Training curves of the stages.</summary>
    public IReadOnlyList<TrainingCurve> Curves { get; init; } = [];
}

/// <summary>What was measured of one model on fresh test items. All rates carry n and a 95% interval.</summary>
public sealed record ModelMeasurement
{
    /// <summary>Chance-corrected rate of choices that are competent and conforming.</summary>
    public required Estimate Utility { get; init; }

    /// <summary>Chance-corrected rate of competent choices.</summary>
    public required Estimate Competence { get; init; }

    /// <summary>Rate of conforming choices among all choices.</summary>
    public required Estimate Conformity { get; init; }

    /// <summary>Rate of conforming choices among competent choices.</summary>
    public required Estimate ConformityAmongCompetent { get; init; }

    /// <summary>Rate of competent choices that break a value, when the violation always pays more (the tempting variant).</summary>
    public required Estimate UnsafeUnderTemptation { get; init; }

    /// <summary>Utility by level of depth (1, 2, 3), then by held-out variant.</summary>
    public IReadOnlyDictionary<string, Estimate> Breakdown { get; init; } = new Dictionary<string, Estimate>();

    /// <summary>Items that got no score (not counted in any rate).</summary>
    public int Unscored { get; init; }
}

/// <summary>A decision of the gap controller with its inputs.</summary>
public sealed record GapDecisionSummary
{
    /// <summary>The controller's name.</summary>
    public required string Controller { get; init; }

    /// <summary>The chosen δ = C(A_{i+1}) − U(A_i), in utility units.</summary>
    public required Estimate Gap { get; init; }

    /// <summary>One sentence: why this one.</summary>
    public required string Reason { get; init; }

    /// <summary>Supervision noise ε: error rate of the combined labels, estimated without truth.</summary>
    public required double SupervisionNoise { get; init; }

    /// <summary>The least saliency that a step may have (s_min), where the controller has such a limit.</summary>
    public double? SaliencyFloor { get; init; }

    /// <summary>The most imitation that a step may show (ι_max), where the controller has such a limit.</summary>
    public double? ImitationCeiling { get; init; }

    /// <summary>What was known of each candidate.</summary>
    public IReadOnlyList<GapCandidateSummary> Candidates { get; init; } = [];
}

/// <summary>A candidate rung with its pilot measurements.</summary>
public sealed record GapCandidateSummary(
    string Rung, double Gap, Estimate? Saliency, Estimate? Imitation, double Score, bool Feasible, bool Chosen);

/// <summary>P(student repeats the teacher) where the teacher is wrong and right, beside the ceiling model's own.</summary>
public sealed record ImitationSummary(
    Estimate AgreeWhenTeacherWrong, Estimate AgreeWhenTeacherRight, Estimate CeilingAgreesWhenTeacherWrong)
{
    /// <summary>Imitation ι: agreement with the teacher's errors beyond the ceiling model's own.</summary>
    public double Excess => AgreeWhenTeacherWrong.Value - CeilingAgreesWhenTeacherWrong.Value;
}

/// <summary>The sources S_i: their accuracy, their error correlation, and the combination used.</summary>
public sealed record SupervisionSummary
{
    /// <summary>The names of the sources, in the matrix's order.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Accuracy of each source's labels on calibration items.</summary>
    public required IReadOnlyList<Estimate> Accuracies { get; init; }

    /// <summary>Correlation of the sources' errors, [source][source].</summary>
    public required IReadOnlyList<IReadOnlyList<double>> ErrorCorrelation { get; init; }

    /// <summary>Effective number of independent sources, N / (1 + (N−1) ρ̄).</summary>
    public required double EffectiveSources { get; init; }

    /// <summary>How labels were combined: <c>majority</c>, <c>dawid-skene</c> or <c>stacked</c>.</summary>
    public required string Combination { get; init; }

    /// <summary>Accuracy of the combined labels on calibration items that only models labelled; on all of them where the human is the only source.</summary>
    public required Estimate CombinedAccuracy { get; init; }
}

/// <summary>A hazard: a deduplicated way of failing, found by red-teaming A⁻ in the sandbox.</summary>
public sealed record HazardSummary
{
    /// <summary>A stable identifier: kind and level.</summary>
    public required string Id { get; init; }

    /// <summary>What happens, in one line.</summary>
    public required string Description { get; init; }

    /// <summary>Severity from 1 (minor) to 5 (critical, hides itself).</summary>
    public required int Severity { get; init; }

    /// <summary>How often A⁻ fails on it.</summary>
    public required Estimate RateBefore { get; init; }

    /// <summary>How often A⁺ fails on held-out mutations of it.</summary>
    public Estimate? RateAfter { get; init; }

    /// <summary>Whether A⁺ no longer shows it, within the gate's limits.</summary>
    public bool Mended { get; init; }

    /// <summary>Whether the monitor flagged it, or only the simulator's truth showed it.</summary>
    public required Estimate MonitorRecall { get; init; }

    /// <summary>The generation in which it was first found.</summary>
    public required int FirstSeen { get; init; }

    /// <summary>A replayable script: seed and mutations.</summary>
    public required string Script { get; init; }
}

/// <summary>Promote or roll back, with each rule's outcome.</summary>
public sealed record GateSummary(bool Promoted, IReadOnlyList<GateRule> Rules);

/// <summary>One rule of the gate.</summary>
public sealed record GateRule(string Name, string Measured, string Threshold, bool Passed);

/// <summary>A training curve: loss (and accuracy where measured) by step.</summary>
public sealed record TrainingCurve(string Stage, IReadOnlyList<TrainingPoint> Points);

/// <summary>A point of a training curve.</summary>
public sealed record TrainingPoint(long Step, double Loss, double? Accuracy = null);
