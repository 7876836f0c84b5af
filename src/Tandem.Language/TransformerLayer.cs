using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>One decoder layer: its parameters and its forward pass.</summary>
internal sealed unsafe class TransformerLayer(
    ParameterSet parameters, int index, TransformerConfiguration configuration, RotaryTable rotation) : IRecomputed
{
    public Parameter InputNorm { get; } = parameters[$"model.layers.{index}.input_layernorm.weight"];

    public Parameter Query { get; } = parameters[$"model.layers.{index}.self_attn.q_proj.weight"];

    public Parameter Key { get; } = parameters[$"model.layers.{index}.self_attn.k_proj.weight"];

    public Parameter Value { get; } = parameters[$"model.layers.{index}.self_attn.v_proj.weight"];

    public Parameter? QueryBias { get; } = parameters.Find($"model.layers.{index}.self_attn.q_proj.bias");

    public Parameter? KeyBias { get; } = parameters.Find($"model.layers.{index}.self_attn.k_proj.bias");

    public Parameter? ValueBias { get; } = parameters.Find($"model.layers.{index}.self_attn.v_proj.bias");

    public Parameter Output { get; } = parameters[$"model.layers.{index}.self_attn.o_proj.weight"];

    public Parameter PostAttentionNorm { get; } = parameters[$"model.layers.{index}.post_attention_layernorm.weight"];

    public Parameter Gate { get; } = parameters[$"model.layers.{index}.mlp.gate_proj.weight"];

    public Parameter Up { get; } = parameters[$"model.layers.{index}.mlp.up_proj.weight"];

    public Parameter Down { get; } = parameters[$"model.layers.{index}.mlp.down_proj.weight"];

    /// <summary>The residual stream after the layer: [N, C], or [R, C] where only some rows are wanted.</summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="x">The residual stream before it, [N, C].</param>
    /// <param name="state">The <see cref="LayerRows"/> of the forward pass.</param>
    public Tensor Run(Tape tape, Tensor x, void* state)
    {
        LayerRows* rows = (LayerRows*)state;
        float epsilon = configuration.RmsNormEpsilon;
        (Tensor q, Tensor k, Tensor v) = Project(tape, x, epsilon);                                         // [N, H·D], [N, G·D], [N, G·D]
        Tensor mixed = tape.Attention(
            q, k, v, rows->Offsets, configuration.Heads, configuration.KeyValueHeads, rotation, rows->Positions, rows->Hidden); // [N, H·D]
        if (!rows->Wanted.IsEmpty)
            (x, mixed) = (tape.GatherRows(x, rows->Wanted), tape.GatherRows(mixed, rows->Wanted));          // [R, C], [R, H·D]
        x = tape.AddLinear(x, mixed, Output);                                                               // [N, C]
        return FeedForward(tape, x, epsilon);                                                               // [N, C]
    }

    /// <summary>Queries [N, H·D], keys and values [N, G·D] of the normalized rows, not yet turned to their positions.</summary>
    public (Tensor Query, Tensor Key, Tensor Value) Project(Tape tape, Tensor x, float epsilon) =>
        tape.QueryKeyValue(x, InputNorm, epsilon, Query, QueryBias, Key, KeyBias, Value, ValueBias);

    /// <summary>x plus the feed-forward layer of the normalized rows, [N, C].</summary>
    public Tensor FeedForward(Tape tape, Tensor x, float epsilon) =>
        tape.FeedForward(x, PostAttentionNorm, epsilon, Gate, Up, Down);
}

/// <summary>
/// What a layer needs to know of a batch's rows: a copy in the memory of the step, since the batch may be packed anew before
/// a backward pass computes the layer again.
/// </summary>
internal readonly unsafe struct LayerRows
{
    private readonly int* _offsets, _positions, _hidden, _wanted;
    private readonly int _offsetCount, _rows, _hiddenCount, _wantedCount;

    private LayerRows(Arena arena, TokenBatch batch, ReadOnlySpan<int> wanted)
    {
        (_offsetCount, _rows, _hiddenCount, _wantedCount) = (batch.Offsets.Length, batch.Count, batch.Hidden.Length, wanted.Length);
        _offsets = Copy(arena, batch.Offsets);
        _positions = Copy(arena, batch.Positions);
        _hidden = Copy(arena, MemoryMarshal.Cast<HiddenKeys, int>(batch.Hidden));
        _wanted = Copy(arena, wanted);
    }

    /// <summary>See <see cref="TokenBatch.Offsets"/>.</summary>
    public ReadOnlySpan<int> Offsets => new(_offsets, _offsetCount);

    /// <summary>See <see cref="TokenBatch.Positions"/>.</summary>
    public ReadOnlySpan<int> Positions => new(_positions, _rows);

    /// <summary>See <see cref="TokenBatch.Hidden"/>.</summary>
    public ReadOnlySpan<HiddenKeys> Hidden => new(_hidden, _hiddenCount);

    /// <summary>The rows that are read of the layer's result; empty for all.</summary>
    public ReadOnlySpan<int> Wanted => new(_wanted, _wantedCount);

    /// <summary>Copies into an arena.</summary>
    public static LayerRows* Copy(Arena arena, TokenBatch batch, ReadOnlySpan<int> wanted)
    {
        var copy = (LayerRows*)arena.Floats((sizeof(LayerRows) + sizeof(float) - 1) / sizeof(float));
        *copy = new LayerRows(arena, batch, wanted);
        return copy;
    }

    private static int* Copy(Arena arena, ReadOnlySpan<int> values)
    {
        int* memory = arena.Integers(values.Length);
        values.CopyTo(new Span<int>(memory, values.Length));
        return memory;
    }
}
