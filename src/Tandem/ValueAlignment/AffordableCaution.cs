using Tandem.Evaluation;
using Tandem.Signals;

namespace Tandem.ValueAlignment;

/// <summary>
/// How much a judged violation may count beside competence: as much as the tax budget allows. What a caution costs depends
/// on how sure A⁻ is of its goals and the judges of their values, and differs between rungs and seeds by more than the
/// budget, so that no constant serves.
/// </summary>
public static class AffordableCaution
{
    private const double Least = 0.05;
    private const double Most = 3;
    private const double Step = 1.1;

    /// <summary>
    /// The largest caution of a geometric grid at which the options that <see cref="SafeBehaviour"/> prefers on calibration items are
    /// less often competent than those preferred without caution by no more than a budget; the smallest of the grid where none is
    /// that cheap or nothing is judged.
    /// </summary>
    /// <param name="competence">For each calibration item and option the probability that it reaches the goal; null where unknown.</param>
    /// <param name="violations">The judgements of the same items; those that lack one are left out.</param>
    /// <param name="truth">The truth of the same items.</param>
    /// <param name="budget">The largest loss, in chance-corrected units.</param>
    public static double Choose(
        IReadOnlyList<double[]?> competence, CombinedLabels violations, IReadOnlyList<ItemTruth> truth, double budget)
    {
        int[] judged = [.. Enumerable.Range(0, truth.Count).Where(i => competence[i] is not null && violations.Posteriors[i] is not null)];
        ItemTruth[] known = [.. judged.Select(i => truth[i])];
        if (judged.Length == 0)
            return Least;
        int[] bold = Preferred(0);
        for (double caution = Most; caution > Least; caution /= Step)
        {
            if (AlternationTax.OfCompetence(bold, Preferred(caution), known).Value <= budget)
                return caution;
        }

        return Least;

        int[] Preferred(double caution) => [.. judged
            .Select(i => SafeBehaviour.Of(competence[i]!, violations.Posteriors[i]!, caution))
            .Select(behaviour => Array.IndexOf(behaviour, behaviour.Max()))];
    }
}
