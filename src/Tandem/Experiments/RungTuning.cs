using System.Globalization;
using System.Text.Json;
using Tandem.Competence;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments;

/// <summary>Fine-tunes rungs of the ladder on labels of items, each model once in the life of a run directory.</summary>
public sealed class RungTuning(Laboratory laboratory, CompetenceConfiguration training)
{
    /// <summary>Trains a rung as a stage.</summary>
    /// <param name="key">Names the stage within the run; it and the seed decide the order of the examples.</param>
    /// <param name="rung">Where training starts.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="examples">What is learned; computed only if the stage is.</param>
    public TrainedModel Tune(string key, LadderRung rung, ulong seed, Func<IReadOnlyList<OptionExample>> examples) =>
        laboratory.Stage(
            key, Title(key), 0, stage => Train(stage, key, rung, seed, examples(), adjust: null, observer: null), model => Loss(model));

    /// <summary>Trains a rung as a stage, and looks at the model at the end of each epoch.</summary>
    /// <param name="key">Names the stage within the run; it and the seed decide the order of the examples.</param>
    /// <param name="rung">Where training starts.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="examples">What is learned; computed only if the stage is.</param>
    /// <param name="inspect">What is measured of the model; a pure function, since it may be repeated after a crash.</param>
    /// <param name="adjust">What differs from the settings of the recipe: the loss, the interval of inspections; null for nothing.</param>
    public InspectedModel<T> Tune<T>(
        string key, LadderRung rung, ulong seed, Func<IReadOnlyList<OptionExample>> examples, Func<Transformer, T> inspect,
        Func<OptionFineTuningConfiguration, OptionFineTuningConfiguration>? adjust = null) =>
        Tune(key, rung, seed, examples, (_, model) => inspect(model), adjust);

    /// <summary>As the other overload, with the number of steps done at each inspection.</summary>
    /// <param name="key">Names the stage within the run; it and the seed decide the order of the examples.</param>
    /// <param name="rung">Where training starts.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="examples">What is learned; computed only if the stage is.</param>
    /// <param name="inspect">What is measured after a number of steps of the model; a pure function, since it may be repeated after a crash.</param>
    /// <param name="adjust">What differs from the settings of the recipe: the loss, the interval of inspections; null for nothing.</param>
    public InspectedModel<T> Tune<T>(
        string key, LadderRung rung, ulong seed, Func<IReadOnlyList<OptionExample>> examples, Func<long, Transformer, T> inspect,
        Func<OptionFineTuningConfiguration, OptionFineTuningConfiguration>? adjust = null) => laboratory.Stage(
        key, Title(key), 0,
        stage =>
        {
            var epochs = new Inspections<T>(stage, inspect);
            TrainedModel model = Train(stage, key, rung, seed, examples(), adjust, epochs);
            return new InspectedModel<T>(model, epochs.All());
        },
        result => Loss(result.Model));

    /// <summary>An item with a target of the choice head; without a label it takes no loss.</summary>
    public static OptionExample Example(ChoiceItem item, float[]? label) => new(item.Tokens, item.ScorePositions) { Choice = label };

    /// <summary>An item with its truth: the first option that is competent and conforming.</summary>
    public static OptionExample Truth(ChoiceItem item) => Example(item, Targets.OneHot(GoodOption(item), item.Options.Count));

    /// <summary>The first option that is competent and conforming.</summary>
    public static int GoodOption(ChoiceItem item) => Enumerable.Range(0, item.Options.Count).First(k => item.Options[k].Good);

    private TrainedModel Train(
        StageScope stage, string key, LadderRung rung, ulong seed, IReadOnlyList<OptionExample> examples,
        Func<OptionFineTuningConfiguration, OptionFineTuningConfiguration>? adjust, ITrainingObserver? observer)
    {
        OptionFineTuningConfiguration settings = FineTuning.Settings(training, key, new RandomStream(seed).Fork(key).NextUInt64());
        return FineTuning.Train(
            laboratory, stage, "model", rung.Name, FineTuning.Start(laboratory, rung, training, settings.Seed), examples,
            adjust?.Invoke(settings) ?? settings, observer);
    }

    private static string Title(string key) => $"{key.Replace('/', ' ')}: fine-tuning";

    private static string Loss(TrainedModel model) => $"loss {model.Curve.Points[^1].Loss:0.000}";

    // Each inspection is a file before the checkpoint behind it is: a resumed training finds those that it does not repeat.
    private sealed class Inspections<T>(StageScope stage, Func<long, Transformer, T> inspect) : ITrainingObserver
    {
        private readonly string _folder = Path.Combine(stage.Scratch, "inspections");

        public void OnStep(in TrainingStep step) => stage.Observer.OnStep(step);

        public void OnInspection(long step, long totalSteps, Transformer model)
        {
            Directory.CreateDirectory(_folder);
            Runs.AtomicFile.WriteText(
                Path.Combine(_folder, step.ToString("d9", CultureInfo.InvariantCulture) + ".json"),
                JsonSerializer.Serialize(inspect(step, model), RunJson.Options));
        }

        public IReadOnlyList<T> All() =>
        [
            .. Directory.EnumerateFiles(_folder, "*.json").Order(StringComparer.Ordinal)
                .Select(file => JsonSerializer.Deserialize<T>(File.ReadAllText(file), RunJson.Options)!),
        ];
    }
}

/// <summary>A trained model, and what was measured of it on the way.</summary>
/// <param name="Model">The model at the end.</param>
/// <param name="Epochs">One measurement per epoch, or per inspection where they are more frequent; the last is of the model.</param>
public sealed record InspectedModel<T>(TrainedModel Model, IReadOnlyList<T> Epochs);
