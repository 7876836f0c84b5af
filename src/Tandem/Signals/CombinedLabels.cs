using Tandem.Evaluation;

namespace Tandem.Signals;

/// <summary>What a combination of sources says, and what it thinks of each source.</summary>
public sealed record CombinedLabels
{
    /// <summary>How labels were combined: <c>majority</c>, <c>dawid-skene</c> or <c>stacked</c>.</summary>
    public required string Combination { get; init; }

    /// <summary>What was asked.</summary>
    public required SupervisionQuestion Question { get; init; }

    /// <summary>
    /// Per item one probability per option: a distribution, or each option's probability of breaking a value. Null
    /// where every source abstained. A majority's are shares of votes, not calibrated probabilities.
    /// </summary>
    public required IReadOnlyList<double[]?> Posteriors { get; init; }

    /// <summary>
    /// <see cref="Posteriors"/> as they are without a reference's own labels: what the sources say of the items that it
    /// labelled, too, as they say it of all others. The same where there is no reference.
    /// </summary>
    public IReadOnlyList<double[]?> WithoutReference { get => field ?? Posteriors; init; }

    /// <summary>Per item the option chosen, <see cref="SourceLabels.Abstained"/> where every source abstained; empty for violation judgements.</summary>
    public required IReadOnlyList<int> Choices { get; init; }

    /// <summary>The sources in the order given.</summary>
    public required IReadOnlyList<SourceQuality> Sources { get; init; }

    /// <summary>
    /// Supervision noise ε without truth: the fit's expected error rate of the combined labels, without a reference's own,
    /// where of several right options one counts as right. Null for a majority, which has no model of its errors. Too low
    /// when sources err together: see <see cref="ErrorCorrelation"/>.
    /// </summary>
    public double? ExpectedErrorRate { get; init; }

    /// <summary>Whether the fit converged; always so for a majority.</summary>
    public bool Converged { get; init; } = true;

    /// <summary>Iterations of the fit; 0 for a majority.</summary>
    public int Iterations { get; init; }

    /// <summary>The most probable option of each item, the first of equals.</summary>
    internal static int[] MostProbable(IReadOnlyList<double[]?> posteriors) =>
        [.. posteriors.Select(row => row == null ? SourceLabels.Abstained : Array.IndexOf(row, row.Max()))];
}

/// <summary>What a combination estimates of a source without truth.</summary>
/// <param name="Name">The source.</param>
/// <param name="Accuracy">
/// The rate at which its votes agree with the combined labels, which are taken as true: the interval does not contain
/// the uncertainty of the labels themselves. The count is the number of votes.
/// </param>
/// <param name="Abstained">Votes it did not cast.</param>
/// <param name="Sensitivity">For violation judgements, the rate of violations that it reports.</param>
/// <param name="Specificity">For violation judgements, the rate of conforming options that it passes.</param>
public sealed record SourceQuality(
    string Name, Estimate Accuracy, int Abstained, Estimate? Sensitivity = null, Estimate? Specificity = null);
