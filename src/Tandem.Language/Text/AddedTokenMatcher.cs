using System.Buffers;
using System.Globalization;

namespace Tandem.Language;

/// <summary>Finds the texts of added tokens: the leftmost first, of those at one place the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly SearchValues<string>? _any;
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> _byFirst;

    /// <summary>Creates a matcher.</summary>
    /// <param name="tokens">Tokens with the text that is sought for each.</param>
    public AddedTokenMatcher(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        var all = tokens.Where(t => t.Text.Length > 0).ToList();
        _any = all.Count == 0 ? null : SearchValues.Create([.. all.Select(t => t.Text)], StringComparison.Ordinal);
        _byFirst = all.GroupBy(t => t.Text[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Text.Length).ToArray());
    }

    /// <summary>Cuts a text into tokens and what lies between them.</summary>
    /// <param name="text">The text.</param>
    /// <param name="policy">Which tokens count.</param>
    /// <param name="piece">What to do with each part: its range, and the token or null.</param>
    public void Cut(TrackedText text, MatchPolicy policy, Action<int, int, AddedToken?> piece)
    {
        int done = 0, from = 0;
        while (_any != null && from < text.Text.Length)
        {
            int at = text.Text.AsSpan(from).IndexOfAny(_any);
            if (at < 0)
                break;
            at += from;
            from = Match(text, at, policy, out var found, out int length);
            if (found == null)
                continue;

            int start = at, end = at + length;
            if (found.SingleWord && ((start > 0 && IsWord(text.Text[start - 1])) || (end < text.Text.Length && IsWord(text.Text[end]))))
                continue;
            while (found.StripsLeft && start > done && char.IsWhiteSpace(text.Text[start - 1]))
                start--;
            while (found.StripsRight && end < text.Text.Length && char.IsWhiteSpace(text.Text[end]))
                end++;
            if (start < done)
                continue;
            if (start > done)
                piece(done, start, null);
            piece(start, end, found);
            done = end;
            from = Math.Max(from, done);
        }

        if (done < text.Text.Length)
            piece(done, text.Text.Length, null);
    }

    // Returns where the search goes on: behind a match also if it does not count, as in the reference implementation, but
    // where texts of two origins meet, the foreign one may not hide a token of the other.
    private int Match(TrackedText text, int at, MatchPolicy policy, out AddedToken? found, out int length)
    {
        found = null;
        length = 0;
        foreach (var (candidate, token) in _byFirst[text.Text[at]])
        {
            if (!text.Text.AsSpan(at).StartsWith(candidate, StringComparison.Ordinal))
                continue;
            length = candidate.Length;
            bool counts = policy.Counts(token, text, at, at + length);
            if (counts || !policy.HasOwners)
            {
                found = counts ? token : null;
                return at + length;
            }
        }

        return at + 1;
    }

    private static bool IsWord(char c) => char.GetUnicodeCategory(c)
        is <= UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}

/// <summary>Which added tokens a text may spell out, and where.</summary>
/// <param name="Special">What becomes of special tokens.</param>
/// <param name="IsForeign">For each UTF-16 unit, whether it is of foreign origin: no control token may touch it. Null where nothing is.</param>
/// <param name="Control">The tokens that foreign text may not spell out.</param>
internal sealed record MatchPolicy(SpecialTokens Special, bool[]? IsForeign = null, IReadOnlySet<int>? Control = null)
{
    public static readonly MatchPolicy AsText = new(SpecialTokens.AsText), Parsed = new(SpecialTokens.Parsed);

    public bool HasOwners => IsForeign != null;

    public bool Counts(AddedToken token, TrackedText text, int start, int end)
    {
        if (IsForeign == null)
            return !token.IsSpecial || Special == SpecialTokens.Parsed;
        if (!token.IsSpecial && !Control!.Contains(token.Token))
            return true;
        for (int i = start; i < end; i++)
        {
            if (IsForeign[text.Origins![i]])
                return false;
        }

        return true;
    }
}
