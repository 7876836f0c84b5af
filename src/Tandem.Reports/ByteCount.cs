using System.Globalization;

namespace Tandem.Reports;

/// <summary>Lengths of files and of memory, as people read them.</summary>
public static class ByteCount
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB"];

    /// <summary>Three digits and a decimal unit: <c>988 MB</c>, <c>1.24 GB</c>.</summary>
    public static string Text(double bytes)
    {
        int unit = 0;
        while (Math.Abs(bytes) >= 999.5 && unit < Units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        string format = unit == 0 || Math.Abs(bytes) >= 99.95 ? "0" : Math.Abs(bytes) >= 9.995 ? "0.0" : "0.00";
        return $"{bytes.ToString(format, CultureInfo.InvariantCulture)} {Units[unit]}";
    }
}
