using Tandem.Language;
using Tandem.Training.FineTuning;

namespace Tandem.Training;

/// <summary>Receives the progress of a training run, on the thread that trains; it must return quickly.</summary>
public interface ITrainingObserver
{
    /// <summary>Called after each optimizer step.</summary>
    void OnStep(in TrainingStep step);

    /// <summary>Called after each optimizer step of an objective that has metrics.</summary>
    /// <param name="step">The number of steps done.</param>
    /// <param name="names">The names of the metrics.</param>
    /// <param name="values">Their values over the batch, before the step; valid during the call.</param>
    void OnMetrics(long step, IReadOnlyList<string> names, ReadOnlySpan<double> values)
    {
    }

    /// <summary>Called after a metric was measured during fine-tuning.</summary>
    /// <param name="name">The name of the metric.</param>
    /// <param name="metric">Its value.</param>
    void OnMetric(string name, MeasuredMetric metric)
    {
    }

    /// <summary>Called after an evaluation on held-out rows.</summary>
    void OnEvaluation(TrainingEvaluation evaluation)
    {
    }

    /// <summary>Called during fine-tuning, at the end of each epoch and at the interval asked for, to look at the model.</summary>
    /// <param name="step">The number of steps done.</param>
    /// <param name="totalSteps">The number of steps planned.</param>
    /// <param name="model">The model now; it may be evaluated and copied, and must not be changed.</param>
    void OnInspection(long step, long totalSteps, Transformer model)
    {
    }

    /// <summary>Called after a file or directory that outlives the run was written.</summary>
    /// <param name="kind"><c>checkpoint</c>, <c>best</c> or <c>snapshot</c>.</param>
    /// <param name="path">Where it was written.</param>
    /// <param name="step">The number of optimizer steps done.</param>
    void OnSaved(string kind, string path, long step)
    {
    }
}

/// <summary>One optimizer step.</summary>
/// <param name="Step">The number of steps done, this one included: 1 for the first.</param>
/// <param name="TotalSteps">The number of steps planned.</param>
/// <param name="Loss">The mean loss of the batch, before the step, in nats per unit of weight.</param>
/// <param name="GradientNorm">The global gradient norm before clipping.</param>
/// <param name="LearningRateScale">The schedule's value: what each group's peak learning rate was multiplied by.</param>
/// <param name="Tokens">The tokens read since the start.</param>
/// <param name="Stage">What is being trained, for the display: the curriculum stage, or the name of the fine-tuning.</param>
public readonly record struct TrainingStep(
    long Step, long TotalSteps, float Loss, float GradientNorm, double LearningRateScale, long Tokens, string Stage);

/// <summary>An evaluation on held-out rows.</summary>
/// <param name="Step">The number of steps done.</param>
/// <param name="Tokens">The tokens read since the start.</param>
/// <param name="Loss">The mean loss, in nats per unit of weight.</param>
/// <param name="Accuracy">The accuracy over all first-asked answers.</param>
/// <param name="AccuracyByKind">The accuracy over first-asked answers by the name of the kind; kinds without answers are left out.</param>
public sealed record TrainingEvaluation(
    long Step, long Tokens, double Loss, double Accuracy, IReadOnlyDictionary<string, double> AccuracyByKind);

/// <summary>An observer that ignores everything.</summary>
public sealed class SilentObserver : ITrainingObserver
{
    /// <summary>The only instance needed.</summary>
    public static SilentObserver Instance { get; } = new();

    /// <inheritdoc/>
    public void OnStep(in TrainingStep step)
    {
    }
}
