using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Evaluation;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Training;

namespace Tandem.Tuning;

/// <summary>Runs a tuning recipe from its data to its result, or goes on with it.</summary>
public static class TuningRun
{
    /// <summary>The name of the result in the run directory.</summary>
    public const string ResultFileName = "result.json";

    /// <summary>How results are written.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Checks what can be checked before a run directory is made: the model and the data.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="cancellation">Stops between rows.</param>
    /// <exception cref="UserFaultException">The model or the data is not there, or is malformed.</exception>
    public static PreparedTuning Prepare(TuningConfiguration recipe, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        var model = new TunedModel(recipe.Model, recipe, recipe is RewardTuningConfiguration);
        return new PreparedTuning(recipe, model, TuningData.Load(recipe, cancellation));
    }

    /// <summary>
    /// Trains and measures. The run directory receives <c>data-card.json</c> and <c>.md</c>, likewise <c>evaluation-card</c>, <c>adapter/</c> or <c>model/</c>, and
    /// <c>result.json</c>; opened again after an interruption it goes on, and ends in the same bits.
    /// </summary>
    /// <param name="prepared">The recipe with its model and data.</param>
    /// <param name="run">The run directory.</param>
    /// <param name="pool">The threads; they change the time and nothing else.</param>
    /// <param name="observe">Gives the observer of each training by its name.</param>
    /// <exception cref="OperationCanceledException">It was interrupted, and can be resumed.</exception>
    /// <exception cref="UserFaultException">The recipe and the data do not fit, the loss is not finite, or a file cannot be written.</exception>
    public static TuningResult Execute(PreparedTuning prepared, RunDirectory run, WorkerPool pool, Func<string, ITrainingObserver> observe)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        ArgumentNullException.ThrowIfNull(run);
        (TuningConfiguration recipe, TunedModel model, TuningData data) = (prepared.Recipe, prepared.Model, prepared.Data);
        data.WriteCards(run);
        var session = new TuningSession(recipe, run, pool, observe);
        (string kind, string final, TrainingSummary[] trainings, TuningMeasurement[] measurements, GapRecovery? gap) = Train(recipe, session, model, data);
        model.Publish(run, run.ArtefactPath(final, model.Artefact));
        var result = new TuningResult
        {
            Name = recipe.Name,
            Kind = kind,
            Identity = run.Identity,
            Model = recipe.Model,
            Trainings = trainings,
            Measurements = measurements,
            Gap = gap,
            Contaminated = data.Card.Contamination?.Affected ?? 0,
        };
        run.WriteFile(ResultFileName, stream => JsonSerializer.Serialize(stream, result, Json));
        return result;
    }

    private static (string Kind, string Final, TrainingSummary[], TuningMeasurement[], GapRecovery?) Train(
        TuningConfiguration recipe, TuningSession session, TunedModel model, TuningData data)
    {
        switch (recipe)
        {
            case SupervisedTuningConfiguration sft:
                (TrainingSummary training, TuningMeasurement[] measured) = SupervisedTuning.Run(sft, session, model, data);
                return (sft.Kind, "train", [training], measured, null);
            case WeakToStrongTuningConfiguration weak:
                (TrainingSummary[] trainings, TuningMeasurement[] all, GapRecovery? gap) = new WeakToStrongTuning(weak, model, data).Run(session);
                return (weak.Kind, "student", trainings, all, gap);
            default:
                (training, measured) = PairTuning.Run(recipe, session, model, data);
                return (recipe is RewardTuningConfiguration ? "reward" : "dpo", "train", [training], measured, null);
        }
    }
}

/// <summary>A recipe whose model and data have been found.</summary>
public sealed class PreparedTuning
{
    internal PreparedTuning(TuningConfiguration recipe, TunedModel model, TuningData data) => (Recipe, Model, Data) = (recipe, model, data);

    /// <summary>The recipe.</summary>
    public TuningConfiguration Recipe { get; }

    internal TunedModel Model { get; }

    internal TuningData Data { get; }
}
