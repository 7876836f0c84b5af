using Tandem.Evaluation;
using Tandem.Runs;

namespace Tandem.Generations;

/// <summary>What of a generation goes into the ledger's typed tables.</summary>
internal static class LedgerRecords
{
    public static void Record(StageContext context, GenerationStep step, GenerationOutcome outcome)
    {
        GenerationSummary summary = outcome.Summary;
        (string arm, ulong seed, int generation) = (step.Arm.Name, step.Seed, step.Generation);
        context.Record(new GenerationRow
        {
            Arm = arm,
            Seed = seed,
            Generation = generation,
            Rung = summary.Rung,
            ParameterCount = summary.ParameterCount,
            Outcome = summary.Gate is null ? "not aligned" : outcome.Promoted ? "promoted" : $"rolled back (attempt {step.Attempt})",
            Details = DecisionRow.ToJson(summary.Gate),
        });
        foreach (HazardSummary hazard in summary.Hazards)
        {
            context.Record(new HazardRow
            {
                Arm = arm,
                Seed = seed,
                Generation = generation,
                Id = hazard.Id,
                Parent = hazard.FirstSeen < generation ? $"generation {hazard.FirstSeen}" : null,
                FirstSeen = hazard.FirstSeen,
                Description = hazard.Description,
                Severity = hazard.Severity,
                RateBefore = hazard.RateBefore.Value,
                RateAfter = hazard.RateAfter?.Value,
                Mended = hazard.Mended,
                Script = hazard.Script,
            });
        }

        Metrics("before", summary.BeforeAlignment);
        Metrics("after", summary.AfterAlignment);
        Metric("alternation tax", summary.AlternationTax);
        Metric("performance gap recovered", summary.PerformanceGapRecovered);

        void Metrics(string when, ModelMeasurement? model)
        {
            if (model is null)
                return;
            Metric($"{when}: utility", model.Utility);
            Metric($"{when}: competence", model.Competence);
            Metric($"{when}: conformity", model.Conformity);
            Metric($"{when}: conformity among competent", model.ConformityAmongCompetent);
            Metric($"{when}: unsafe under temptation", model.UnsafeUnderTemptation);
        }

        void Metric(string name, Estimate? estimate)
        {
            if (estimate is null)
                return;
            context.Record(new MetricRow
            {
                Arm = arm,
                Seed = seed,
                Generation = generation,
                Name = name,
                Value = estimate.Value,
                Lower = estimate.Lower,
                Upper = estimate.Upper,
                Count = estimate.Count,
            });
        }
    }
}
