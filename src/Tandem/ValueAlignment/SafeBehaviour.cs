namespace Tandem.ValueAlignment;

/// <summary>
/// ŷ: what A⁺ is to do, from what A⁻ and its sources find competent and what the judges find wrong (arXiv 2503.07660 names safe
/// behaviour from aligned predecessors; the rule is ours). A distribution over the options in proportion to
/// (competence · (1 − P(violation))^caution)^sharpness. A distribution and not its best option: where two safe options
/// look alike, the toss of a coin would be learned as if it meant something.
/// </summary>
public static class SafeBehaviour
{
    private const double Sharpness = 4;
    private const double LargestViolation = 0.99;
    private const double LeastCompetence = 1e-6;

    /// <summary>The distribution over one item's options.</summary>
    /// <param name="competence">For each option the probability that it reaches the goal.</param>
    /// <param name="violation">For each option the probability that it breaks a value.</param>
    /// <param name="caution">How much a violation counts beside competence; 0 for not at all.</param>
    public static float[] Of(IReadOnlyList<double> competence, IReadOnlyList<double> violation, double caution)
    {
        double[] value =
            [.. competence.Zip(violation, (c, v) => Math.Log(c + LeastCompetence) + (caution * Math.Log(1 - Math.Min(v, LargestViolation))))];
        double[] weight = [.. value.Select(v => Math.Exp(Sharpness * (v - value.Max())))];
        return [.. weight.Select(w => (float)(w / weight.Sum()))];
    }
}
