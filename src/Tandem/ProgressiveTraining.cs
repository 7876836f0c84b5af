using Tandem.Competence;
using Tandem.GapAnnealing;
using Tandem.Generations;
using Tandem.RiskDiscovery;
using Tandem.ValueAlignment;

namespace Tandem;

/// <summary>
/// The pipeline of arXiv 2503.07660, generation by generation: competence and conformity are optimised in tandem. Each
/// aligned generation A⁺_i supervises a more capable one, A_{i+1}; how much more capable is decided anew at every step.
/// </summary>
public sealed class ProgressiveTraining(GenerationStages stages)
{
    /// <summary>Grows one chain of generations.</summary>
    public ArmSummary Run(ArmPlan arm, ulong seed)
    {
        // A⁺_0: a small model aligned by human labels, with side models and persona judges for diverse signals.
        Lineage lineage = stages.Begin(arm, seed);

        for (int i = 1; i <= stages.Generations; i++)
        {
            for (int attempt = 1; attempt <= stages.Attempts; attempt++)
            {
                var step = new GenerationStep(arm, seed, i, attempt);

                // Gap annealing: choose δ = C(A_{i+1}) − U(A_i), and with it a rung of the pre-trained ladder.
                GapDecision gap = stages.ChooseGap(step, lineage);
                if (gap.Chosen is null)
                    return stages.Conclude(arm, seed, lineage, gap.Reason);

                // 1. Competence enhancement: the rung learns from labels S_i. The result, A⁻, is not yet aligned.
                EnhancedModel unaligned = stages.EnhanceCompetence(step, lineage, gap);

                // 2. Risk discovery: A⁻ is deployed in a sandbox, red-teamed and monitored until its hazards x̂ are known.
                RiskReport? hazards = arm.Aligns ? stages.DiscoverRisks(step, unaligned) : null;

                // 3. Value alignment: safe behaviour ŷ from A⁺_0 … A⁺_i and humans turns A⁻ into A⁺.
                AlignedModel? aligned = arm.Aligns ? stages.AlignValues(step, lineage, gap, unaligned, hazards!) : null;

                // The gate: A⁺ is promoted and supervises the next generation, or it is rolled back.
                GenerationOutcome outcome = stages.Judge(step, lineage, gap, unaligned, hazards, aligned);
                lineage.Record(outcome);
                if (outcome.Promoted)
                    break;
            }
        }

        return stages.Conclude(arm, seed, lineage);
    }
}
