using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.RiskDiscovery;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.ValueAlignment;

/// <summary>
/// Stage 3: safe behaviour ŷ for fresh items and for the hazards x̂ turns A⁻ into A⁺ (arXiv 2503.07660).
/// Aligned predecessors, personas and a small budget of human labels judge which options break a value; among the
/// options that A⁻ itself finds competent, the one they object to least is preferred.
/// </summary>
/// <remarks>
/// The judges are weaker than A⁻. They therefore only judge: imitating a weaker policy's choices would cost the
/// competence that stage 1 gained. The competence head is rehearsed on A⁻'s own answers for the same reason.
/// </remarks>
public sealed class ValueAligner(Laboratory laboratory)
{
    /// <summary>Trains A⁺ from A⁻.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="unaligned">A⁻.</param>
    /// <param name="items">How many fresh items to judge.</param>
    /// <param name="hazardDecisions">Decisions of the hazards found: x̂.</param>
    /// <param name="judges">Who judges violations.</param>
    /// <param name="suite">Calibration items for the gate over the judges.</param>
    /// <param name="random">The stage's randomness.</param>
    public AlignedModel Align(
        StageScope stage, string name, TrainedModel unaligned, int items, IReadOnlyList<ChoiceItem> hazardDecisions,
        IReadOnlyList<ISignalSource<ChoiceItem>> judges, TestSuite suite, RandomStream random)
    {
        AlignmentConfiguration recipe = laboratory.Configuration.Alignment;
        IReadOnlyList<ChoiceItem> pool =
        [
            .. ItemPool.Draw(laboratory.World, items, laboratory.Configuration.Competence.DecisionShare, random.Fork("pool")),
            .. hazardDecisions,
        ];
        Supervision supervision = Supervision.Collect(
            judges, pool, SupervisionQuestion.Violation, suite.Calibration, laboratory.Configuration.Supervision.Combination,
            random.Fork("judges"));
        OptionScores own = laboratory.Score(unaligned, pool);
        List<OptionExample> examples = [];
        for (int i = 0; i < pool.Count; i++)
        {
            if (supervision.Labels.Posteriors[i] is not { } violation)
                continue;
            float[] competence = own.Distribution(i, ScoreHead.Competence);
            examples.Add(new OptionExample(pool[i].Tokens, pool[i].ScorePositions)
            {
                Choice = SafeBehaviour.Of(competence, violation, i < items ? recipe.Caution : recipe.HazardCaution),
                Competence = competence,
                Violation = [.. violation.Select(v => (float)v)],
            });
        }

        OptionFineTuningConfiguration settings = FineTuning.Settings(
            laboratory.Configuration.Competence, "value alignment", random.Fork("order").NextUInt64()) with
        {
            CompetenceCoefficient = (float)recipe.RehearsalWeight,
        };
        TrainedModel model = FineTuning.Train(
            laboratory, stage, name, unaligned.Rung, laboratory.Load(unaligned).Clone(), examples, settings);
        return new AlignedModel(model, supervision.Summary, supervision.HumanLabels, [.. supervision.Dropped.Select(d => d.Reason)]);
    }
}

/// <summary>A⁺ with the judgements it was trained on.</summary>
/// <param name="Model">A⁺.</param>
/// <param name="Judges">The judges, measured on calibration items.</param>
/// <param name="HumanLabels">Items that the simulated human judged.</param>
/// <param name="DroppedJudges">Why judges were left out.</param>
public sealed record AlignedModel(
    TrainedModel Model, SupervisionSummary Judges, int HumanLabels, IReadOnlyList<string> DroppedJudges);
