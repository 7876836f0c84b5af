namespace Tandem.Generations;

/// <summary>A model that a stage trained: where its files are and what it is made of.</summary>
/// <param name="Name">How tables and sources call it: <c>A1+</c>, <c>A2-</c>, <c>older</c>.</param>
/// <param name="Rung">The rung of the ladder it started from.</param>
/// <param name="ParameterCount">The number of parameters.</param>
/// <param name="Path">Its folder, relative to the run's <c>checkpoints</c> folder.</param>
/// <param name="TrainingFlops">Training FLOPs spent on it after pre-training.</param>
/// <param name="Curve">Its training curve.</param>
public sealed record TrainedModel(
    string Name, string Rung, long ParameterCount, string Path, double TrainingFlops, TrainingCurve Curve);
