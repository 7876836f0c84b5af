using System.Globalization;

namespace Tandem.Language;

/// <summary>A cut of text into pieces, each of which becomes tokens by itself.</summary>
internal abstract record PreTokenizer
{
    /// <summary>Cuts a piece.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="isFirst">Whether it stands at the beginning of the text.</param>
    /// <param name="output">Receives the pieces; none is empty.</param>
    public abstract void Cut(TrackedText text, bool isFirst, List<TrackedText> output);

    /// <summary>The scanner that does the same, if there is one.</summary>
    public virtual WordPattern? Scanner => null;
}

internal sealed record PreTokenizerSequence(PreTokenizer[] Parts) : PreTokenizer
{
    // ByteLevel without prefix and expression changes nothing here: bytes are the model's concern.
    public override WordPattern? Scanner =>
        Parts.Length > 0 && Parts[1..].All(p => p is ByteLevelPreTokenizer { AddsSpace: false, Cuts: false }) ? Parts[0].Scanner : null;

    public override void Cut(TrackedText text, bool isFirst, List<TrackedText> output)
    {
        List<TrackedText> pieces = [text];
        foreach (var part in Parts)
        {
            var next = new List<TrackedText>();
            for (int i = 0; i < pieces.Count; i++)
                part.Cut(pieces[i], isFirst && i == 0, next);
            pieces = next;
        }

        output.AddRange(pieces);
    }
}

internal sealed record ByteLevelPreTokenizer(bool AddsSpace, bool Cuts) : PreTokenizer
{
    public override WordPattern? Scanner => !AddsSpace && Cuts ? WordPattern.Gpt2 : null;

    public override void Cut(TrackedText text, bool isFirst, List<TrackedText> output)
    {
        if (AddsSpace && text.Text.Length > 0 && !char.IsWhiteSpace(text.Text[0]))
            text = text.Prepend(" ");
        if (!Cuts)
        {
            output.Add(text);
            return;
        }

        for (int at = 0, end; at < text.Text.Length; at = end)
        {
            end = WordScanner.Next(text.Text, at, WordPattern.Gpt2);
            output.Add(text.Slice(at, end));
        }
    }
}

/// <summary>What becomes of the matches of a <see cref="SplitPreTokenizer"/>.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

internal sealed record SplitPreTokenizer(TextPattern? Pattern, WordPattern? Known, SplitBehavior Behavior, bool Inverted) : PreTokenizer
{
    public override WordPattern? Scanner => Behavior == SplitBehavior.Isolated && !Inverted ? Known : null;

    public override void Cut(TrackedText text, bool isFirst, List<TrackedText> output) =>
        Cut(text, Known is { } known ? Words(text.Text, known) : Pattern!.Matches(text.Text), Behavior, Inverted, output);

    /// <summary>Cuts at matches.</summary>
    public static void Cut(TrackedText text, List<(int Start, int End)> matches, SplitBehavior behavior, bool inverted, List<TrackedText> output)
    {
        var parts = new List<(int Start, int End, bool IsMatch)>();
        int done = 0;
        foreach (var (start, end) in matches)
        {
            if (start > done)
                parts.Add((done, start, inverted));
            parts.Add((start, end, !inverted));
            done = end;
        }

        if (done < text.Text.Length)
            parts.Add((done, text.Text.Length, inverted));

        for (int i = 0; i < parts.Count; i++)
        {
            var (start, end, isMatch) = parts[i];
            switch (behavior)
            {
                case SplitBehavior.Removed when isMatch:
                    continue;
                case SplitBehavior.MergedWithPrevious when !isMatch && i + 1 < parts.Count && parts[i + 1].IsMatch:
                case SplitBehavior.MergedWithNext when isMatch && i + 1 < parts.Count && !parts[i + 1].IsMatch:
                    end = parts[++i].End;
                    break;
                case SplitBehavior.Contiguous:
                    while (i + 1 < parts.Count && parts[i + 1].IsMatch == isMatch)
                        end = parts[++i].End;
                    break;
            }

            output.Add(text.Slice(start, end));
        }
    }

    private static List<(int, int)> Words(string text, WordPattern pattern)
    {
        var words = new List<(int, int)>();
        for (int at = 0, end; at < text.Length; at = end)
        {
            end = WordScanner.Next(text, at, pattern);
            words.Add((at, end));
        }

        return words;
    }
}

/// <summary>White space written as a visible character; a piece begins with each.</summary>
internal sealed record MetaspacePreTokenizer(string Replacement, PrependScheme Scheme, bool Splits) : PreTokenizer
{
    public override void Cut(TrackedText text, bool isFirst, List<TrackedText> output)
    {
        text = text.Replace(new TextPattern(" ", null).Matches(text.Text), Replacement);
        bool prepends = Scheme == PrependScheme.Always || (Scheme == PrependScheme.First && isFirst);
        if (prepends && text.Text.Length > 0 && !text.Text.StartsWith(Replacement, StringComparison.Ordinal))
            text = text.Prepend(Replacement);
        if (Splits)
            SplitPreTokenizer.Cut(text, new TextPattern(Replacement, null).Matches(text.Text), SplitBehavior.MergedWithNext, false, output);
        else
            output.Add(text);
    }
}

/// <summary>Where a space is put in front of a text.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Pieces of one class of character: digits apart from others, or white space left out.</summary>
internal sealed record ClassPreTokenizer(Func<char, bool> IsMatch, SplitBehavior Behavior) : PreTokenizer
{
    public override void Cut(TrackedText text, bool isFirst, List<TrackedText> output)
    {
        var matches = new List<(int, int)>();
        for (int i = 0; i < text.Text.Length; i++)
        {
            if (IsMatch(text.Text[i]))
                matches.Add((i, i + 1));
        }

        SplitPreTokenizer.Cut(text, matches, Behavior, false, output);
    }

    public static bool IsNumber(char c) => char.GetUnicodeCategory(c)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    public static bool IsPunctuation(char c) => (c < 0x80 && (char.IsPunctuation(c) || char.IsSymbol(c))) || char.IsPunctuation(c);
}
