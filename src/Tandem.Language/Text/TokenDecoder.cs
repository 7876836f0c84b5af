using System.Text;

namespace Tandem.Language;

/// <summary>How tokens become text.</summary>
internal enum DecoderKind
{
    /// <summary>Tokens are bytes.</summary>
    Bytes,

    /// <summary>Tokens are text; some may be single bytes.</summary>
    Texts,

    /// <summary>Tokens are text with a space between each two.</summary>
    Spaced,
}

/// <summary>The decoder of a tokenizer.json.</summary>
/// <param name="Kind">How tokens become text.</param>
/// <param name="Replacements">Texts replaced in each token.</param>
/// <param name="Metaspace">The character that stands for a space and vanishes from the first token, if any.</param>
/// <param name="BytesFallBack">Whether tokens such as &lt;0x0A&gt; are bytes.</param>
/// <param name="StrippedText">The character that is stripped from the text; null for none.</param>
/// <param name="StrippedStart">How many of it at most at the beginning.</param>
/// <param name="StrippedStop">How many of it at most at the end.</param>
internal sealed record TokenDecoder(
    DecoderKind Kind, (string From, string To)[] Replacements, (string Character, bool DropsFirst)? Metaspace, bool BytesFallBack,
    char? StrippedText, int StrippedStart, int StrippedStop)
{
    public static TokenDecoder Of(DecoderKind kind) => new(kind, [], null, false, null, 0, 0);

    /// <summary>The byte that a token such as &lt;0x0A&gt; stands for; -1 if it is another.</summary>
    public int ByteOf(string token) =>
        BytesFallBack && token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4])
            ? Convert.ToInt32(token.Substring(3, 2), 16)
            : -1;

    /// <summary>The text of a token that is no byte.</summary>
    public string TextOf(string token, bool isFirst)
    {
        foreach (var (from, to) in Replacements)
            token = token.Replace(from, to, StringComparison.Ordinal);
        if (Metaspace is { } metaspace)
            token = token.Replace(metaspace.Character, isFirst && metaspace.DropsFirst ? "" : " ", StringComparison.Ordinal);
        return token;
    }
}

/// <summary>Puts the text of tokens together, one by one. What cannot change any more is complete.</summary>
internal sealed class TextAssembler(TokenDecoder decoder)
{
    private readonly List<byte> _bytes = [];
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _held = new();
    private int _stripped;
    private bool _begun, _textBegun;

    /// <summary>Takes a token of a vocabulary of bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes, StringBuilder text) => Convert(bytes, false, text);

    /// <summary>Takes a token of a vocabulary of texts.</summary>
    public void Append(string token, StringBuilder text)
    {
        int value = decoder.ByteOf(token);
        if (value >= 0)
        {
            // A run of bytes is text only as a whole: one that is no character makes all of them unreadable.
            _bytes.Add((byte)value);
            _begun = true;
            return;
        }

        EndBytes(text);
        string plain = decoder.TextOf(token, !_begun);
        if (decoder.Kind == DecoderKind.Spaced && _begun)
            plain = " " + plain;
        _begun = true;
        Emit(plain, text);
    }

    /// <summary>Adds what was held back, at the end.</summary>
    public void Finish(StringBuilder text)
    {
        EndBytes(text);
        Convert([], true, text);
        int end = _held.Length;
        for (int i = 0; i < decoder.StrippedStop && end > 0 && _held[end - 1] == decoder.StrippedText; i++)
            end--;
        text.Append(_held, 0, end);
        _held.Clear();
        _begun = _textBegun = false;
        _stripped = 0;
    }

    private void Convert(ReadOnlySpan<byte> bytes, bool isLast, StringBuilder text)
    {
        Span<char> characters = stackalloc char[256];
        while (bytes.Length > 128)
        {
            text.Append(characters[.._utf8.GetChars(bytes[..128], characters, false)]);
            bytes = bytes[128..];
        }

        text.Append(characters[.._utf8.GetChars(bytes, characters, isLast)]);
    }

    private void EndBytes(StringBuilder text)
    {
        if (_bytes.Count == 0)
            return;
        byte[] bytes = [.. _bytes];
        _bytes.Clear();
        Emit(System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : new string('\uFFFD', bytes.Length), text);
    }

    private void Emit(string plain, StringBuilder text)
    {
        int start = 0;
        while (!_textBegun && start < plain.Length && _stripped < decoder.StrippedStart && plain[start] == decoder.StrippedText)
        {
            start++;
            _stripped++;
        }

        _textBegun |= start < plain.Length;
        if (decoder.StrippedStop == 0)
        {
            text.Append(plain, start, plain.Length - start);
            return;
        }

        _held.Append(plain, start, plain.Length - start);
        int kept = _held.Length - decoder.StrippedStop;
        if (kept > 0)
        {
            text.Append(_held, 0, kept);
            _held.Remove(0, kept);
        }
    }
}
