using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.FineTuning;

/// <summary>Whose labels an evaluation counts by.</summary>
public enum LabelTrust
{
    /// <summary>Labels that are known to be right: ground truth, or careful people.</summary>
    Trusted,

    /// <summary>Labels of the kind that is trained on: a weak model's, or unchecked ones.</summary>
    Weak,
}

/// <summary>
/// A measurement of the half-trained model, and whether it may decide. Weak labels may be watched but never choose: the
/// checkpoint that agrees best with a weak supervisor is the one that imitates its errors best, which is what training on
/// weak labels has to avoid (Burns et al., arXiv 2312.09390, section 5.1).
/// </summary>
/// <param name="Name">The name of the metric.</param>
/// <param name="Trust">Whose labels it counts by.</param>
/// <param name="Measure">Gives the metric of the model now; the model may be read and copied, and must not be changed. Called again with the same model, it gives the same number.</param>
public sealed record FineTuningEvaluation(string Name, LabelTrust Trust, Func<Transformer, double> Measure)
{
    /// <summary>Whether more is better.</summary>
    public bool HigherIsBetter { get; init; } = true;

    /// <summary>Whether the run ends with the weights of its best evaluation, the first of equals, rather than with its last.</summary>
    public bool ChoosesBest { get; init; }

    /// <summary>After how many evaluations in a row without a new best the run stops; 0 for never.</summary>
    public int Patience { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="UserFaultException">Weak labels are to choose, or a value is out of its range.</exception>
    public void Validate()
    {
        if (Patience < 0)
            throw new UserFaultException($"The patience of {Name} is {Patience}.", "It must be at least 0.", FaultKind.Usage);
        if (Trust == LabelTrust.Weak && (ChoosesBest || Patience > 0))
        {
            throw new UserFaultException(
                $"The evaluation {Name} counts by weak labels and is to {(ChoosesBest ? "choose the checkpoint" : "stop the training")}: that would select the model that imitates the weak labels' errors best.",
                "Evaluate by trusted labels, or only watch this metric (ChoosesBest false, Patience 0).",
                FaultKind.Usage);
        }
    }

    internal bool IsBetter(double value, double? best) =>
        !double.IsNaN(value) && (best is not { } old || (HigherIsBetter ? value > old : value < old));
}

/// <summary>A metric that was measured during a run.</summary>
/// <param name="Step">The number of steps done.</param>
/// <param name="Value">The metric.</param>
public readonly record struct MeasuredMetric(long Step, double Value);
