using System.Text;

namespace Tandem.Reports;

/// <summary>Makes text safe for a terminal, whatever a recipe or a model put into it.</summary>
internal static class Terminal
{
    /// <summary>Removes control characters, and with <paramref name="unicode"/> false all that is not ASCII.</summary>
    /// <param name="text">The text.</param>
    /// <param name="unicode">Whether the terminal shows more than ASCII.</param>
    /// <param name="keepLines">Whether line ends stay; else they become spaces.</param>
    public static string Safe(string text, bool unicode, bool keepLines = false)
    {
        string clean = Markup.Clean(text).Replace('\t', ' ').Replace('\r', ' ');
        if (!keepLines)
            clean = clean.Replace('\n', ' ');
        if (unicode)
            return clean;
        var ascii = new StringBuilder(clean.Length);
        foreach (Rune rune in clean.EnumerateRunes())
        {
            ascii.Append(rune.Value switch
            {
                '±' => "+/-",
                '→' => "->",
                '−' or '–' or '⁻' => "-",
                '⁺' => "+",
                '…' => ".",
                '’' => "'",
                '\u00A0' => " ",
                'δ' => "gap",
                'ε' => "eps",
                'ι' => "iota",
                '✓' => "ok",
                '✕' => "x",
                < 128 => rune.ToString(),
                _ => "?",
            });
        }

        return ascii.ToString();
    }
}
