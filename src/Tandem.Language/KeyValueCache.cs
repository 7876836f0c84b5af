using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// The keys and values of the tokens that a <see cref="CachedDecoder"/> has seen, for a fixed number of sequences of at
/// most a fixed length. Keys are kept transposed, [D, capacity] per head, and values as [capacity, D]: both products of
/// attention then run along contiguous memory.
/// </summary>
public sealed unsafe class KeyValueCache : IDisposable
{
    private readonly int _headSize;
    private readonly int _heads;
    private readonly int[] _lengths;
    private float* _keys;
    private float* _values;

    /// <summary>Allocates a cache.</summary>
    /// <param name="configuration">The shape of the model.</param>
    /// <param name="sequences">The number of sequences held at once.</param>
    /// <param name="capacity">The longest sequence, in tokens; up to the model's MaximumPositions.</param>
    public KeyValueCache(TransformerConfiguration configuration, int sequences, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequences);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, configuration.MaximumPositions);
        (Capacity, _heads, _headSize) = (capacity, configuration.KeyValueHeads, configuration.HeadSize);
        RowCapacity = (capacity + 15) / 16 * 16;
        _lengths = new int[sequences];
        nuint bytes = checked((nuint)configuration.Layers * (nuint)sequences * (nuint)_heads * (nuint)_headSize * (nuint)RowCapacity * sizeof(float));
        Bytes = 2 * (long)bytes;
        _keys = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        _values = (float*)NativeMemory.AlignedAlloc(bytes, 64);

        // Kernels read keys past the last token up to a multiple of 16 before they mask them.
        NativeMemory.Clear(_keys, bytes);
    }

    /// <summary>Frees the native memory of a cache that was not disposed.</summary>
    ~KeyValueCache() => Free();

    /// <summary>The number of sequences held at once.</summary>
    public int Sequences => _lengths.Length;

    /// <summary>The longest sequence, in tokens.</summary>
    public int Capacity { get; }

    /// <summary>The memory held, in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The number of tokens that a sequence has.</summary>
    public int Length(int sequence) => _lengths[sequence];

    /// <summary>Shortens a sequence to its first tokens; 0 empties it. Several texts can so share one prompt.</summary>
    public void Truncate(int sequence, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _lengths[sequence]);
        _lengths[sequence] = length;
    }

    /// <summary>Frees the native memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <exception cref="InvalidOperationException">So many more tokens do not fit.</exception>
    internal void RequireRoom(int sequence, int tokens)
    {
        if (tokens > Capacity - _lengths[sequence])
        {
            throw new InvalidOperationException(
                $"Sequence {sequence} is full: the cache holds {Capacity} tokens, not {_lengths[sequence]} + {tokens}.");
        }
    }

    internal void Extend(int sequence, int tokens) => _lengths[sequence] += tokens;

    /// <summary>The capacity in memory, a multiple of 16.</summary>
    internal int RowCapacity { get; }

    /// <summary>The keys of one sequence, [G, D, RowCapacity].</summary>
    internal float* Keys(int layer, int sequence) => _keys + Offset(layer, sequence);

    /// <summary>The values of one sequence, [G, RowCapacity, D].</summary>
    internal float* Values(int layer, int sequence) => _values + Offset(layer, sequence);

    /// <summary>Stores the key and value rows [G·D] of one token.</summary>
    internal void Store(int layer, int sequence, int position, float* key, float* value)
    {
        for (int head = 0; head < _heads; head++)
        {
            long offset = (long)head * _headSize * RowCapacity;
            float* keys = Keys(layer, sequence) + offset + position;
            float* values = Values(layer, sequence) + offset + ((long)position * _headSize);
            for (int d = 0; d < _headSize; d++)
            {
                keys[(long)d * RowCapacity] = key[(head * _headSize) + d];
                values[d] = value[(head * _headSize) + d];
            }
        }
    }

    private long Offset(int layer, int sequence) =>
        (((long)layer * _lengths.Length) + sequence) * _heads * _headSize * RowCapacity;

    private void Free()
    {
        NativeMemory.AlignedFree(_keys);
        NativeMemory.AlignedFree(_values);
        _keys = null;
        _values = null;
    }
}
