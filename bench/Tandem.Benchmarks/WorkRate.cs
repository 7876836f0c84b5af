using System.Globalization;

namespace Tandem.Benchmarks;

/// <summary>How much work one program does in a second, and the settings that were best for it.</summary>
internal sealed record WorkRate(double Best, double Median, string Settings)
{
    /// <summary>Two cells of a table: a peer's rate and what Tandem's is over it; dashes without a peer.</summary>
    public static string Cell(WorkRate? peer, double? ratio) =>
        peer is null ? "– | –" : string.Create(CultureInfo.InvariantCulture, $"{peer} | {ratio:F2}");

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Best:F1} ({Median:F1}{(Settings.Length > 0 ? "; " : "")}{Settings})");
}
