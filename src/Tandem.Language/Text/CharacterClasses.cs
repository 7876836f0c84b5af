using System.Globalization;
using System.Text;

namespace Tandem.Language;

/// <summary>The classes of characters that the known patterns of pre-tokenizers tell apart.</summary>
internal static class CharacterClasses
{
    public const byte Other = 0, Letter = 1, Number = 2, Space = 3, Newline = 4;

    private const byte Surrogate = 5;
    private static readonly byte[] s_classes = Create();

    /// <summary>The class of the character that begins at a place, and how many UTF-16 units it takes.</summary>
    public static byte At(ReadOnlySpan<char> text, int at, out int length)
    {
        byte value = s_classes[text[at]];
        length = 1;
        return value == Surrogate ? Beyond(text, at, out length) : value;
    }

    private static byte Beyond(ReadOnlySpan<char> text, int at, out int length)
    {
        // Half a pair counts as U+FFFD, which takes its place in UTF-8.
        if (Rune.DecodeFromUtf16(text[at..], out var rune, out length) != System.Buffers.OperationStatus.Done)
            return Other;
        return Of(Rune.GetUnicodeCategory(rune), rune.Value);
    }

    private static byte[] Create()
    {
        byte[] classes = new byte[65536];
        for (int i = 0; i < classes.Length; i++)
            classes[i] = char.IsSurrogate((char)i) ? Surrogate : Of(CharUnicodeInfo.GetUnicodeCategory((char)i), i);
        return classes;
    }

    private static byte Of(UnicodeCategory category, int code) => category switch
    {
        <= UnicodeCategory.OtherLetter => Letter,
        >= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber => Number,
        _ when code is '\r' or '\n' => Newline,
        _ when code < 65536 && char.IsWhiteSpace((char)code) => Space,
        _ => Other,
    };
}
