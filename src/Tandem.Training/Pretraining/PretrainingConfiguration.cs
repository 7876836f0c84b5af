using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.Pretraining;

/// <summary>All that decides the result of pre-training beside the model's shape and the corpus.</summary>
public sealed record PretrainingConfiguration
{
    /// <summary>The number of tokens read, rounded down to whole steps.</summary>
    public long Tokens { get; init; } = 20_000_000;

    /// <summary>Rows of a batch.</summary>
    public int BatchRows { get; init; } = 32;

    /// <summary>T: tokens of a row.</summary>
    public int RowLength { get; init; } = 128;

    /// <summary>Rows in memory at a time: gradients of several parts are accumulated. 0 takes the whole batch at once.</summary>
    public int MicroBatchRows { get; init; }

    /// <summary>Optimizer and peak learning rates.</summary>
    public OptimizerConfiguration Optimizer { get; init; } = new() { LearningRate = 8e-3, MuonLearningRate = 0.02 };

    /// <summary>The largest global gradient norm; larger ones are scaled down to it. 0 for no clipping.</summary>
    public double Clip { get; init; } = 1;

    /// <summary>Steps of linear warm-up.</summary>
    public long WarmupSteps { get; init; } = 100;

    /// <summary>The share of the steps before the learning rate decays.</summary>
    public double ConstantFraction { get; init; } = 0.5;

    /// <summary>The factor of the learning rate at the last step.</summary>
    public double FinalFraction { get; init; } = 0.03;

    /// <summary>When the curriculum advances.</summary>
    public CurriculumConfiguration Curriculum { get; init; } = new();

    /// <summary>When a run is given up.</summary>
    public DivergenceConfiguration Divergence { get; init; } = new();

    /// <summary>The seed of the rows; the weights are initialised by the caller.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Steps between evaluations on held-out rows; 0 for none but the last.</summary>
    public int EvaluationInterval { get; init; } = 250;

    /// <summary>The number of held-out rows, rounded up to whole batches; the same rows at every evaluation.</summary>
    public int EvaluationRows { get; init; } = 128;

    /// <summary>Steps between checkpoints; 0 for none but the last.</summary>
    public int CheckpointInterval { get; init; } = 500;

    /// <summary>Numbers of tokens at which the weights are saved for good as a model folder, increasing.</summary>
    public IReadOnlyList<long> SnapshotTokens { get; init; } = [];

    /// <summary>Tokens of one step.</summary>
    public long TokensPerStep => (long)BatchRows * RowLength;

    /// <summary>The number of optimizer steps.</summary>
    public long TotalSteps => Tokens / TokensPerStep;

    /// <summary>The learning-rate schedule: warm-up, constant, linear decay.</summary>
    public LearningRateSchedule Schedule => new WarmupConstantLinear(TotalSteps, WarmupSteps, ConstantFraction, FinalFraction);

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public void Validate()
    {
        Check(BatchRows is >= 1 and <= 1 << 20, nameof(BatchRows), BatchRows, "at least 1");
        Check(RowLength is >= 1 and <= 1 << 20, nameof(RowLength), RowLength, "at least 1");
        Check(MicroBatchRows >= 0, nameof(MicroBatchRows), MicroBatchRows, "at least 0");
        Check(Tokens >= TokensPerStep, nameof(Tokens), Tokens, $"at least one step of {TokensPerStep}");
        Check(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "at least 0");
        Check(ConstantFraction is >= 0 and <= 1, nameof(ConstantFraction), ConstantFraction, "from 0 to 1");
        Check(FinalFraction is >= 0 and <= 1, nameof(FinalFraction), FinalFraction, "from 0 to 1");
        Check(EvaluationInterval >= 0, nameof(EvaluationInterval), EvaluationInterval, "at least 0");
        Check(EvaluationRows >= 0, nameof(EvaluationRows), EvaluationRows, "at least 0");
        Check(CheckpointInterval >= 0, nameof(CheckpointInterval), CheckpointInterval, "at least 0");
        for (int i = 1; i < SnapshotTokens.Count; i++)
            Check(SnapshotTokens[i] > SnapshotTokens[i - 1], nameof(SnapshotTokens), SnapshotTokens[i], "increasing");
    }

    private static void Check(bool valid, string name, double value, string range)
    {
        if (!valid)
        {
            throw new UserFaultException(
                $"Pre-training setting {name} is {value}; it must be {range}.", $"Change {name} in the configuration.", FaultKind.Usage);
        }
    }
}

/// <summary>
/// When the curriculum advances: on the average accuracy over first-asked answers of the training rows, which are
/// never seen twice, or at the latest after a share of all steps.
/// </summary>
public sealed record CurriculumConfiguration
{
    /// <summary>The stage that training begins with; <see cref="CurriculumStage.Mix"/> for no curriculum.</summary>
    public CurriculumStage FirstStage { get; init; } = CurriculumStage.Recall;

    /// <summary>The accuracy that ends the recall stage.</summary>
    public double RecallAccuracy { get; init; } = 0.9;

    /// <summary>The share of all steps after which the recall stage ends in any case.</summary>
    public double RecallMaximumFraction { get; init; } = 0.25;

    /// <summary>The accuracy that ends the easy stage.</summary>
    public double EasyAccuracy { get; init; } = 0.85;

    /// <summary>The share of all steps after which the easy stage ends in any case.</summary>
    public double EasyMaximumFraction { get; init; } = 0.35;

    /// <summary>The fewest steps of a stage, which the average needs to settle.</summary>
    public int MinimumSteps { get; init; } = 40;

    /// <summary>How much of the average accuracy is kept at each step.</summary>
    public double AverageDecay { get; init; } = 0.95;
}

/// <summary>When a run is given up: the loss is not finite, or its average stays far above its best.</summary>
public sealed record DivergenceConfiguration
{
    /// <summary>How many times the best average within the stage the average loss may be.</summary>
    public double Factor { get; init; } = 2;

    /// <summary>For how many steps in a row it must be above that.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>How much of the average loss is kept at each step.</summary>
    public double AverageDecay { get; init; } = 0.95;
}
