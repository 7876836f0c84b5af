using System.Numerics;
using System.Runtime.InteropServices;

namespace Tandem.Language;

/// <summary>The tokens of a model as UTF-8, in one block of memory, found by their bytes and by their number.</summary>
internal sealed class Vocabulary
{
    /// <summary>One more than the largest token that is accepted: tables are as long as the largest token.</summary>
    public const int Limit = 1 << 22;

    private byte[] _bytes;
    private (int Start, int Length, int Token)[] _entries;
    private int[] _slots;
    private int[] _entryOf = [];
    private int _used, _count;

    public Vocabulary(int expectedTokens)
    {
        _entries = new (int, int, int)[Math.Max(16, expectedTokens)];
        _bytes = new byte[_entries.Length * 8];
        _slots = new int[BitOperations.RoundUpToPowerOf2((uint)_entries.Length * 2)];
    }

    /// <summary>One more than the largest token.</summary>
    public int Size { get; private set; }

    /// <summary>Adds a token. A text that occurs twice has its last token.</summary>
    public void Add(ReadOnlySpan<byte> text, int token)
    {
        if (2 * (_count + 1) > _slots.Length)
            Grow();
        int slot = Slot(text);
        if (_slots[slot] != 0)
        {
            _entries[_slots[slot] - 1].Token = token;
        }
        else
        {
            if (_used + text.Length > _bytes.Length)
                Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _used + text.Length));
            if (_count == _entries.Length)
                Array.Resize(ref _entries, 2 * _count);
            text.CopyTo(_bytes.AsSpan(_used));
            _entries[_count++] = (_used, text.Length, token);
            _used += text.Length;
            _slots[slot] = _count;
        }

        Size = Math.Max(Size, token + 1);
    }

    /// <summary>Makes the tokens findable by their number.</summary>
    public void Complete()
    {
        _entryOf = new int[Size];
        for (int i = 0; i < _count; i++)
            _entryOf[_entries[i].Token] = i + 1;
    }

    /// <summary>The token of a text; -1 if it is none.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        int entry = _slots[Slot(text)];
        return entry == 0 ? -1 : _entries[entry - 1].Token;
    }

    /// <summary>Whether a number is a token.</summary>
    public bool Contains(int token) => (uint)token < (uint)_entryOf.Length && _entryOf[token] != 0;

    /// <summary>The text of a token; empty if there is none of this number.</summary>
    public ReadOnlySpan<byte> this[int token] => Contains(token)
        ? _bytes.AsSpan(_entries[_entryOf[token] - 1].Start, _entries[_entryOf[token] - 1].Length)
        : default;

    private void Grow()
    {
        _slots = new int[2 * _slots.Length];
        for (int i = 0; i < _count; i++)
            _slots[Slot(_bytes.AsSpan(_entries[i].Start, _entries[i].Length))] = i + 1;
    }

    private int Slot(ReadOnlySpan<byte> text)
    {
        int mask = _slots.Length - 1;
        for (int slot = (int)(Hash(text) >> 32) & mask; ; slot = (slot + 1) & mask)
        {
            int entry = _slots[slot];
            if (entry == 0 || _bytes.AsSpan(_entries[entry - 1].Start, _entries[entry - 1].Length).SequenceEqual(text))
                return slot;
        }
    }

    private static ulong Hash(ReadOnlySpan<byte> text)
    {
        const ulong odd = 0x9E3779B97F4A7C15;
        ulong hash = (ulong)text.Length * odd;
        for (; text.Length >= 8; text = text[8..])
            hash = BitOperations.RotateLeft((hash ^ MemoryMarshal.Read<ulong>(text)) * odd, 29);
        ulong rest = 0;
        for (int i = 0; i < text.Length; i++)
            rest |= (ulong)text[i] << (8 * i);
        hash = (hash ^ rest) * odd;
        return (hash ^ (hash >> 29)) * odd;
    }
}
