using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.Elicitation;

/// <summary>
/// Elicits each rung in several ways on the same test items: by prompt alone, by a linear probe on frozen activations, and
/// by fine-tuning on few and on many true labels.
/// </summary>
internal sealed class ElicitationExperiment(Laboratory laboratory, ElicitationConfiguration configuration) : IExperiment
{
    private readonly IReadOnlyList<ChoiceItem> _test = laboratory.World.Items(new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        int[] counts = [.. configuration.Labels, configuration.CeilingLabels];
        LadderRung[] rungs = [.. configuration.Rungs.Select(name => laboratory.Ladder[name])];
        var seeds = rungs.ToDictionary(rung => rung, _ => new List<ElicitedSeed>());
        foreach (ulong seed in configuration.Seeds)
        {
            IReadOnlyList<ChoiceItem> items = ItemPool.Questions(
                laboratory.World, configuration.CeilingLabels, new RandomStream(seed).Fork("elicitation pool"));
            foreach (LadderRung rung in rungs)
            {
                seeds[rung].Add(new ElicitedSeed(
                    seed, Probe(rung, seed, items, counts), [.. counts.Select(count => FineTune(rung, seed, [.. items.Take(count)]))]));
            }
        }

        return new ElicitationFindings(
            configuration, [.. rungs.Select(rung => new ElicitedRung(rung, Prompt(rung), seeds[rung]))], _test, (laboratory.World as IPromptedFamily)?.PromptDescription).Write();
    }

    // What the rung says without any label; null where the family has no way to ask.
    private IReadOnlyList<int>? Prompt(LadderRung rung) => laboratory.World is not IPromptedFamily prompted ? null : laboratory.Stage(
        $"prompt/{rung.Name}", $"{rung.Name}: asking as in pre-training", 0,
        _ =>
        {
            using Transformer model = laboratory.Ladder.Load(rung, scoreHeads: 0);
            return Choices.FromScores(prompted.PromptScores(model, _test, laboratory.Pool));
        },
        choices => $"{choices.Length} items");

    private IReadOnlyList<IReadOnlyList<int>> Probe(LadderRung rung, ulong seed, IReadOnlyList<ChoiceItem> items, int[] counts) => laboratory.Stage(
        $"probe/{rung.Name}-seed{seed}", $"{rung.Name}, seed {seed}: linear probes", 0,
        _ =>
        {
            using Transformer model = laboratory.Ladder.Load(rung, ScoreHead.Count);
            OptionExample[] known = [.. items.Select(RungTuning.Truth)];
            ProbeFeatures features = ProbeFeatures.Read(model, known, laboratory.Pool);
            ProbeFeatures held = ProbeFeatures.Read(model, [.. _test.Select(item => RungTuning.Example(item, null))], laboratory.Pool);
            var settings = new LinearProbeConfiguration { Seed = new RandomStream(seed).Fork("probe").NextUInt64() };
            return (IReadOnlyList<int>[])
            [
                .. counts.Select(count => Choices.FromScores(LinearProbe.Train(
                    features with { FirstRows = features.FirstRows[..count] }, known[..count], ScoreHead.Choice,
                    settings with { Epochs = Passes(count, settings.BatchItems, settings.Epochs) }, laboratory.Pool).Score(held))),
            ];
        },
        choices => $"{choices.Length} probes");

    private IReadOnlyList<int> FineTune(LadderRung rung, ulong seed, IReadOnlyList<ChoiceItem> items)
    {
        CompetenceConfiguration training = configuration.Training with
        {
            Epochs = Passes(items.Count, configuration.Training.BatchSize, configuration.Training.Epochs),
        };
        string key = $"{rung.Name}-{items.Count}-seed{seed}";
        TrainedModel model = new RungTuning(laboratory, training).Tune($"tuned/{key}", rung, seed, () => [.. items.Select(RungTuning.Truth)]);
        return laboratory.Stage(
            $"answers/{key}", $"{rung.Name}, {items.Count} labels, seed {seed}: measuring", 0,
            _ => laboratory.Score(model, _test).Choices(), choices => $"{choices.Length} items");
    }

    private int Passes(int items, int batch, int epochs)
    {
        int steps = (items + batch - 1) / batch;
        return Math.Max(epochs, (configuration.MinimumSteps + steps - 1) / steps);
    }
}

/// <summary>What a rung answers to the test items, by elicitation.</summary>
/// <param name="Rung">The rung.</param>
/// <param name="Prompt">By prompt alone; null where the family has no way to ask.</param>
/// <param name="Seeds">By the ways that learn from labels, for each seed.</param>
internal sealed record ElicitedRung(LadderRung Rung, IReadOnlyList<int>? Prompt, IReadOnlyList<ElicitedSeed> Seeds);

/// <summary>The answers of one seed's probes and fine-tuned models.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Probes">For each number of labels, the last of which is the ceiling's.</param>
/// <param name="Tuned">The same for fine-tuning.</param>
internal sealed record ElicitedSeed(ulong Seed, IReadOnlyList<IReadOnlyList<int>> Probes, IReadOnlyList<IReadOnlyList<int>> Tuned);
