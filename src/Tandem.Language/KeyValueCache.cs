using System.Runtime.CompilerServices;
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
    // Tokens from which on waking a second thread costs less than it gains.
    private const int ThreadedTokens = 8;

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

    /// <summary>Whether no sequence has tokens.</summary>
    public bool IsEmpty => !_lengths.AsSpan().ContainsAnyExcept(0);

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

    /// <summary>Stores keys and values of tokens.</summary>
    /// <param name="layer">Their layer.</param>
    /// <param name="sequences">The sequence of each.</param>
    /// <param name="positions">The position of each in its sequence; no two tokens have the same place.</param>
    /// <param name="keys">[N, G·D].</param>
    /// <param name="values">[N, G·D].</param>
    /// <param name="pool">The threads, which take more than a few tokens together.</param>
    internal void Store(int layer, ReadOnlySpan<int> sequences, ReadOnlySpan<int> positions, Tensor keys, Tensor values, WorkerPool pool)
    {
        fixed (int* sequence = sequences, position = positions)
        {
            var work = new StoreWork
            {
                ToKeys = Keys(layer, 0),
                ToValues = Values(layer, 0),
                Keys = keys.Data,
                Values = values.Data,
                Sequences = sequence,
                Positions = position,
                Heads = _heads,
                HeadSize = _headSize,
                Capacity = RowCapacity,
            };
            if (keys.Rows >= ThreadedTokens)
            {
                pool.Run(keys.Rows, &StoreToken, &work);
                return;
            }

            for (int token = 0; token < keys.Rows; token++)
                StoreToken(&work, token);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreToken(void* state, int token)
    {
        ref StoreWork work = ref *(StoreWork*)state;
        int d = work.HeadSize, capacity = work.Capacity, position = work.Positions[token];
        long from = (long)token * work.Heads * d, to = (long)work.Sequences[token] * work.Heads * d * capacity;
        for (int head = 0; head < work.Heads; head++, from += d, to += (long)d * capacity)
        {
            float* key = work.Keys + from;
            float* toKeys = work.ToKeys + to + position;
            for (int i = 0; i < d; i++, toKeys += capacity)
                *toKeys = key[i];
            new Span<float>(work.Values + from, d).CopyTo(new Span<float>(work.ToValues + to + ((long)position * d), d));
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

    private struct StoreWork
    {
        public float* ToKeys;
        public float* ToValues;
        public float* Keys;
        public float* Values;
        public int* Sequences;
        public int* Positions;
        public int Heads;
        public int HeadSize;
        public int Capacity;
    }
}
