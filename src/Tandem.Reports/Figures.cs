using System.Globalization;
using Tandem.Evaluation;

namespace Tandem.Reports;

/// <summary>How numbers are written, the same in every place and whatever the culture.</summary>
internal static class Figures
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    private static readonly string[] Words =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

    /// <summary>A rate or a utility with two decimals and a true minus sign: <c>0.62</c>, <c>−0.03</c>.</summary>
    public static string Rate(double value)
    {
        if (!double.IsFinite(value))
            return double.IsNaN(value) ? "not measured" : value > 0 ? "unbounded" : "−unbounded";
        string text = Math.Abs(value).ToString("0.00", Invariant);
        return value < 0 && text != "0.00" ? "−" + text : text;
    }

    /// <summary>A difference with its sign: <c>+0.25</c>, <c>−0.03</c>, <c>0.00</c>.</summary>
    public static string Signed(double value)
    {
        string text = Rate(value);
        return value > 0 && text != "0.00" ? "+" + text : text;
    }

    /// <summary>The interval's two ends: <c>0.58–0.66</c>, or <c>−0.02 to 0.10</c> where a dash would read as a sign.</summary>
    public static string Interval(Estimate estimate)
    {
        string lower = Rate(estimate.Lower), upper = Rate(estimate.Upper);
        bool plain = estimate.Lower >= 0 && double.IsFinite(estimate.Lower) && double.IsFinite(estimate.Upper);
        return plain ? $"{lower}–{upper}" : $"{lower} to {upper}";
    }

    /// <summary>An estimate for running text: <c>0.62 (0.58–0.66, n 400)</c>.</summary>
    public static string Inline(Estimate estimate) =>
        $"{Rate(estimate.Value)} ({Interval(estimate)}, {Observations(estimate)})";

    /// <summary>The number of observations, kept on one line: <c>n 400</c>.</summary>
    public static string Observations(Estimate estimate) => "n\u00A0" + Count(estimate.Count);

    /// <summary>The larger distance from the value to an end of its interval, so that a ± never claims more than the interval.</summary>
    public static double HalfWidth(Estimate estimate) =>
        Math.Max(estimate.Value - estimate.Lower, estimate.Upper - estimate.Value);

    /// <summary>A count with thin grouping: <c>12,800</c>.</summary>
    public static string Count(long value) => value.ToString("#,0", Invariant);

    /// <summary>A count as a word up to twelve, for sentences.</summary>
    public static string Word(int value) => value >= 0 && value < Words.Length ? Words[value] : Count(value);

    /// <summary>A count and its noun: <c>three generations</c>, <c>one hazard</c>.</summary>
    public static string Number(int value, string singular, string? plural = null) =>
        $"{Word(value)} {(value == 1 ? singular : plural ?? singular + "s")}";

    /// <summary>The same with a capital at the start of a sentence.</summary>
    public static string Sentence(string text) =>
        text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>A large quantity in three digits: <c>198k</c>, <c>3.1M</c>, <c>850</c>.</summary>
    public static string Large(double value)
    {
        if (!double.IsFinite(value))
            return "not measured";
        (double scale, string unit) = Math.Abs(value) switch
        {
            >= 999.5e6 => (1e9, "B"),
            >= 999.5e3 => (1e6, "M"),
            >= 1e3 => (1e3, "k"),
            _ => (1.0, string.Empty),
        };
        double scaled = value / scale;
        string format = unit.Length == 0 || Math.Abs(scaled) >= 99.95 ? "0" : Math.Abs(scaled) >= 9.95 ? "0.#" : "0.##";
        return scaled.ToString(format, Invariant) + unit;
    }

    /// <summary>Floating-point operations: <c>4.2 PFLOP</c>.</summary>
    public static string Flops(double value)
    {
        if (!double.IsFinite(value))
            return "not measured";
        string[] units = ["", "k", "M", "G", "T", "P", "E", "Z"];
        int unit = 0;
        while (Math.Abs(value) >= 999.5 && unit < units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        return value.ToString(value >= 99.95 ? "0" : "0.0", Invariant) + " " + units[unit] + "FLOP";
    }

    /// <summary>A span of time in its two largest units: <c>5 min 12 s</c>.</summary>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds < 0)
            return "unknown time";
        long whole = (long)Math.Round(Math.Min(seconds, 1e12));
        return whole switch
        {
            < 60 => string.Create(Invariant, $"{whole} s"),
            < 3600 => string.Create(Invariant, $"{whole / 60} min {whole % 60} s"),
            < 86400 => string.Create(Invariant, $"{whole / 3600} h {whole % 3600 / 60} min"),
            _ => string.Create(Invariant, $"{whole / 86400} d {whole % 86400 / 3600} h"),
        };
    }

    /// <summary>A loss or a scale's tick, in up to three significant digits.</summary>
    public static string Significant(double value)
    {
        if (!double.IsFinite(value))
            return "not finite";
        string text = Math.Abs(value) is 0 or (>= 0.001 and < 10000)
            ? value.ToString(Math.Abs(value) >= 100 ? "0" : Math.Abs(value) >= 10 ? "0.#" : Math.Abs(value) >= 1 ? "0.##" : "0.###", Invariant)
            : value.ToString("0.#e0", Invariant);
        return text.Replace('-', '−');
    }

    /// <summary>A coordinate of a drawing, with a tenth of a unit.</summary>
    public static string Coordinate(double value)
    {
        string text = Math.Round(value, 1).ToString("0.#", Invariant);
        return text == "-0" ? "0" : text;
    }
}
