using System.Runtime.InteropServices;

namespace Tandem.Language;

/// <summary>
/// The tokens of words met before. Words are few and recur; to merge one anew takes ten times as long. Of fixed size, and
/// free of locks: entries never change, and one that two threads write at once is lost by one of them.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words are not kept.</summary>
    public const int LongestWord = 40;

    private const int Bits = 16;
    private readonly Entry?[] _entries = new Entry?[1 << Bits];

    /// <summary>The tokens of a word, if they are known.</summary>
    public int[]? Find(ReadOnlySpan<char> word, out ulong hash)
    {
        hash = Hash(word);
        int slot = (int)(hash >> (64 - Bits));
        var entry = Volatile.Read(ref _entries[slot]);
        if (entry != null && entry.Hash == hash && word.SequenceEqual(entry.Word))
            return entry.Tokens;
        entry = Volatile.Read(ref _entries[slot ^ 1]);
        return entry != null && entry.Hash == hash && word.SequenceEqual(entry.Word) ? entry.Tokens : null;
    }

    /// <summary>Keeps the tokens of a word, in place of others if need be.</summary>
    public void Add(ReadOnlySpan<char> word, ulong hash, ReadOnlySpan<int> tokens)
    {
        int slot = (int)(hash >> (64 - Bits));
        if (_entries[slot] != null && (_entries[slot ^ 1] == null || (hash & 1) != 0))
            slot ^= 1;
        Volatile.Write(ref _entries[slot], new Entry(word.ToString(), hash, tokens.ToArray()));
    }

    private static ulong Hash(ReadOnlySpan<char> word)
    {
        const ulong odd = 0x9E3779B97F4A7C15;
        ulong hash = (ulong)word.Length * odd;
        if (word.Length >= 4)
        {
            var bytes = MemoryMarshal.AsBytes(word);
            for (int i = 0; i + 8 <= bytes.Length; i += 8)
                hash = Mix(hash ^ MemoryMarshal.Read<ulong>(bytes[i..]));
            return Mix(hash ^ MemoryMarshal.Read<ulong>(bytes[^8..])) * odd;
        }

        ulong rest = 0;
        for (int i = 0; i < word.Length; i++)
            rest |= (ulong)word[i] << (16 * i);
        return Mix(hash ^ rest) * odd;

        static ulong Mix(ulong x)
        {
            x *= odd;
            return x ^ (x >> 32);
        }
    }

    private sealed record Entry(string Word, ulong Hash, int[] Tokens);
}
