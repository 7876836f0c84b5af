using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.GapAnnealing;

/// <summary>What a controller decides.</summary>
public enum GapOutcome
{
    /// <summary>Train the next generation from the chosen rung.</summary>
    Advance,

    /// <summary>No step is allowed at this supervision noise: get more sources or more human labels, then decide again.</summary>
    ImproveSignal,

    /// <summary>No step is allowed, and a better signal cannot be had or would not help.</summary>
    Stop,
}

/// <summary>What a controller makes of one candidate.</summary>
/// <param name="Candidate">The candidate.</param>
/// <param name="Saliency">Predicted s with its 95% predictive interval; null for a schedule, which predicts nothing. The count is the number of observations.</param>
/// <param name="Imitation">Predicted ι, likewise.</param>
/// <param name="Score">What the controller maximises: the lower bound of δ·s, or minus the distance of δ from a schedule's target.</param>
/// <param name="Feasible">Whether the controller may choose it.</param>
/// <param name="Reason">Why it may not; empty when it may.</param>
public sealed record GapAssessment(
    GapCandidate Candidate, Estimate? Saliency, Estimate? Imitation, double Score, bool Feasible, string Reason);

/// <summary>A decision with its inputs, as the ledger stores it.</summary>
public sealed record GapDecision
{
    /// <summary>The controller's name.</summary>
    public required string Controller { get; init; }

    /// <summary>What is to be done.</summary>
    public required GapOutcome Outcome { get; init; }

    /// <summary>The candidate chosen; null unless the outcome is <see cref="GapOutcome.Advance"/>.</summary>
    public GapCandidate? Chosen { get; init; }

    /// <summary>One sentence: why.</summary>
    public required string Reason { get; init; }

    /// <summary>All candidates, in the order given.</summary>
    public required IReadOnlyList<GapAssessment> Assessments { get; init; }

    /// <summary>The inputs.</summary>
    public required GapContext Context { get; init; }

    /// <summary>s_min, where the controller has such a limit.</summary>
    public double? SaliencyFloor { get; init; }

    /// <summary>ι_max, where the controller has such a limit.</summary>
    public double? ImitationCeiling { get; init; }

    /// <summary>The decision as a report shows it; null when nothing was chosen.</summary>
    public GapDecisionSummary? ToSummary() => Chosen == null ? null : new GapDecisionSummary
    {
        Controller = Controller,
        Gap = Chosen.Gap,
        Reason = Reason,
        SupervisionNoise = Context.SupervisionNoise,
        SaliencyFloor = SaliencyFloor,
        ImitationCeiling = ImitationCeiling,
        Candidates =
        [
            .. Assessments.Select(assessment => new GapCandidateSummary(
                assessment.Candidate.Rung,
                assessment.Candidate.Gap.Value,
                assessment.Saliency ?? assessment.Candidate.PilotSaliency,
                assessment.Imitation ?? assessment.Candidate.PilotImitation,
                assessment.Score,
                assessment.Feasible,
                assessment.Candidate == Chosen)),
        ],
    };
}

/// <summary>
/// Chooses how large the next step may be: the paper's "capability gap annealing" (arXiv 2503.07660, an open question
/// there). Controllers are pure: the same context gives the same decision.
/// </summary>
public interface IGapController
{
    /// <summary>The name in reports: <c>adaptive</c>, <c>fixed-small</c>, <c>linear</c>.</summary>
    string Name { get; }

    /// <summary>Whether <see cref="Decide"/> uses pilot measurements; when not, an arm spends nothing on pilots.</summary>
    bool UsesPilots { get; }

    /// <summary>Decides on the next step.</summary>
    GapDecision Decide(GapContext context);
}
