using System.ComponentModel.DataAnnotations;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;

namespace Tandem.Paradigms.WeakToStrong;

/// <summary>What of a teacher's answer a student sees.</summary>
public enum WeakLabels
{
    /// <summary>The teacher's distribution over the options.</summary>
    Soft,

    /// <summary>The teacher's best option.</summary>
    Hard,
}

/// <summary>What of a student learns.</summary>
public enum StudentLearning
{
    /// <summary>All parameters, with a score for each option.</summary>
    FineTuning,

    /// <summary>A linear score over frozen activations (section 5.1.3 of arXiv 2312.09390 compares both).</summary>
    LinearProbe,

    /// <summary>All parameters, with the language head: the labelled option is learned as text after the story, and options are scored by their log-probabilities.</summary>
    Generative,
}

/// <summary>How a student learns from labels: on identical items, in the same order, for as many steps.</summary>
public sealed record WeakToStrongMethod
{
    /// <summary>What learns. A probe knows cross-entropy only; generative learning, cross-entropy on hard labels only.</summary>
    public StudentLearning Learning { get; init; }

    /// <summary>How targets are made of labels and the student's own predictions.</summary>
    public WeakLoss Loss { get; init; }

    /// <summary>What of the teacher's answer is learned.</summary>
    public WeakLabels Labels { get; init; }

    /// <summary>The share of the student's own hardened answers in <see cref="WeakLoss.Confidence"/> after the warm-up.</summary>
    [Range(0.0, 1.0)]
    public double Confidence { get; init; } = 0.5;

    /// <summary>The share of the steps over which it rises.</summary>
    [Range(0.0, 1.0)]
    public double ConfidenceWarmup { get; init; } = 0.1;

    /// <summary>α of <see cref="WeakLoss.Product"/>: the weight of the label.</summary>
    [Range(0.0, 10.0)]
    public double ProductWeak { get; init; } = 1;

    /// <summary>β of <see cref="WeakLoss.Product"/>: the weight of the student's prediction.</summary>
    [Range(0.0, 10.0)]
    public double ProductStrong { get; init; } = 1;

    /// <summary>The radius of <see cref="WeakLoss.Window"/>; 0 for the median of the labels' own certainty (<see cref="WeakTargets.MedianRadius"/>).</summary>
    [Range(0.0, 1.0)]
    public double WindowRadius { get; init; }

    /// <summary>How tables call the method.</summary>
    public override string ToString() => $"{Words(Learning)}, {Words(Loss)}, {Words(Labels)} labels";

    /// <summary>The method within the key of a stage: all that tells it from another.</summary>
    internal string Key => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Learning}-{Loss}-{Labels}{Loss switch
    {
        WeakLoss.Confidence => $"-{Confidence}-{ConfidenceWarmup}",
        WeakLoss.Product => $"-{ProductWeak}-{ProductStrong}",
        WeakLoss.Window => $"-{WindowRadius}",
        _ => "",
    }}").ToLowerInvariant();

    /// <summary>The same settings in a fine-tuning on options.</summary>
    /// <param name="settings">The settings without a loss.</param>
    /// <param name="labels">The labels, for a radius that depends on them.</param>
    internal OptionFineTuningConfiguration Applied(OptionFineTuningConfiguration settings, IEnumerable<float[]?> labels) => Loss switch
    {
        WeakLoss.Confidence => settings with { AuxiliaryConfidence = (float)Confidence, ConfidenceWarmupFraction = ConfidenceWarmup },
        WeakLoss.Product => settings with { ProductWeak = (float)ProductWeak, ProductStrong = (float)ProductStrong },
        WeakLoss.Window => settings with
        {
            WindowRadius = WindowRadius > 0 ? (float)WindowRadius : WeakTargets.MedianRadius(labels.OfType<float[]>()),
        },
        _ => settings,
    };

    private static string Words<T>(T value)
        where T : struct, Enum => string.Concat(value.ToString().Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : $"{c}"));
}
