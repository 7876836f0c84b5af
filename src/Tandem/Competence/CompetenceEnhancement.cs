using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Competence;

/// <summary>
/// Stage 1: a pre-trained rung is fine-tuned on labels S_i of which option reaches the goal best. Nothing here tells it
/// what is allowed: the result, A⁻, is capable and not yet aligned (arXiv 2503.07660).
/// </summary>
public sealed class CompetenceEnhancement(Laboratory laboratory)
{
    /// <summary>Trains A⁻ from a rung under supervision.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="rung">The rung of the ladder.</param>
    /// <param name="sources">The sources of S_i.</param>
    /// <param name="pool">The fresh items to label.</param>
    /// <param name="suite">Calibration items for the gate over the sources.</param>
    /// <param name="random">The stage's randomness: simulated human, order.</param>
    public EnhancedModel Enhance(
        StageScope stage, string name, LadderRung rung, IReadOnlyList<ISignalSource<ChoiceItem>> sources,
        IReadOnlyList<ChoiceItem> pool, TestSuite suite, RandomStream random)
    {
        CompetenceConfiguration recipe = laboratory.Configuration.Competence;
        Supervision supervision = Supervision.Collect(
            sources, pool, SupervisionQuestion.Competence, suite.Calibration, laboratory.Configuration.Supervision.Combination,
            random.Fork("sources"));
        List<OptionExample> examples = [];
        for (int i = 0; i < pool.Count; i++)
        {
            if (supervision.Labels.Posteriors[i] is not { } posterior)
                continue;
            float[] target = [.. posterior.Select(p => (float)p)];
            examples.Add(new OptionExample(pool[i].Tokens, pool[i].ScorePositions) { Choice = target, Competence = target });
        }

        ulong seed = random.Fork("order").NextUInt64();
        TrainedModel model = FineTuning.Train(
            laboratory, stage, name, rung.Name, FineTuning.Start(laboratory, rung, recipe, seed), examples,
            FineTuning.Settings(recipe, "competence enhancement", seed));
        return new EnhancedModel(
            model, supervision.Summary, supervision.Labels.ExpectedErrorRate ?? 0, supervision.HumanLabels,
            [.. supervision.Dropped.Select(d => d.Reason)]);
    }
}

/// <summary>A⁻ with the supervision it was trained on.</summary>
/// <param name="Model">A⁻.</param>
/// <param name="Supervision">The sources, measured on calibration items.</param>
/// <param name="ExpectedNoise">The error rate of the combined labels, estimated without truth.</param>
/// <param name="HumanLabels">Items that the simulated human labelled.</param>
/// <param name="DroppedSources">Why sources were left out.</param>
public sealed record EnhancedModel(
    TrainedModel Model, SupervisionSummary Supervision, double ExpectedNoise, int HumanLabels, IReadOnlyList<string> DroppedSources);
