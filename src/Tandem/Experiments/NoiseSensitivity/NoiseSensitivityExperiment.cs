using System.Globalization;
using Tandem.Competence;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments.NoiseSensitivity;

/// <summary>
/// Fine-tunes rungs of several sizes on labels of which a rising share is wrong, looking after each epoch at what is
/// memorised and at what generalises (the phase diagram that arXiv 2503.07660 asks for).
/// </summary>
internal sealed class NoiseSensitivityExperiment(Laboratory laboratory, NoiseSensitivityConfiguration configuration) : IExperiment
{
    private readonly RungTuning _tuning = new(laboratory, configuration.Training);
    private readonly IReadOnlyList<ChoiceItem> _test = laboratory.World.Items(new ItemRequest(configuration.TestItems, ItemSplit.Test, 0));

    /// <inheritdoc/>
    public ExperimentFindings Run()
    {
        LadderRung[] rungs = [.. configuration.Rungs.Select(name => laboratory.Ladder[name]).OrderBy(rung => rung.ParameterCount)];
        var test = new ScoredItems(_test);
        var runs = new List<NoiseRun>();
        var errors = new List<double>();
        foreach (ulong seed in configuration.Seeds)
        {
            IReadOnlyList<ChoiceItem> items = Items(seed, "noise pool", configuration.TrainingItems);
            var training = new ScoredItems([.. items.Take(configuration.InspectedItems)]);
            var noises = configuration.Noises.ToDictionary(kind => kind, kind => Noise(kind, seed, items));
            if (noises.TryGetValue(NoiseSensitivityConfiguration.SystematicNoise, out LabelNoise? systematic))
                errors.Add((double)systematic.Errors / items.Count);
            foreach (LadderRung rung in rungs)
            {
                IReadOnlyList<NoiseEpoch> clean = Train($"noise/{rung.Name}-clean-seed{seed}", rung, seed, items, noises.Values.First().At(0), training.Items);
                foreach ((string kind, LabelNoise noise) in noises)
                {
                    foreach (double rate in configuration.Rates)
                    {
                        NoisyLabels labels = noise.At(rate);
                        IReadOnlyList<NoiseEpoch> epochs = rate == 0 ? clean : Train(
                            string.Create(CultureInfo.InvariantCulture, $"noise/{rung.Name}-{kind}-{rate:0.####}-seed{seed}"), rung, seed, items, labels, training.Items);
                        runs.Add(NoiseRun.Measure(rung, kind, rate, seed, epochs, clean[^1], labels, test));
                    }
                }
            }
        }

        return new NoiseFindings(configuration, rungs, runs, test, errors).Write();
    }

    private LabelNoise Noise(string kind, ulong seed, IReadOnlyList<ChoiceItem> items)
    {
        if (kind == NoiseSensitivityConfiguration.UniformNoise)
            return LabelNoise.Uniform(items, new RandomStream(seed).Fork("uniform noise"));
        TrainedModel weak = _tuning.Tune(
            $"weak/{configuration.WeakRung}-seed{seed}", laboratory.Ladder[configuration.WeakRung], seed,
            () => [.. Items(seed, "weak pool", configuration.WeakItems, items).Select(RungTuning.Truth)]);
        OptionScores said = laboratory.Score(weak, items);
        return LabelNoise.Systematic(
            items, [.. items.Select((_, i) => said.Choice(i) < 0 ? null : said.Distribution(i, ScoreHead.Choice))]);
    }

    private IReadOnlyList<NoiseEpoch> Train(
        string key, LadderRung rung, ulong seed, IReadOnlyList<ChoiceItem> items, NoisyLabels labels, IReadOnlyList<ChoiceItem> inspected) =>
        _tuning.Tune(
            key, rung, seed,
            () => [.. items.Select((item, i) => RungTuning.Example(item, Targets.OneHot(labels.Labels[i], item.Options.Count)))],
            model => new NoiseEpoch(Answers(model, inspected), Answers(model, _test))).Epochs;

    private int[] Answers(Transformer model, IReadOnlyList<ChoiceItem> items) => laboratory.Score(model, items).Choices();

    private IReadOnlyList<ChoiceItem> Items(ulong seed, string name, int count, params IReadOnlyList<ChoiceItem>[] without) =>
        ItemPool.Questions(laboratory.World, count, new RandomStream(seed).Fork(name), without);
}

/// <summary>A model's answers after an epoch.</summary>
/// <param name="Training">On the inspected training items.</param>
/// <param name="Test">On the test items.</param>
internal sealed record NoiseEpoch(IReadOnlyList<int> Training, IReadOnlyList<int> Test);

/// <summary>Items with their truth.</summary>
internal sealed class ScoredItems(IReadOnlyList<ChoiceItem> items)
{
    public IReadOnlyList<ChoiceItem> Items => items;

    public IReadOnlyList<ItemTruth> Truth { get; } = TestSuite.TruthOf(items);
}
