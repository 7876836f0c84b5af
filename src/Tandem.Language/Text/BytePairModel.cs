using System.Buffers;
using System.Text;

namespace Tandem.Language;

/// <summary>What the words of a byte-pair encoding begin as.</summary>
internal enum SymbolKind
{
    /// <summary>Bytes, each written as a printable character (GPT-2).</summary>
    Bytes,

    /// <summary>Characters.</summary>
    Characters,
}

/// <summary>Byte-pair encoding (arXiv 1508.07909): the tokens of words, by merging the pair of the lowest rank until none is left.</summary>
internal sealed class BytePairModel
{
    // Below this a search through all pairs is the fastest; above, it is quadratic.
    private const int LongWord = 48;

    private readonly MergeTable _merges;
    private readonly WordCache _cache = new();
    private readonly int[] _byteTokens = new int[256];
    private readonly int _unknown;
    private readonly bool _fuseUnknown, _ignoreMerges, _partsAtSpaces;
    private readonly SymbolKind _kind;

    /// <summary>Creates a model.</summary>
    /// <param name="vocabulary">Its tokens.</param>
    /// <param name="merges">Its merges.</param>
    /// <param name="kind">What words begin as.</param>
    /// <param name="byteFallback">Whether characters that are no token become the tokens of their bytes, such as &lt;0x0A&gt;.</param>
    /// <param name="unknown">The token of what is none; -1 leaves it out.</param>
    /// <param name="fuseUnknown">Whether adjacent unknown characters are one.</param>
    /// <param name="ignoreMerges">Whether a word that is a token is that token, whatever the merges say.</param>
    /// <param name="partsAtSpaces">Whether no merge crosses from another character to U+2581, so that words may be parted there.</param>
    public BytePairModel(
        Vocabulary vocabulary, MergeTable merges, SymbolKind kind, bool byteFallback, int unknown, bool fuseUnknown, bool ignoreMerges, bool partsAtSpaces)
    {
        Vocabulary = vocabulary;
        _merges = merges;
        _kind = kind;
        _unknown = unknown;
        _fuseUnknown = fuseUnknown;
        _ignoreMerges = ignoreMerges;
        _partsAtSpaces = partsAtSpaces;
        Span<byte> text = stackalloc byte[8];
        for (int i = 0; i < 256; i++)
        {
            if (kind == SymbolKind.Bytes)
                _byteTokens[i] = vocabulary.Find(text[..ByteAlphabet.Write((byte)i, text)]);
            else
                _byteTokens[i] = byteFallback ? vocabulary.Find(Encoding.ASCII.GetBytes($"<0x{i:X2}>")) : -1;
        }
    }

    public Vocabulary Vocabulary { get; }

    /// <summary>Adds the tokens of a piece of text.</summary>
    public void Encode(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        while (_partsAtSpaces && piece.Length > 0)
        {
            int end = SpaceAfterOther(piece);
            EncodeWord(piece[..end], output);
            piece = piece[end..];
        }

        if (piece.Length > 0)
            EncodeWord(piece, output);
    }

    /// <summary>Adds the tokens of a piece of text, and how many bytes of it each of them takes.</summary>
    public void EncodeMeasured(ReadOnlySpan<char> piece, TokenBuffer output, List<int> lengths) => MergeWord(piece, output, lengths);

    private static int SpaceAfterOther(ReadOnlySpan<char> piece)
    {
        int at = piece.IndexOfAnyExcept('\u2581');
        int space = at < 0 ? -1 : piece[at..].IndexOf('\u2581');
        return space < 0 ? piece.Length : at + space;
    }

    private void EncodeWord(ReadOnlySpan<char> word, TokenBuffer output)
    {
        if (word.Length > WordCache.LongestWord)
        {
            MergeWord(word, output, null);
            return;
        }

        if (_cache.Find(word, out ulong hash) is { } known)
        {
            output.Add(known);
            return;
        }

        int before = output.Count;
        MergeWord(word, output, null);
        _cache.Add(word, hash, output.Tokens[before..]);
    }

    private void MergeWord(ReadOnlySpan<char> word, TokenBuffer output, List<int>? lengths)
    {
        int most = 3 * word.Length;
        byte[]? rented = most > 512 ? ArrayPool<byte>.Shared.Rent(most) : null;
        Span<byte> bytes = rented ?? stackalloc byte[512];
        bytes = bytes[..Encoding.UTF8.GetBytes(word, bytes)];
        if (_ignoreMerges && WholeWord(bytes) is >= 0 and int whole)
        {
            output.Add(whole);
            lengths?.Add(bytes.Length);
        }
        else if (bytes.Length <= LongWord)
        {
            Span<int> tokens = stackalloc int[LongWord];
            Span<int> sizes = stackalloc int[LongWord];
            int count = MergeShort(tokens, sizes, Symbols(bytes, tokens, sizes));
            output.Add(tokens[..count]);
            lengths?.AddRange(sizes[..count]);
        }
        else
        {
            int[] tokens = ArrayPool<int>.Shared.Rent(bytes.Length);
            int[] sizes = ArrayPool<int>.Shared.Rent(bytes.Length);
            int count = LongWordMerger.Merge(_merges, tokens, sizes, Symbols(bytes, tokens, sizes));
            output.Add(tokens.AsSpan(0, count));
            lengths?.AddRange(sizes.AsSpan(0, count));
            ArrayPool<int>.Shared.Return(tokens);
            ArrayPool<int>.Shared.Return(sizes);
        }

        if (rented != null)
            ArrayPool<byte>.Shared.Return(rented);
    }

    private int WholeWord(ReadOnlySpan<byte> bytes)
    {
        if (_kind == SymbolKind.Characters)
            return Vocabulary.Find(bytes);
        if (bytes.Length > 256)
            return -1;
        Span<byte> text = stackalloc byte[2 * bytes.Length];
        int length = 0;
        foreach (byte value in bytes)
            length += ByteAlphabet.Write(value, text[length..]);
        return Vocabulary.Find(text[..length]);
    }

    /// <summary>What a word begins as. No more symbols than bytes.</summary>
    private int Symbols(ReadOnlySpan<byte> bytes, Span<int> tokens, Span<int> sizes)
    {
        int count = 0, unknownBytes = 0;
        for (int at = 0, length; at < bytes.Length; at += length)
        {
            length = _kind == SymbolKind.Bytes || bytes[at] < 0x80 ? 1 : bytes[at] < 0xE0 ? 2 : bytes[at] < 0xF0 ? 3 : 4;
            int token = _kind == SymbolKind.Bytes ? _byteTokens[bytes[at]] : Vocabulary.Find(bytes.Slice(at, length));
            if (token < 0 && _kind == SymbolKind.Characters && HasBytes(bytes.Slice(at, length)))
            {
                // The reference implementation leaves an unknown character that came before behind these bytes.
                foreach (byte value in bytes.Slice(at, length))
                    (tokens[count], sizes[count++]) = (_byteTokens[value], 1);
                continue;
            }

            if (unknownBytes > 0 && (token >= 0 || !_fuseUnknown))
            {
                (tokens[count], sizes[count++]) = (_unknown, unknownBytes);
                unknownBytes = 0;
            }

            if (token >= 0)
                (tokens[count], sizes[count++]) = (token, length);
            else if (_unknown >= 0)
                unknownBytes += length;
        }

        if (unknownBytes > 0)
            (tokens[count], sizes[count++]) = (_unknown, unknownBytes);
        return count;
    }

    private bool HasBytes(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (_byteTokens[value] < 0)
                return false;
        }

        return true;
    }

    private int MergeShort(Span<int> tokens, Span<int> sizes, int count)
    {
        Span<int> ranks = stackalloc int[LongWord];
        Span<int> merged = stackalloc int[LongWord];
        for (int i = 0; i + 1 < count; i++)
            ranks[i] = _merges.Find(tokens[i], tokens[i + 1], out merged[i]);
        while (true)
        {
            int lowest = MergeTable.NoRank, at = -1;
            for (int i = 0; i + 1 < count; i++)
            {
                if (ranks[i] < lowest)
                    (lowest, at) = (ranks[i], i);
            }

            if (at < 0)
                return count;
            tokens[at] = merged[at];
            sizes[at] += sizes[at + 1];
            count--;
            for (int i = at + 1; i < count; i++)
                (tokens[i], sizes[i], ranks[i], merged[i]) = (tokens[i + 1], sizes[i + 1], ranks[i + 1], merged[i + 1]);
            if (at > 0)
                ranks[at - 1] = _merges.Find(tokens[at - 1], tokens[at], out merged[at - 1]);
            if (at + 1 < count)
                ranks[at] = _merges.Find(tokens[at], tokens[at + 1], out merged[at]);
        }
    }
}
