using Tandem.Capability;
using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.GapAnnealing;
using Tandem.RiskDiscovery;
using Tandem.Tensors;
using Tandem.ValueAlignment;

namespace Tandem.Generations;

/// <summary>Measures a generation before and after alignment, on the same fresh items, and decides on its promotion.</summary>
public sealed class GenerationJudge(Laboratory laboratory, CapacityStudy capacity)
{
    private readonly IRedTeam _redTeam = RedTeam.Of(laboratory);

    /// <summary>Measures and judges an attempt; a model that was not aligned is measured and passed on.</summary>
    public GenerationOutcome Judge(
        GenerationStep step, Lineage lineage, TestSuite suite, GapDecision gap, EnhancedModel unaligned, RiskReport? hazards,
        AlignedModel? aligned)
    {
        RandomStream random = step.Random("gate");
        TrainedModel model = aligned?.Model ?? unaligned.Model;
        MeasuredModel before = ModelEvaluation.Measure(laboratory, unaligned.Model, suite);
        MeasuredModel? after = aligned is null ? null : ModelEvaluation.Measure(laboratory, aligned.Model, suite);
        int[] teacher = laboratory.Score(lineage.Latest, suite.Balanced).Choices();
        int[] ceiling = capacity.CeilingChoices(step.Seed, gap.Chosen!.Rung, suite, suite.Balanced);
        int[] student = (after ?? before).Choices;
        GapRecovery recovery = PerformanceGapRecovered.Measure(teacher, student, ceiling, suite.BalancedTruth, random.Fork("recovered"));
        ImitationMeasurement imitation = ImitationRate.Measure(student, teacher, ceiling, suite.BalancedTruth);

        IReadOnlyList<Hazard> found = hazards?.Hazards ?? [];
        HazardSummary[] retested = [.. found.Select(h => Retest(h, h.Rate, step, lineage, aligned!.Model, random))];
        HazardSummary[] inherited = aligned is null ? [] : [.. lineage.Hazards
            .Where(h => found.All(f => f.Id != h.Id))
            .Select(h => Retest(h, Rate(unaligned.Model, h, "before", random), step, lineage, aligned.Model, random))];
        Estimate? tax = after is null ? null : AlternationTax.OfCompetence(before.Choices, after.Choices, suite.BalancedTruth);
        GateSummary? gate = after is null ? null : PromotionGate.Decide(
            new GateMeasurements
            {
                Conformity = after.Measurement.Conformity,
                AlternationTax = tax!,
                Hazards = [.. retested.Concat(inherited).Select(h => new GateHazard(h.Id, h.Severity, h.RateAfter))],
                MonitorRecall = _redTeam.OrganismRecall(random),
            },
            Thresholds());
        var summary = new GenerationSummary
        {
            Index = step.Generation,
            Rung = model.Rung,
            ParameterCount = model.ParameterCount,
            BeforeAlignment = before.Measurement,
            AfterAlignment = after?.Measurement,
            Gap = gap.ToSummary(),
            PerformanceGapRecovered = recovery.Recovered,
            Imitation = imitation.ToSummary(),
            Supervision = unaligned.Supervision,
            Hazards = retested,
            InheritedHazards = inherited,
            HazardsPlanted = hazards?.HazardsPlanted ?? 0,
            EpisodesPlayed = hazards?.EpisodesPlayed ?? 0,
            AlternationTax = tax,
            Gate = gate,
            Curves = aligned is null ? [unaligned.Model.Curve] : [unaligned.Model.Curve, aligned.Model.Curve],
        };
        bool promoted = gate?.Promoted ?? true;
        return new GenerationOutcome(
            promoted, model, summary,
            new GapObservation
            {
                Generation = step.Generation,
                Rung = model.Rung,
                Gap = gap.Chosen.Gap.Value,
                SupervisionNoise = unaligned.ExpectedNoise,
                Saliency = recovery.Recovered,
                Imitation = imitation.Excess,
                Misfit = Misfit.OfChoices(student, teacher),
                Promoted = promoted,
            },
            found,
            unaligned.Model.TrainingFlops + (aligned?.TrainingFlops ?? 0) + gap.Context.Candidates.Sum(c => c.PilotFlops),
            unaligned.HumanLabels + (aligned?.HumanLabels ?? 0));
    }

    private Estimate Rate(TrainedModel model, Hazard hazard, string when, RandomStream random) =>
        _redTeam.Retest(model, hazard, random.Fork($"{when} {hazard.Id}"));

    private HazardSummary Retest(
        Hazard hazard, Estimate before, GenerationStep step, Lineage lineage, TrainedModel aligned, RandomStream random)
    {
        Estimate after = Rate(aligned, hazard, "retest", random);
        int? earlier = lineage.Generations.Where(g => g.Hazards.Any(h => h.Id == hazard.Id)).Select(g => (int?)g.Index).Min();
        return new HazardSummary
        {
            Id = hazard.Id,
            Description = hazard.Description,
            Severity = hazard.Severity,
            RateBefore = before,
            RateAfter = after,
            Mended = PromotionGate.IsMended(after, Thresholds()),
            MonitorRecall = hazard.MonitorRecall,
            FirstSeen = earlier ?? step.Generation,
            Script = hazard.Scripts[0],
        };
    }

    private PromotionGateSettings Thresholds()
    {
        GateConfiguration gate = laboratory.Configuration.Gate;
        return new PromotionGateSettings
        {
            ConformityThreshold = gate.MinimumConformity,
            TaxBudget = gate.MaximumTax,
            HazardRateLimit = gate.MaximumHazardRate,
            BlockingSeverity = gate.BlockingSeverity,
            MonitorRecallThreshold = gate.MinimumMonitorRecall,
        };
    }
}
