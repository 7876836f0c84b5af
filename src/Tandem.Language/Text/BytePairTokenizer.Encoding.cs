using System.Text;

namespace Tandem.Language;

/// <content>From text to tokens.</content>
public sealed partial class BytePairTokenizer
{
    /// <summary>The tokens of a text with the places they come from, where part of it is of foreign origin.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isForeign">For each UTF-16 unit, whether no control token may touch it.</param>
    /// <param name="control">Tokens, besides the special ones, that foreign text may not spell out.</param>
    internal (int[] Tokens, (int First, int Last)[] Places) EncodeGuarded(string text, bool[] isForeign, IReadOnlySet<int> control)
    {
        using var output = new TokenBuffer(tracked: true);
        Encode(text, new MatchPolicy(SpecialTokens.Parsed, isForeign, control), output);
        return (output.Tokens.ToArray(), [.. output.Places!]);
    }

    /// <summary>The added tokens whose text stands in another text.</summary>
    internal HashSet<int> AddedTokensIn(string text) =>
        [.. _added.Where(t => t.Content.Length > 0 && text.Contains(t.Content, StringComparison.Ordinal)).Select(t => t.Token)];

    /// <summary>Whether a token controls the model and is no text.</summary>
    internal bool IsControl(int token) => _addedOf.TryGetValue(token, out var added) && added.IsSpecial;

    private void Encode(string text, MatchPolicy policy, TokenBuffer output)
    {
        int[]? origins = output.Places == null ? null : [.. Enumerable.Range(0, text.Length)];
        var whole = new TrackedText(text, origins);
        _plain.Cut(whole, policy, (start, end, token) =>
        {
            if (token != null)
                AddAdded(token, whole, start, end, output);
            else
                EncodeNormalized(Normalize(whole.Slice(start, end)), start == 0, policy, output);
        });
    }

    private void EncodeNormalized(TrackedText text, bool isFirst, MatchPolicy policy, TokenBuffer output) =>
        _normalized.Cut(text, policy, (start, end, token) =>
        {
            if (token != null)
                AddAdded(token, text, start, end, output);
            else
                EncodePieces(text.Slice(start, end), isFirst && start == 0, output);
        });

    private TrackedText Normalize(TrackedText text) => _normalizer?.Apply(text) ?? text;

    private static void AddAdded(AddedToken token, TrackedText text, int start, int end, TokenBuffer output)
    {
        output.Add(token.Token);
        output.Places?.Add((text.Origins![start], text.Origins[end - 1]));
    }

    private void EncodePieces(TrackedText text, bool isFirst, TokenBuffer output)
    {
        if (output.Places == null && _scanner is { } pattern)
        {
            var characters = text.Text.AsSpan();
            for (int at = 0, end; at < characters.Length; at = end)
            {
                end = WordScanner.Next(characters, at, pattern);
                _model.Encode(characters[at..end], output);
            }

            return;
        }

        List<TrackedText> pieces = [];
        if (_preTokenizer == null)
            pieces.Add(text);
        else
            _preTokenizer.Cut(text, isFirst, pieces);
        foreach (var piece in pieces)
        {
            if (output.Places == null)
                _model.Encode(piece.Text, output);
            else
                EncodeTracked(piece, output);
        }
    }

    private void EncodeTracked(TrackedText piece, TokenBuffer output)
    {
        var lengths = new List<int>();
        _model.EncodeMeasured(piece.Text, output, lengths);

        // The character of each byte of the piece in UTF-8.
        var characters = new List<int>(piece.Text.Length + 8);
        for (int i = 0; i < piece.Text.Length;)
        {
            Rune.DecodeFromUtf16(piece.Text.AsSpan(i), out var rune, out int length);
            for (int k = 0; k < rune.Utf8SequenceLength; k++)
                characters.Add(k == 0 ? i : i + length - 1);
            i += length;
        }

        int at = 0;
        foreach (int length in lengths)
        {
            output.Places!.Add((piece.Origins![characters[at]], piece.Origins[characters[at + length - 1]]));
            at += length;
        }
    }
}
