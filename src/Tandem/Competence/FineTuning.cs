using Tandem.Generations;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Training.Optimization;
using Tandem.Worlds.Ladder;

namespace Tandem.Competence;

/// <summary>Fine-tunes a transformer on option examples as a stage of a run, and keeps the result as an artefact.</summary>
internal static class FineTuning
{
    private const int CheckpointInterval = 40;
    private const string SharedFolder = "shared-training";

    /// <summary>
    /// Trains a transformer, which is disposed of, and saves it under the stage's key. Another observer than the stage's own
    /// passes on to that what the display shows, and inspects the half-trained model: such a training is always done, and
    /// any other is taken from the laboratory's store where a run has done it already.
    /// </summary>
    public static TrainedModel Train(
        Laboratory laboratory,
        StageScope stage,
        string name,
        string rung,
        Transformer transformer,
        IReadOnlyList<OptionExample> examples,
        OptionFineTuningConfiguration configuration,
        ITrainingObserver? observer = null)
    {
        using (transformer)
        {
            string? key = laboratory.Store is null ? null : TrainingStore.KeyOf(transformer, examples, configuration);
            string shared = Path.Combine(stage.Scratch, SharedFolder), weights = stage.Artefact(name);
            StoredTraining? training = key is null || observer is not null ? null : laboratory.Store!.TryFetch(key, weights, shared);
            if (training is not null)
                stage.Context.Events.Write("training-shared", new { stage.Key, Model = name, Entry = key });
            else
            {
                OptionFineTuningResult result = OptionFineTuning.Run(
                    transformer, examples, configuration with { CheckpointInterval = CheckpointInterval }, laboratory.Pool, observer ?? stage.Observer,
                    laboratory.Cancellation, Path.Combine(stage.Scratch, name));
                Save(transformer, weights);
                training = new StoredTraining(result.Flops, [.. result.Curve.Select(p => new TrainingPoint(p.Step, p.Loss))]);
                if (key is not null)
                    laboratory.Store!.Publish(key, weights, training, shared);
            }

            return new TrainedModel(
                name, rung, transformer.Configuration.ParameterCount, $"{stage.Key}/{name}", training.Flops,
                new TrainingCurve(configuration.Name, training.Curve));
        }
    }

    /// <summary>A rung with score heads, to be trained as a recipe wants.</summary>
    /// <param name="laboratory">Where the ladder is.</param>
    /// <param name="rung">The rung.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="seed">Adapters start from it.</param>
    public static Transformer Start(Laboratory laboratory, LadderRung rung, CompetenceConfiguration recipe, ulong seed) =>
        Adapted(laboratory.Ladder.Load(rung, ScoreHead.Count), recipe, seed);

    /// <summary>A copy of a trained model, to be trained on as a recipe wants.</summary>
    /// <param name="laboratory">Where the model is.</param>
    /// <param name="model">The model.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="seed">Adapters start from it.</param>
    public static Transformer Start(Laboratory laboratory, TrainedModel model, CompetenceConfiguration recipe, ulong seed) =>
        Adapted(laboratory.Load(model).Clone(), recipe, seed);

    private static Transformer Adapted(Transformer model, CompetenceConfiguration recipe, ulong seed)
    {
        if (recipe.AdapterRank == 0)
            return model;
        using (model)
        {
            Transformer adapted = model.Adapted(new LowRankConfiguration { Rank = recipe.AdapterRank, Alpha = 2 * recipe.AdapterRank });
            adapted.InitializeAdapters(new RandomStream(seed).Fork("adapters"));
            return adapted;
        }
    }

    /// <summary>Saves a trained model. What comes after knows nothing of adapters: theirs is saved whole.</summary>
    /// <param name="transformer">The model.</param>
    /// <param name="path">The folder.</param>
    public static void Save(Transformer transformer, string path)
    {
        if (transformer.Adapters is null)
        {
            transformer.Save(path);
            return;
        }

        using Transformer merged = transformer.Merged(ParameterStorage.FrozenSingle);
        merged.Save(path);
    }

    /// <summary>The optimizer settings of a run's recipe.</summary>
    public static OptionFineTuningConfiguration Settings(CompetenceConfiguration recipe, string name, ulong seed) => new()
    {
        Name = name,
        Epochs = recipe.Epochs,
        BatchItems = recipe.BatchSize,
        MicroBatchItems = recipe.MicroBatchSize,
        Seed = seed,
        Optimizer = new OptimizerConfiguration
        {
            LearningRate = recipe.LearningRate,
            HeadLearningRate = recipe.HeadLearningRate,
            MuonLearningRate = recipe.MuonLearningRate,
        },
    };
}
