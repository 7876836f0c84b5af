using Tandem.Evaluation.Statistics;

namespace Tandem.GapAnnealing;

/// <summary>
/// Saliency without truth. The gain of a student over its teacher is close to their misfit, the student's disagreement
/// with the teacher's labels (Charikar, Pabbaraju and Shiragur 2024, arXiv 2405.15116), so that s ≈ κ · min(1, misfit / δ).
/// With choices the misfit also counts the student's own errors and bounds the gain from above, so κ is calibrated on
/// steps where both are known; without such steps it is the theory's 1, with a wide deviation. (The calibration is ours.)
/// </summary>
public sealed class MisfitSaliency
{
    // Doubt about the estimate when nothing calibrates it, and the weight of the theory's κ = 1 in units of (misfit / δ)².
    private const double UncalibratedDeviation = 0.35;
    private const double TheoryWeight = 0.25;

    private MisfitSaliency(double factor, double deviation, int pairs) => (Factor, Deviation, Pairs) = (factor, deviation, pairs);

    /// <summary>κ.</summary>
    public double Factor { get; }

    /// <summary>The standard deviation of a saliency so estimated.</summary>
    public double Deviation { get; }

    /// <summary>The number of steps that calibrate it.</summary>
    public int Pairs { get; }

    /// <summary>Calibrates on the candidates and earlier steps that have both measurements.</summary>
    public static MisfitSaliency Calibrate(GapContext context)
    {
        var pairs = new List<(double Ratio, double Saliency)>();
        foreach (GapCandidate candidate in context.Candidates)
        {
            if (candidate is { PilotSaliency.Count: > 0, PilotMisfit.Count: > 0 } && candidate.Gap.Value > 0)
                pairs.Add((Ratio(candidate.PilotMisfit.Value, candidate.Gap.Value), candidate.PilotSaliency.Value));
        }

        foreach (GapObservation step in context.History)
        {
            if (step is { Saliency.Count: > 0, Misfit.Count: > 0 } && step.Gap > 0)
                pairs.Add((Ratio(step.Misfit.Value, step.Gap), step.Saliency.Value));
        }

        double squares = TheoryWeight, products = TheoryWeight;
        foreach (var (ratio, saliency) in pairs)
        {
            squares += ratio * ratio;
            products += ratio * saliency;
        }

        double factor = products / squares, residuals = UncalibratedDeviation * UncalibratedDeviation;
        foreach (var (ratio, saliency) in pairs)
            residuals += (saliency - (factor * ratio)) * (saliency - (factor * ratio));
        return new MisfitSaliency(factor, Math.Sqrt(residuals / (1 + pairs.Count)), pairs.Count);
    }

    /// <summary>The saliency that a candidate's misfit suggests, with its standard deviation; null without a misfit or a positive gap.</summary>
    public (double Value, double Deviation)? Estimate(GapCandidate candidate)
    {
        if (candidate.PilotMisfit is not { Count: > 0 } misfit || !(candidate.Gap.Value > 0))
            return null;
        double sampling = Factor / candidate.Gap.Value * misfit.StandardError();
        return (Factor * Ratio(misfit.Value, candidate.Gap.Value), Math.Sqrt((Deviation * Deviation) + (sampling * sampling)));
    }

    // A student that disagrees with its labels by more than the gap does not thereby gain more than the gap.
    private static double Ratio(double misfit, double gap) => Math.Min(1, misfit / gap);
}
