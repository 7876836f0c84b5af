using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.FineTuning;

/// <summary>The shape of the learning rate over the steps.</summary>
public enum ScheduleShape
{
    /// <summary>Warm-up, then linear to 0: <see cref="LinearDecay"/>.</summary>
    Linear,

    /// <summary>Warm-up, then half a cosine to 0: <see cref="WarmupCosine"/>.</summary>
    Cosine,

    /// <summary>Warm-up, then constant: <see cref="WarmupConstant"/>.</summary>
    Constant,
}

/// <summary>All that decides the result of a <see cref="FineTuningRun{TExample}"/> beside model, objective and examples.</summary>
public sealed record FineTuningConfiguration
{
    /// <summary>The name shown with each step.</summary>
    public string Name { get; init; } = "fine-tuning";

    /// <summary>How often each example is seen, unless <see cref="MaximumSteps"/> ends it sooner.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>The most optimizer steps; 0 for no bound.</summary>
    public long MaximumSteps { get; init; }

    /// <summary>Examples of a batch: of one optimizer step.</summary>
    public int BatchExamples { get; init; } = 32;

    /// <summary>
    /// Tokens in memory at a time, unless one example has more: the gradients of several parts of a batch are accumulated, and
    /// are those of the whole. 0 takes the whole batch at once.
    /// </summary>
    public int MicroBatchTokens { get; init; }

    /// <summary>Optimizer and peak learning rates.</summary>
    public OptimizerConfiguration Optimizer { get; init; } = new() { LearningRate = 1e-5 };

    /// <summary>The shape of the learning rate.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Steps of linear warm-up.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>The largest global gradient norm; 0 for no clipping.</summary>
    public double Clip { get; init; } = 1;

    /// <summary>Whether activations are computed twice rather than kept: the same bits in less memory, for one forward pass more.</summary>
    public bool RecomputesActivations { get; init; }

    /// <summary>The seed of the order of the examples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Steps between checkpoints, when there is a folder for them; 0 for none but the last.</summary>
    public int CheckpointInterval { get; init; }

    /// <summary>Steps between evaluations; 0 for the end of each epoch only.</summary>
    public int EvaluationInterval { get; init; }

    /// <summary>The number of optimizer steps of one epoch; its last batch may be smaller.</summary>
    public long StepsPerEpoch(int examples) => (examples + BatchExamples - 1) / BatchExamples;

    /// <summary>The number of optimizer steps for a number of examples.</summary>
    public long TotalSteps(int examples)
    {
        long all = Epochs * StepsPerEpoch(examples);
        return MaximumSteps > 0 ? Math.Min(all, MaximumSteps) : all;
    }

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public void Validate()
    {
        Check(Epochs >= 1, nameof(Epochs), Epochs, "at least 1");
        Check(MaximumSteps >= 0, nameof(MaximumSteps), MaximumSteps, "at least 0");
        Check(BatchExamples >= 1, nameof(BatchExamples), BatchExamples, "at least 1");
        Check(MicroBatchTokens >= 0, nameof(MicroBatchTokens), MicroBatchTokens, "at least 0");
        Check(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "at least 0");
        Check(Clip >= 0 && double.IsFinite(Clip), nameof(Clip), Clip, "at least 0");
        Check(CheckpointInterval >= 0, nameof(CheckpointInterval), CheckpointInterval, "at least 0");
        Check(EvaluationInterval >= 0, nameof(EvaluationInterval), EvaluationInterval, "at least 0");
    }

    internal LearningRateSchedule CreateSchedule(long totalSteps) => Schedule switch
    {
        ScheduleShape.Linear => new LinearDecay(totalSteps, WarmupSteps),
        ScheduleShape.Cosine => new WarmupCosine(totalSteps, WarmupSteps),
        _ => new WarmupConstant(WarmupSteps),
    };

    private static void Check(bool valid, string name, double value, string range)
    {
        if (!valid)
        {
            throw new UserFaultException(
                $"Fine-tuning setting {name} is {value}; it must be {range}.", $"Change {name} in the configuration.", FaultKind.Usage);
        }
    }
}
