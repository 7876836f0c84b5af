using Tandem.Language;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;
using Tandem.Training.Optimization;

namespace Tandem.Tuning;

/// <summary>The examples and the objective of one training.</summary>
internal sealed record TuningTask<TExample>(IObjective<TExample> Objective, IReadOnlyList<TExample> Examples, int LeftOut, int Truncated)
    where TExample : ITokenExample
{
    /// <summary>What is measured on the way.</summary>
    public FineTuningEvaluation? Evaluation { get; init; }
}

/// <summary>What the trainings and measurements of one recipe share: its run directory, the threads, who watches.</summary>
/// <param name="recipe">The recipe.</param>
/// <param name="run">Its run directory.</param>
/// <param name="pool">The threads; they change the time and nothing else.</param>
/// <param name="observe">Gives the observer of a training by its name.</param>
internal sealed class TuningSession(TuningConfiguration recipe, RunDirectory run, WorkerPool pool, Func<string, ITrainingObserver> observe)
{
    public TuningConfiguration Recipe => recipe;

    public RunDirectory Run => run;

    public WorkerPool Pool => pool;

    /// <summary>The settings of a training on a number of examples.</summary>
    public static FineTuningConfiguration Settings(TuningConfiguration recipe, string name, int examples)
    {
        TrainingSettings training = recipe.Training;
        var settings = new FineTuningConfiguration
        {
            Name = name,
            Epochs = training.Epochs,
            MaximumSteps = training.MaximumSteps,
            BatchExamples = training.BatchExamples,
            MicroBatchTokens = training.MicroBatchTokens,
            Optimizer = new OptimizerConfiguration
            {
                LearningRate = training.LearningRate,
                HeadLearningRate = training.HeadLearningRate > 0 ? training.HeadLearningRate : null,
                WeightDecay = training.WeightDecay,
                Beta2 = 0.999,
            },
            Schedule = training.Schedule,
            Clip = training.Clip,
            RecomputesActivations = recipe.RecomputeActivations,
            Seed = recipe.Seed,
            CheckpointInterval = training.SaveEvery,
            EvaluationInterval = training.EvaluateEvery,
        };
        return settings with { WarmupSteps = (long)Math.Round(training.Warmup * settings.TotalSteps(examples)) };
    }

    /// <summary>Trains, or takes what was trained before; the weights are an artefact of the stage.</summary>
    /// <param name="name">The name of the training, which is the key of its stage.</param>
    /// <param name="source">The model.</param>
    /// <param name="prepare">Makes the examples for the model with its initial weights.</param>
    public TrainingSummary Train<TExample>(string name, TunedModel source, Func<LanguageModel, TuningTask<TExample>> prepare)
        where TExample : ITokenExample =>
        run.Stage(name, stage =>
        {
            using LanguageModel model = source.Trainable();
            TuningTask<TExample> task = prepare(model);
            if (task.Examples.Count == 0)
            {
                throw new UserFaultException(
                    $"No record of {recipe.Data.Path} gives an example: {task.LeftOut} do not fit into {source.MaximumTokens} tokens or have no answer.",
                    "Raise training.maximum_tokens, or give other data.", FaultKind.Usage);
            }

            FineTuningConfiguration settings = Settings(recipe, name, task.Examples.Count);
            FineTuningEvaluation? evaluation = task.Evaluation is null ? null : task.Evaluation with
            {
                Trust = recipe.Evaluation.Trusted ? LabelTrust.Trusted : LabelTrust.Weak,
                ChoosesBest = recipe.Training.Best,
                Patience = recipe.Training.Patience,
            };
            using var training = new FineTuningRun<TExample>(
                model.Transformer, task.Objective, task.Examples, settings, pool, new EventObserver(stage, observe(name)), stage.ScratchDirectory, evaluation);
            FineTuningResult result = training.Run(stage.Cancellation);
            source.Save(model.Transformer, stage.Artefact(source.Artefact));
            double seen = (double)result.Steps / settings.StepsPerEpoch(task.Examples.Count) * task.Examples.Count;
            bool timed = result.TokensPerSecond > 0;
            return new TrainingSummary
            {
                Name = name,
                Parameters = source.Pretrained.Configuration.ParameterCount,
                TrainableParameters = model.Transformer.Parameters.All.Where(p => p.IsTrainable).Sum(p => (long)p.Tensor.Length),
                Examples = task.Examples.Count,
                LeftOut = task.LeftOut,
                Truncated = task.Truncated,
                Steps = result.Steps,
                Tokens = result.Tokens,
                Flops = result.Flops,
                FirstLoss = result.FirstLoss,
                LastLoss = result.LastLoss,
                BestStep = recipe.Training.Best ? result.Best?.Step : null,
                StoppedEarly = result.StoppedEarly,
                TokensPerSecond = timed ? result.TokensPerSecond : null,
                ExamplesPerSecond = timed ? result.TokensPerSecond * seen / result.Tokens : null,
            };
        });

    /// <summary>The model as a training saved it.</summary>
    public LanguageModel Trained(string name, TunedModel source) => source.Trained(run.ArtefactPath(name, source.Artefact));

    /// <summary>What a measurement gives, computed once.</summary>
    /// <param name="name">The key of its stage.</param>
    /// <param name="open">Opens the model to measure.</param>
    /// <param name="measure">Measures it.</param>
    public T Measure<T>(string name, Func<LanguageModel> open, Func<Transformer, T> measure) => run.Stage(name, _ =>
    {
        using LanguageModel model = open();
        return measure(model.Transformer);
    });

    /// <summary>Notes in the run directory what outlives a step.</summary>
    private sealed class EventObserver(StageContext stage, ITrainingObserver inner) : ITrainingObserver
    {
        public void OnStep(in TrainingStep step) => inner.OnStep(step);

        public void OnMetrics(long step, IReadOnlyList<string> names, ReadOnlySpan<double> values) => inner.OnMetrics(step, names, values);

        public void OnMetric(string name, MeasuredMetric metric)
        {
            stage.Events.Write("evaluated", new { stage.Key, Name = name, metric.Step, metric.Value });
            inner.OnMetric(name, metric);
        }

        public void OnInspection(long step, long totalSteps, Transformer model) => inner.OnInspection(step, totalSteps, model);

        public void OnSaved(string kind, string path, long step)
        {
            stage.Events.Write("saved", new { stage.Key, Kind = kind, Step = step });
            stage.SaveSeconds();
            inner.OnSaved(kind, path, step);
        }
    }
}
