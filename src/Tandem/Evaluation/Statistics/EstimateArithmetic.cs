using System.Globalization;

namespace Tandem.Evaluation.Statistics;

/// <summary>Sums, differences and linear maps of estimates that keep their intervals.</summary>
public static class EstimateArithmetic
{
    /// <summary>
    /// first − second for independent estimates: the distances from each value to its limits are squared and added
    /// (Newcombe 1998, method 10; Zou and Donner 2008), which keeps skewed intervals skewed. The count is the smaller one.
    /// </summary>
    public static Estimate Minus(this Estimate first, Estimate second) => new(
        first.Value - second.Value,
        first.Value - second.Value - Hypotenuse(first.Value - first.Lower, second.Upper - second.Value),
        first.Value - second.Value + Hypotenuse(first.Upper - first.Value, second.Value - second.Lower),
        Math.Min(first.Count, second.Count));

    /// <summary>first + second for independent estimates, with the same rule for the limits.</summary>
    public static Estimate Plus(this Estimate first, Estimate second) => first.Minus(second.Map(-1));

    /// <summary>scale · estimate + shift, limits mapped along (and swapped when the scale is negative).</summary>
    public static Estimate Map(this Estimate estimate, double scale, double shift = 0)
    {
        double a = (estimate.Lower * scale) + shift, b = (estimate.Upper * scale) + shift;
        return new Estimate((estimate.Value * scale) + shift, Math.Min(a, b), Math.Max(a, b), estimate.Count);
    }

    /// <summary>A standard error read back from the 95% interval: its width over 2 · 1.96.</summary>
    public static double StandardError(this Estimate estimate) =>
        (estimate.Upper - estimate.Lower) / (2 * Distributions.TwoSided95);

    /// <summary>The estimate as text, with interval and n: <c>0.83 [0.80, 0.86] n=500</c>.</summary>
    public static string ToText(this Estimate estimate) => string.Create(
        CultureInfo.InvariantCulture,
        $"{estimate.Value:0.00} [{estimate.Lower:0.00}, {estimate.Upper:0.00}] n={estimate.Count}");

    private static double Hypotenuse(double a, double b) => Math.Sqrt((a * a) + (b * b));
}
