using System.ComponentModel.DataAnnotations;
using Tandem.Training.FineTuning;

namespace Tandem.Tuning;

/// <summary>How a model is trained.</summary>
public sealed record TrainingSettings
{
    /// <summary>The peak learning rate.</summary>
    [Range(1e-9, 1.0)]
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>The peak learning rate of new score heads; 0 for that of the rest.</summary>
    [Range(0.0, 1.0)]
    public double HeadLearningRate { get; init; }

    /// <summary>The shape of the learning rate over the steps.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>The share of the steps over which the learning rate rises.</summary>
    [Range(0.0, 1.0)]
    public double Warmup { get; init; } = 0.03;

    /// <summary>How often each example is seen.</summary>
    [Range(1, 10_000)]
    public int Epochs { get; init; } = 1;

    /// <summary>The most optimizer steps; 0 for no bound.</summary>
    [Range(0L, long.MaxValue)]
    public long MaximumSteps { get; init; }

    /// <summary>Examples of an optimizer step.</summary>
    [Range(1, 100_000)]
    public int BatchExamples { get; init; } = 16;

    /// <summary>Tokens in memory at a time; 0 for the whole batch. It does not change what is learned but for rounding.</summary>
    [Range(0, int.MaxValue)]
    public int MicroBatchTokens { get; init; } = 4096;

    /// <summary>The most tokens of an example: a longer prompt loses its beginning, an example with a longer reply is left out.</summary>
    [Range(8, 1_000_000)]
    public int MaximumTokens { get; init; } = 1024;

    /// <summary>The largest global gradient norm; 0 for no clipping.</summary>
    [Range(0.0, 1e6)]
    public double Clip { get; init; } = 1;

    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 10.0)]
    public double WeightDecay { get; init; }

    /// <summary>Steps between evaluations; 0 for the end of each epoch.</summary>
    [Range(0, int.MaxValue)]
    public int EvaluateEvery { get; init; }

    /// <summary>Steps between checkpoints to resume from.</summary>
    [Range(1, int.MaxValue)]
    public int SaveEvery { get; init; } = 50;

    /// <summary>Whether the weights of the best evaluation are kept rather than the last.</summary>
    public bool Best { get; init; }

    /// <summary>After how many evaluations without a new best the training stops; 0 for never.</summary>
    [Range(0, int.MaxValue)]
    public int Patience { get; init; }
}
