using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.GapAnnealing;

/// <summary>
/// A rung that the next generation may start from, with what is known of it before the step is trained. The capability
/// gap is named by arXiv 2503.07660; its definition, and those of saliency and imitation, are ours.
/// </summary>
public sealed record GapCandidate
{
    /// <summary>The rung of the pre-trained ladder: <c>r3</c> or <c>r3@8M</c>.</summary>
    public required string Rung { get; init; }

    /// <summary>The number of parameters.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>C: the utility that trusted elicitation reaches (ceiling run or linear probe), in utility units.</summary>
    public required Estimate Capacity { get; init; }

    /// <summary>δ = C(A_{i+1}) − U(A_i), in utility units.</summary>
    public required Estimate Gap { get; init; }

    /// <summary>s of a short pilot step at the current supervision noise; null without a pilot or when the gap is within noise.</summary>
    public Estimate? PilotSaliency { get; init; }

    /// <summary>ι of the pilot: agreement with the teacher's errors beyond the ceiling model's own; null without a pilot.</summary>
    public Estimate? PilotImitation { get; init; }

    /// <summary>The pilot student's disagreement with its labels, which needs no truth (arXiv 2405.15116); null without a pilot.</summary>
    public Estimate? PilotMisfit { get; init; }

    /// <summary>Training FLOPs that the pilot cost; they count towards the arm's budget.</summary>
    public double PilotFlops { get; init; }

    /// <summary>
    /// A candidate whose gap is its capacity less the present utility, taken as independent measurements. Where both
    /// were measured on the same items, set <see cref="Gap"/> from the paired difference instead: it is narrower.
    /// </summary>
    public static GapCandidate Create(string rung, long parameterCount, Estimate capacity, Estimate utility) => new()
    {
        Rung = rung,
        ParameterCount = parameterCount,
        Capacity = capacity,
        Gap = capacity.Minus(utility),
    };
}

/// <summary>What an earlier step turned out to be.</summary>
public sealed record GapObservation
{
    /// <summary>The generation that the step made.</summary>
    public required int Generation { get; init; }

    /// <summary>Its rung.</summary>
    public required string Rung { get; init; }

    /// <summary>δ of the step.</summary>
    public required double Gap { get; init; }

    /// <summary>ε at the step.</summary>
    public required double SupervisionNoise { get; init; }

    /// <summary>s of the step; null when it was suppressed.</summary>
    public Estimate? Saliency { get; init; }

    /// <summary>ι of the step.</summary>
    public Estimate? Imitation { get; init; }

    /// <summary>The student's disagreement with its labels.</summary>
    public Estimate? Misfit { get; init; }

    /// <summary>Whether the gate promoted the generation: a step that was rolled back is still evidence.</summary>
    public bool Promoted { get; init; } = true;
}

/// <summary>Everything that a controller may use for one decision; stored with it.</summary>
public sealed record GapContext
{
    /// <summary>The generation to be trained: 1, 2, …</summary>
    public required int Generation { get; init; }

    /// <summary>The number of generations planned.</summary>
    public required int Generations { get; init; }

    /// <summary>U(A_i): the present model's utility.</summary>
    public required Estimate Utility { get; init; }

    /// <summary>ε: the error rate of the combined labels, in [0, 1].</summary>
    public required double SupervisionNoise { get; init; }

    /// <summary>The rungs on offer.</summary>
    public required IReadOnlyList<GapCandidate> Candidates { get; init; }

    /// <summary>Earlier steps of this arm.</summary>
    public IReadOnlyList<GapObservation> History { get; init; } = [];

    /// <summary>Whether more sources or more human labels can still be had.</summary>
    public bool CanImproveSignal { get; init; } = true;
}
