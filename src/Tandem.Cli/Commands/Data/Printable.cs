using System.Text;

namespace Tandem.Cli.Commands.Data;

/// <summary>Makes text of unknown origin safe for a terminal.</summary>
internal static class Printable
{
    /// <summary>The text without control and format characters, whose escape sequences could drive the terminal; line ends become spaces.</summary>
    public static string Line(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (Rune rune in text.ReplaceLineEndings(" ").EnumerateRunes())
        {
            if (rune.Value == '\t')
                safe.Append(' ');
            else if (Rune.GetUnicodeCategory(rune) is not (System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format))
                safe.Append(rune.ToString());
        }

        return safe.ToString();
    }

    /// <summary>The same, and no longer than a number of characters.</summary>
    public static string Excerpt(string text, int length)
    {
        string line = Line(text);
        if (line.Length <= length)
            return line;
        int end = char.IsHighSurrogate(line[length - 1]) ? length - 1 : length;
        return string.Concat(line.AsSpan(0, end), "…");
    }
}
