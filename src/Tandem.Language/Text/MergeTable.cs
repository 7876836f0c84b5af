using System.Numerics;

namespace Tandem.Language;

/// <summary>The pairs of tokens that become one, with their rank: the lower, the earlier they are merged.</summary>
internal sealed class MergeTable
{
    public const int NoRank = int.MaxValue;

    private readonly Entry[] _entries;
    private readonly int _mask;

    public MergeTable(int merges)
    {
        _entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, merges + (merges / 2)))];
        _entries.AsSpan().Fill(new Entry { Pair = ulong.MaxValue });
        _mask = _entries.Length - 1;
    }

    /// <summary>Adds a pair; one that occurs twice has its last rank.</summary>
    public void Add(int first, int second, int rank, int merged) =>
        _entries[Slot(Pair(first, second))] = new Entry { Pair = Pair(first, second), Rank = rank, Merged = merged };

    /// <summary>The rank of a pair, <see cref="NoRank"/> if it is not merged, and what it becomes.</summary>
    public int Find(int first, int second, out int merged)
    {
        ref Entry entry = ref _entries[Slot(Pair(first, second))];
        merged = entry.Merged;
        return entry.Pair == ulong.MaxValue ? NoRank : entry.Rank;
    }

    private int Slot(ulong pair)
    {
        ulong hash = pair * 0x9E3779B97F4A7C15;
        int slot = (int)((hash ^ (hash >> 32)) & (uint)_mask);
        while (_entries[slot].Pair != pair && _entries[slot].Pair != ulong.MaxValue)
            slot = (slot + 1) & _mask;
        return slot;
    }

    private static ulong Pair(int first, int second) => ((ulong)(uint)first << 32) | (uint)second;

    private struct Entry
    {
        public ulong Pair;
        public int Rank;
        public int Merged;
    }
}
