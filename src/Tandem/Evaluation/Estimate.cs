namespace Tandem.Evaluation;

/// <summary>
/// A measured quantity with its 95% interval and the number of observations behind it. No rate is reported without them.
/// </summary>
/// <param name="Value">The point estimate.</param>
/// <param name="Lower">The lower end of the 95% interval.</param>
/// <param name="Upper">The upper end of the 95% interval.</param>
/// <param name="Count">The number of observations (items, or clusters where items are clustered).</param>
public sealed record Estimate(double Value, double Lower, double Upper, int Count)
{
    /// <summary>Whether the interval contains a value.</summary>
    public bool Contains(double value) => Lower <= value && value <= Upper;

    /// <summary>Whether two intervals share no point.</summary>
    public bool IsDisjointFrom(Estimate other) => Upper < other.Lower || other.Upper < Lower;
}
