using Tandem.Evaluation;

namespace Tandem.Tuning;

/// <summary>What <c>tandem train sft|dpo|reward|weak-to-strong</c> reports: result.json.</summary>
public sealed record TuningResult
{
    /// <summary>The recipe's name.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of the recipe.</summary>
    public required string Kind { get; init; }

    /// <summary>The hash of the resolved recipe.</summary>
    public required string Identity { get; init; }

    /// <summary>The model that was trained.</summary>
    public required string Model { get; init; }

    /// <summary>The trainings, in order.</summary>
    public required IReadOnlyList<TrainingSummary> Trainings { get; init; }

    /// <summary>What was measured on held-out and on training records.</summary>
    public required IReadOnlyList<TuningMeasurement> Measurements { get; init; }

    /// <summary>Performance gap recovered, of weak-to-strong; null elsewhere.</summary>
    public GapRecovery? Gap { get; init; }

    /// <summary>Held-out items of which a run of words, or all, stands in the training data.</summary>
    public required int Contaminated { get; init; }
}

/// <summary>One training.</summary>
public sealed record TrainingSummary
{
    /// <summary>Which: <c>train</c>, or <c>teacher</c>, <c>student</c> and <c>ceiling</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Parameters of the model.</summary>
    public required long Parameters { get; init; }

    /// <summary>Parameters that were trained.</summary>
    public required long TrainableParameters { get; init; }

    /// <summary>Examples.</summary>
    public required int Examples { get; init; }

    /// <summary>Records without an example: a reply that is too long or empty, no known answer.</summary>
    public required int LeftOut { get; init; }

    /// <summary>Examples whose prompt lost its beginning, or text its end.</summary>
    public required int Truncated { get; init; }

    /// <summary>Optimizer steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Tokens that went through the model to train it.</summary>
    public required long Tokens { get; init; }

    /// <summary>Floating-point operations of the training.</summary>
    public required double Flops { get; init; }

    /// <summary>The mean loss of the first tenth of the steps.</summary>
    public required double FirstLoss { get; init; }

    /// <summary>The mean loss of the last tenth.</summary>
    public required double LastLoss { get; init; }

    /// <summary>The step whose weights were kept, where the best evaluation chose.</summary>
    public long? BestStep { get; init; }

    /// <summary>Whether patience ended it.</summary>
    public required bool StoppedEarly { get; init; }

    /// <summary>Tokens per second of the steps since the program was last started; null when it took none.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Examples per second, likewise.</summary>
    public double? ExamplesPerSecond { get; init; }
}

/// <summary>A quantity before and after training, on the same items.</summary>
/// <param name="Name">What it is.</param>
/// <param name="After">After training.</param>
public sealed record TuningMeasurement(string Name, Estimate After)
{
    /// <summary>Before training; null where it means nothing.</summary>
    public Estimate? Before { get; init; }

    /// <summary>After less before, paired by item.</summary>
    public Estimate? Change { get; init; }

    /// <summary>What a guess gets; null where there is no such thing.</summary>
    public double? Chance { get; init; }

    /// <summary>Items that the model cannot read whole, part of no rate.</summary>
    public int LeftOut { get; init; }

    /// <summary>Pairs with equal scores after training, part of no rate.</summary>
    public int Ties { get; init; }

    /// <summary>The unit: <c>rate</c> or <c>nats</c>.</summary>
    public string Unit { get; init; } = "rate";
}
