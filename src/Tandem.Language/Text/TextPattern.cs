using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>What a normalizer or a pre-tokenizer seeks: a literal text or a regular expression.</summary>
/// <param name="Literal">The literal text, or null.</param>
/// <param name="Expression">The expression, or null.</param>
internal sealed record TextPattern(string? Literal, Regex? Expression)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly Lazy<char[]> s_stand = new(StandIns);

    /// <summary>An expression as tokenizers write them.</summary>
    /// <exception cref="ArgumentException">It is not valid, or names characters beyond U+FFFF.</exception>
    public static TextPattern OfExpression(string expression)
    {
        if (expression.Any(char.IsSurrogate))
            throw new ArgumentException($"The expression '{expression}' names characters beyond U+FFFF");
        return new TextPattern(null, new Regex(expression, RegexOptions.CultureInvariant, s_patience));
    }

    /// <summary>The ranges of a text that match, in order. Empty matches are left out.</summary>
    /// <exception cref="UserFaultException">The expression takes too long.</exception>
    public List<(int Start, int End)> Matches(string text)
    {
        var ranges = new List<(int, int)>();
        if (Literal is { } literal)
        {
            for (int at = 0; (at = text.IndexOf(literal, at, StringComparison.Ordinal)) >= 0; at += literal.Length)
                ranges.Add((at, at + literal.Length));
            return ranges;
        }

        try
        {
            string subject = WithoutPairs(text, out int[]? places);
            foreach (ValueMatch match in Expression!.EnumerateMatches(subject))
            {
                if (match.Length > 0)
                    ranges.Add(places == null ? (match.Index, match.Index + match.Length) : (places[match.Index], places[match.Index + match.Length]));
            }
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new UserFaultException(
                $"The tokenizer's expression '{Expression}' takes more than {s_patience.TotalSeconds} s on a text of {text.Length} characters.",
                "Use a tokenizer whose expression does not backtrack without end.", inner: error);
        }

        return ranges;
    }

    // The runtime's expressions see halves of pairs and know no class of them. A character beyond U+FFFF is therefore
    // replaced, for the search only, by one of the same category.
    private static string WithoutPairs(string text, out int[]? places)
    {
        places = null;
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return text;
        var subject = new StringBuilder(text.Length);
        var at = new List<int>(text.Length + 1);
        for (int i = 0; i < text.Length;)
        {
            at.Add(i);
            Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out int length);
            subject.Append(rune.IsBmp ? (char)rune.Value : s_stand.Value[(int)Rune.GetUnicodeCategory(rune)]);
            i += length;
        }

        at.Add(text.Length);
        places = [.. at];
        return subject.ToString();
    }

    // The last of each category below the private use area: far from what expressions name.
    private static char[] StandIns()
    {
        char[] characters = new char[30];
        for (char c = '\0'; c < '\uFB00'; c++)
        {
            if (c is < '\uD800' or >= '\uE000')
                characters[(int)CharUnicodeInfo.GetUnicodeCategory(c)] = c;
        }

        characters[(int)UnicodeCategory.PrivateUse] = '\uE000';
        characters[(int)UnicodeCategory.Surrogate] = '\uFFFD';
        return characters;
    }
}
