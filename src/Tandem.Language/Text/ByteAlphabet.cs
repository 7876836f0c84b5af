using System.Text;

namespace Tandem.Language;

/// <summary>The 256 printable characters that byte-level vocabularies write bytes with (GPT-2).</summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_characters = Create();
    private static readonly short[] s_bytes = Invert();

    /// <summary>Writes the UTF-8 of a byte's character, one or two bytes.</summary>
    public static int Write(byte value, Span<byte> destination)
    {
        char c = s_characters[value];
        if (c < 0x80)
        {
            destination[0] = (byte)c;
            return 1;
        }

        destination[0] = (byte)(0xC0 | (c >> 6));
        destination[1] = (byte)(0x80 | (c & 0x3F));
        return 2;
    }

    /// <summary>The bytes that a token stands for: its text, if that holds a character outside the alphabet.</summary>
    /// <param name="text">The token in UTF-8.</param>
    public static byte[] Bytes(ReadOnlySpan<byte> text)
    {
        string characters = Encoding.UTF8.GetString(text);
        byte[] bytes = new byte[characters.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (characters[i] >= s_bytes.Length || s_bytes[characters[i]] < 0)
                return text.ToArray();
            bytes[i] = (byte)s_bytes[characters[i]];
        }

        return bytes;
    }

    private static char[] Create()
    {
        char[] characters = new char[256];
        int others = 0;
        for (int i = 0; i < 256; i++)
        {
            bool printable = i is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[i] = printable ? (char)i : (char)(256 + others++);
        }

        return characters;
    }

    private static short[] Invert()
    {
        short[] bytes = new short[s_characters.Max() + 1];
        bytes.AsSpan().Fill(-1);
        for (int i = 0; i < 256; i++)
            bytes[s_characters[i]] = (short)i;
        return bytes;
    }
}
