using Tandem.Tensors;

namespace Tandem.Training.Objectives;

/// <summary>What the logit of an answer is.</summary>
public enum ChoiceScoring
{
    /// <summary>The log-probability of the option's tokens after the prompt, by the language head.</summary>
    OptionLogProbability,

    /// <summary>The same per token.</summary>
    OptionMeanLogProbability,

    /// <summary>A score head at the option's last token.</summary>
    OptionScore,

    /// <summary>One score head per class at the prompt's last token: a classifier, as in openai/weak-to-strong.</summary>
    Classes,
}

/// <summary>How the targets are made of the labels q and the model's own predictions p.</summary>
public enum WeakLoss
{
    /// <summary>The labels themselves: plain classification, or naive learning from weak labels.</summary>
    CrossEntropy,

    /// <summary>(1 - a)·q + a·hardened p: the auxiliary confidence loss (arXiv 2312.09390).</summary>
    Confidence,

    /// <summary>q^α·p^β, normalized (openai/weak-to-strong).</summary>
    Product,

    /// <summary>The labels, of questions whose surest prediction lies less than a radius above chance (EleutherAI, "Experiments in Weak-to-Strong Generalization", 2024).</summary>
    Window,
}

/// <summary>How the model's own predictions are made certain.</summary>
public enum Hardening
{
    /// <summary>By thresholds such that each class is chosen as often as the labels of the batch say; for classes.</summary>
    ClassProportions,

    /// <summary>The most probable answer; for options whose order means nothing.</summary>
    Maximum,
}

/// <summary>The settings of a <see cref="ChoiceObjective"/>.</summary>
public sealed record ChoiceConfiguration
{
    /// <summary>What the logit of an answer is.</summary>
    public ChoiceScoring Scoring { get; init; } = ChoiceScoring.OptionLogProbability;

    /// <summary>The score head of <see cref="ChoiceScoring.OptionScore"/>.</summary>
    public int Column { get; init; }

    /// <summary>How targets are made.</summary>
    public WeakLoss Loss { get; init; } = WeakLoss.CrossEntropy;

    /// <summary>ε, from 0 to below 1: the share of each label that is spread over its answers, before anything else.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>The share a of the model's own answers in <see cref="WeakLoss.Confidence"/> after the warm-up, from 0 to 1.</summary>
    public float ConfidenceCoefficient { get; init; } = 0.5f;

    /// <summary>The share of the steps over which it rises from 0, linearly.</summary>
    public double ConfidenceWarmupFraction { get; init; } = 0.1;

    /// <summary>How the model's own predictions are made certain.</summary>
    public Hardening Hardening { get; init; } = Hardening.ClassProportions;

    /// <summary>α of <see cref="WeakLoss.Product"/>.</summary>
    public float ProductWeak { get; init; } = 1;

    /// <summary>β of <see cref="WeakLoss.Product"/>.</summary>
    public float ProductStrong { get; init; } = 1;

    /// <summary>The radius of <see cref="WeakLoss.Window"/>, above 0: see also <see cref="WeakTargets.MedianRadius"/>.</summary>
    public float WindowRadius { get; init; } = 0.15f;

    /// <summary>The share of the model's own answers when a share of the steps is done.</summary>
    /// <param name="progress">From 0 to 1.</param>
    public float ConfidenceShare(double progress) => WeakTargets.ConfidenceShare(ConfidenceCoefficient, ConfidenceWarmupFraction, progress);

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">One is out of its range.</exception>
    public ChoiceConfiguration Validate()
    {
        Require(Column >= 0, nameof(Column), Column, "at least 0");
        Require(LabelSmoothing is >= 0 and < 1, nameof(LabelSmoothing), LabelSmoothing, "at least 0 and below 1");
        Require(ConfidenceCoefficient is >= 0 and <= 1, nameof(ConfidenceCoefficient), ConfidenceCoefficient, "from 0 to 1");
        Require(ConfidenceWarmupFraction is >= 0 and <= 1, nameof(ConfidenceWarmupFraction), ConfidenceWarmupFraction, "from 0 to 1");
        Require(ProductWeak >= 0 && float.IsFinite(ProductWeak), nameof(ProductWeak), ProductWeak, "at least 0");
        Require(ProductStrong >= 0 && float.IsFinite(ProductStrong), nameof(ProductStrong), ProductStrong, "at least 0");
        Require(WindowRadius > 0, nameof(WindowRadius), WindowRadius, "above 0");
        return this;

        static void Require(bool valid, string name, double value, string range)
        {
            if (!valid)
                throw new UserFaultException($"Choice setting {name} is {value}; it must be {range}.", $"Change {name} in the configuration.", FaultKind.Usage);
        }
    }
}
