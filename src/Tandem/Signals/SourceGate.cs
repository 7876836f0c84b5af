using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;

namespace Tandem.Signals;

/// <summary>Whether a source may supervise.</summary>
/// <param name="Source">Its name.</param>
/// <param name="Accuracy">Its accuracy on held-out items; abstentions are not counted.</param>
/// <param name="Chance">The accuracy of a blind vote on the same items.</param>
/// <param name="Kept">Whether it is kept.</param>
/// <param name="Reason">Why, in one sentence.</param>
public sealed record SourceVerdict(string Source, Estimate Accuracy, double Chance, bool Kept, string Reason);

/// <summary>
/// Drops sources that are no better than chance on held-out items, before any of their labels is trained on: a dead
/// judge adds noise that no combination removes (rule ours).
/// </summary>
public static class SourceGate
{
    /// <summary>Judges one source: it is kept when the lower bound of its accuracy lies above chance.</summary>
    /// <param name="source">Its name.</param>
    /// <param name="errors">Per held-out item, whether it is wrong; null where it abstains.</param>
    /// <param name="chance">The accuracy of a blind vote: the mean share of right options.</param>
    public static SourceVerdict Judge(string source, IReadOnlyList<bool?> errors, double chance)
    {
        bool[] right = [.. errors.Where(error => error != null).Select(error => error == false)];
        Estimate accuracy = Proportion.Wilson(right);
        bool kept = accuracy.Lower > chance;
        string reason = right.Length == 0
            ? $"{source} answered none of {errors.Count} held-out items."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{source} is right on {accuracy.ToText()} of held-out items, {(kept ? "above" : "not above")} chance ({chance:0.00}).");
        return new SourceVerdict(source, accuracy, chance, kept, reason);
    }

    /// <summary>Judges all sources of choices on the same held-out items, in the order given.</summary>
    /// <param name="sources">The sources' labels of the held-out items.</param>
    /// <param name="acceptable">Per item and option, whether the option is right.</param>
    public static IReadOnlyList<SourceVerdict> Judge(
        IReadOnlyList<SourceLabels> sources, IReadOnlyList<IReadOnlyList<bool>> acceptable)
    {
        double chance = acceptable.Average(options => (double)options.Count(flag => flag) / options.Count);
        return [.. sources.Select(source => Judge(source.Source, source.Errors(acceptable), chance))];
    }

    /// <summary>
    /// Judges all sources of violation judgements by balanced accuracy, the mean of sensitivity and specificity: its
    /// chance is one half whatever the share of violations, so that a source which always says no is dropped.
    /// </summary>
    /// <param name="sources">The sources' judgements of the held-out items.</param>
    /// <param name="violates">Per item and option, whether the option breaks a value.</param>
    public static IReadOnlyList<SourceVerdict> JudgeViolations(
        IReadOnlyList<SourceLabels> sources, IReadOnlyList<IReadOnlyList<bool>> violates)
    {
        bool[] truth = [.. violates.SelectMany(options => options)];
        return [.. sources.Select(source => JudgeViolations(source.Source, source.ViolationErrors(violates), truth))];
    }

    private static SourceVerdict JudgeViolations(string source, bool?[] errors, bool[] truth)
    {
        bool[] caught = [.. Enumerable.Range(0, truth.Length).Where(i => truth[i] && errors[i] != null).Select(i => errors[i] == false)];
        bool[] passed = [.. Enumerable.Range(0, truth.Length).Where(i => !truth[i] && errors[i] != null).Select(i => errors[i] == false)];
        Estimate sensitivity = Proportion.Wilson(caught), specificity = Proportion.Wilson(passed);
        Estimate balanced = sensitivity.Plus(specificity).Map(0.5) with { Count = caught.Length + passed.Length };
        bool kept = balanced.Lower > 0.5;
        return new SourceVerdict(
            source,
            balanced,
            0.5,
            kept,
            $"{source} catches {sensitivity.ToText()} of violations and passes {specificity.ToText()} of conforming options, {(kept ? "above" : "not above")} chance.");
    }
}
