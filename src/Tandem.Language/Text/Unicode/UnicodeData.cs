using System.Globalization;
using System.Text;

namespace Tandem.Language;

/// <summary>
/// What the four normalization forms need to know of each character. The runtime does not normalize when it is built for
/// invariant globalization, and the same text has to give the same tokens on every machine.
/// </summary>
internal sealed class UnicodeData
{
    public const int HangulBase = 0xAC00, HangulCount = 11172;
    private static readonly Lazy<UnicodeData> s_shared = new(() => new UnicodeData());

    // By UTF-16 unit: bit f is set where a text in form f may not hold the character, or not just anywhere.
    private readonly byte[] _suspect = new byte[65536];
    private readonly Dictionary<int, byte> _suspectBeyond = [];
    private readonly Dictionary<int, byte> _classes = [];

    private UnicodeData()
    {
        using var stream = typeof(UnicodeData).Assembly.GetManifestResourceStream("decompositions.txt")!;
        using var reader = new StreamReader(stream, Encoding.ASCII);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] != '#')
                Read(line);
        }

        for (int i = 0; i < HangulCount; i++)
            Suspect(HangulBase + i, NormalizationForm.FormD, NormalizationForm.FormKD);
        for (int i = 0x1161; i <= 0x1175; i++)
            Suspect(i, NormalizationForm.FormC, NormalizationForm.FormKC);
        for (int i = 0x11A8; i <= 0x11C2; i++)
            Suspect(i, NormalizationForm.FormC, NormalizationForm.FormKC);
    }

    public static UnicodeData Shared => s_shared.Value;

    /// <summary>Canonical decompositions, one step.</summary>
    public Dictionary<int, int[]> Canonical { get; } = [];

    /// <summary>Compatibility decompositions, one step, of characters that have no canonical one.</summary>
    public Dictionary<int, int[]> Compatibility { get; } = [];

    /// <summary>The character that two make, by <see cref="Pair"/>.</summary>
    public Dictionary<long, int> Compositions { get; } = [];

    public static long Pair(int first, int second) => ((long)first << 32) | (uint)second;

    /// <summary>The canonical combining class.</summary>
    public int CombiningClass(int code) => code >= 0x300 && _classes.TryGetValue(code, out byte value) ? value : 0;

    /// <summary>Whether a text is surely in a form.</summary>
    public bool IsNormal(ReadOnlySpan<char> text, NormalizationForm form)
    {
        int bit = 1 << Bit(form);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                if (_suspectBeyond.TryGetValue(char.ConvertToUtf32(c, text[++i]), out byte bits) && (bits & bit) != 0)
                    return false;
            }
            else if ((_suspect[c] & bit) != 0)
            {
                return false;
            }
        }

        return true;
    }

    private void Read(string line)
    {
        int space = line.IndexOf(' ', StringComparison.Ordinal);
        int mark = line.AsSpan().IndexOfAny("=!~");
        if (mark < 0)
        {
            int dash = line.IndexOf('-', StringComparison.Ordinal);
            byte value = byte.Parse(line.AsSpan(space + 1), CultureInfo.InvariantCulture);
            for (int code = Hexadecimal(line.AsSpan(0, dash)); code <= Hexadecimal(line.AsSpan(dash + 1, space - dash - 1)); code++)
            {
                _classes[code] = value;
                Suspect(code, NormalizationForm.FormC, NormalizationForm.FormD, NormalizationForm.FormKC, NormalizationForm.FormKD);
            }

            return;
        }

        int character = Hexadecimal(line.AsSpan(0, mark));
        int[] parts = [.. line[(mark + (line[mark] == '!' ? 2 : 1))..].Split(' ').Select(part => Hexadecimal(part))];
        if (line[mark] == '~')
        {
            Compatibility[character] = parts;
            Suspect(character, NormalizationForm.FormKC, NormalizationForm.FormKD);
            return;
        }

        Canonical[character] = parts;
        Suspect(character, NormalizationForm.FormD, NormalizationForm.FormKD);
        if (line[mark] == '!')
        {
            Suspect(character, NormalizationForm.FormC, NormalizationForm.FormKC);
            return;
        }

        Compositions[Pair(parts[0], parts[1])] = character;
        Suspect(parts[1], NormalizationForm.FormC, NormalizationForm.FormKC);
        // A composed character whose parts have compatibility decompositions is not in form KC.
        Suspect(character, NormalizationForm.FormKC);
    }

    private void Suspect(int code, params ReadOnlySpan<NormalizationForm> forms)
    {
        foreach (var form in forms)
        {
            byte bit = (byte)(1 << Bit(form));
            if (code < 65536)
                _suspect[code] |= bit;
            else
                _suspectBeyond[code] = (byte)(_suspectBeyond.GetValueOrDefault(code) | bit);
        }
    }

    private static int Bit(NormalizationForm form) => form switch
    {
        NormalizationForm.FormC => 0,
        NormalizationForm.FormD => 1,
        NormalizationForm.FormKC => 2,
        _ => 3,
    };

    private static int Hexadecimal(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
