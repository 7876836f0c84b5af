using Tandem.Tensors;

namespace Tandem.Training.Optimization;

/// <summary>
/// Which optimizer changes which parameters, and how fast. Embeddings, heads, norms and biases are always trained by
/// AdamW; hidden matrices by Muon when <see cref="MuonLearningRate"/> is above 0.
/// </summary>
public sealed record OptimizerConfiguration
{
    /// <summary>The peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The peak learning rate of the score head (<c>score.weight</c>); null takes <see cref="LearningRate"/>.</summary>
    public double? HeadLearningRate { get; init; }

    /// <summary>The peak learning rate of Muon on hidden matrices; 0 trains them by AdamW.</summary>
    public double MuonLearningRate { get; init; }

    /// <summary>AdamW's decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>AdamW's addend to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>
    /// Decoupled weight decay, multiplied by the learning rate (Loshchilov and Hutter, arXiv 1711.05101). Vectors
    /// (norm weights, biases) are never decayed.
    /// </summary>
    public double WeightDecay { get; init; }

    /// <summary>Muon's momentum.</summary>
    public double MuonMomentum { get; init; } = 0.95;

    /// <summary>The number of Newton–Schulz iterations.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>Creates the optimizer for the parameters that are trainable now.</summary>
    /// <exception cref="UserFaultException">A value is out of its range.</exception>
    public IOptimizer Create(ParameterSet parameters, WorkerPool pool)
    {
        Check(LearningRate >= 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "at least 0");
        Check(HeadLearningRate is null or (>= 0 and < double.PositiveInfinity), nameof(HeadLearningRate), HeadLearningRate ?? 0, "at least 0");
        Check(MuonLearningRate >= 0 && double.IsFinite(MuonLearningRate), nameof(MuonLearningRate), MuonLearningRate, "at least 0");
        Check(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "at least 0 and less than 1");
        Check(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "at least 0 and less than 1");
        Check(Epsilon > 0, nameof(Epsilon), Epsilon, "greater than 0");
        Check(WeightDecay >= 0 && double.IsFinite(WeightDecay), nameof(WeightDecay), WeightDecay, "at least 0");
        Check(MuonMomentum is >= 0 and < 1, nameof(MuonMomentum), MuonMomentum, "at least 0 and less than 1");
        Check(NewtonSchulzSteps is >= 1 and <= 20, nameof(NewtonSchulzSteps), NewtonSchulzSteps, "from 1 to 20");
        return MuonLearningRate > 0 ? new Muon(this, parameters, pool) : new AdamW(this, parameters, pool);
    }

    internal static bool IsScoreHead(Parameter parameter) => parameter.Name.StartsWith("score.", StringComparison.Ordinal);

    /// <summary>Whether Muon is meant for a parameter: a matrix between two hidden spaces.</summary>
    internal static bool IsHiddenMatrix(Parameter parameter) =>
        !parameter.IsVector && !IsScoreHead(parameter)
        && !parameter.Name.Contains("embed", StringComparison.Ordinal)
        && !parameter.Name.StartsWith("lm_head.", StringComparison.Ordinal);

    private static void Check(bool valid, string name, double value, string range)
    {
        if (!valid)
        {
            throw new UserFaultException(
                $"Optimizer setting {name} is {value}; it must be {range}.", $"Change {name} in the configuration.", FaultKind.Usage);
        }
    }
}
