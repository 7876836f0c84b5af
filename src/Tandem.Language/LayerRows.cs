using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// What a layer needs to know of a batch's rows: a copy in the memory of the step, since the batch may be packed anew before
/// a backward pass computes the layer again.
/// </summary>
internal readonly unsafe struct LayerRows
{
    private readonly int* _offsets, _positions, _wanted;
    private readonly int _offsetCount, _rows, _wantedCount;

    private LayerRows(Arena arena, TokenBatch batch, ReadOnlySpan<int> wanted, ulong? dropout)
    {
        Dropout = dropout;
        (_offsetCount, _rows, _wantedCount) = (batch.Offsets.Length, batch.Count, wanted.Length);
        _offsets = Copy(arena, batch.Offsets);
        _positions = Copy(arena, batch.Positions);
        _wanted = Copy(arena, wanted);
    }

    /// <summary>The key of this pass's dropout masks; null for no dropout.</summary>
    public ulong? Dropout { get; }

    /// <summary>See <see cref="TokenBatch.Offsets"/>.</summary>
    public ReadOnlySpan<int> Offsets => new(_offsets, _offsetCount);

    /// <summary>See <see cref="TokenBatch.Positions"/>.</summary>
    public ReadOnlySpan<int> Positions => new(_positions, _rows);

    /// <summary>The rows that are read of the layer's result; empty for all.</summary>
    public ReadOnlySpan<int> Wanted => new(_wanted, _wantedCount);

    /// <summary>Copies into an arena.</summary>
    public static LayerRows* Copy(Arena arena, TokenBatch batch, ReadOnlySpan<int> wanted, ulong? dropout = null)
    {
        var copy = (LayerRows*)arena.Floats((sizeof(LayerRows) + sizeof(float) - 1) / sizeof(float));
        *copy = new LayerRows(arena, batch, wanted, dropout);
        return copy;
    }

    private static int* Copy(Arena arena, ReadOnlySpan<int> values)
    {
        int* memory = arena.Integers(values.Length);
        values.CopyTo(new Span<int>(memory, values.Length));
        return memory;
    }
}
