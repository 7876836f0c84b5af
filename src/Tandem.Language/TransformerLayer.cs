using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>One decoder layer: its parameters and its forward pass.</summary>
internal sealed unsafe class TransformerLayer : IRecomputed
{
    private readonly TransformerConfiguration _configuration;
    private readonly RotaryTable _rotation;
    private readonly LowRankAdapter? _query, _key, _value, _output, _gate, _up, _down;

    public TransformerLayer(
        ParameterSet parameters, int index, TransformerConfiguration configuration, RotaryTable rotation, LowRankConfiguration? adapters)
    {
        (_configuration, _rotation) = (configuration, rotation);
        InputNorm = Of("input_layernorm.weight");
        (Query, Key, Value) = (Of("self_attn.q_proj.weight"), Of("self_attn.k_proj.weight"), Of("self_attn.v_proj.weight"));
        (QueryBias, KeyBias, ValueBias) = (Find("self_attn.q_proj.bias"), Find("self_attn.k_proj.bias"), Find("self_attn.v_proj.bias"));
        (QueryNorm, KeyNorm) = (Find("self_attn.q_norm.weight"), Find("self_attn.k_norm.weight"));
        (Output, OutputBias) = (Of("self_attn.o_proj.weight"), Find("self_attn.o_proj.bias"));
        PostAttentionNorm = Of("post_attention_layernorm.weight");
        (Gate, Up, Down) = (Of("mlp.gate_proj.weight"), Of("mlp.up_proj.weight"), Of("mlp.down_proj.weight"));
        (_query, _key, _value, _output) = (AdapterOf(Query, 0), AdapterOf(Key, 1), AdapterOf(Value, 2), AdapterOf(Output, 3));
        (_gate, _up, _down) = (AdapterOf(Gate, 4), AdapterOf(Up, 5), AdapterOf(Down, 6));

        Parameter? Find(string name) => parameters.Find($"model.layers.{index}.{name}");
        Parameter Of(string name) => parameters[$"model.layers.{index}.{name}"];
        LowRankAdapter? AdapterOf(Parameter weight, int place) => LowRankAdapter.Of(weight, parameters, adapters, ((ulong)index * 8) + (ulong)place);
    }

    public Parameter InputNorm { get; }

    public Parameter Query { get; }

    public Parameter Key { get; }

    public Parameter Value { get; }

    public Parameter? QueryBias { get; }

    public Parameter? KeyBias { get; }

    public Parameter? ValueBias { get; }

    public Parameter? QueryNorm { get; }

    public Parameter? KeyNorm { get; }

    public Parameter Output { get; }

    public Parameter? OutputBias { get; }

    public Parameter PostAttentionNorm { get; }

    public Parameter Gate { get; }

    public Parameter Up { get; }

    public Parameter Down { get; }

    /// <summary>Whether the adapters take part. They do not while they are merged into the weights.</summary>
    public bool UsesAdapters { get; set; } = true;

    /// <summary>The adapted projections with their adapters.</summary>
    public IEnumerable<(Parameter Weight, LowRankAdapter Adapter)> Adapters
    {
        get
        {
            (Parameter Weight, LowRankAdapter? Adapter)[] all =
                [(Query, _query), (Key, _key), (Value, _value), (Output, _output), (Gate, _gate), (Up, _up), (Down, _down)];
            return all.Where(pair => pair.Adapter is not null).Select(pair => (pair.Weight, pair.Adapter!));
        }
    }

    /// <summary>The residual stream after the layer: [N, C], or [R, C] where only some rows are wanted.</summary>
    /// <param name="tape">What records the forward pass.</param>
    /// <param name="x">The residual stream before it, [N, C].</param>
    /// <param name="state">The <see cref="LayerRows"/> of the forward pass.</param>
    public Tensor Run(Tape tape, Tensor x, void* state)
    {
        LayerRows* rows = (LayerRows*)state;
        float epsilon = _configuration.RmsNormEpsilon;
        (Tensor q, Tensor k, Tensor v) = Project(tape, x, epsilon, rows->Dropout);                          // [N, H·D], [N, G·D], [N, G·D]
        Tensor mixed = tape.Attention(
            q, k, v, rows->Offsets, _configuration.Heads, _configuration.KeyValueHeads, _rotation, rows->Positions);               // [N, H·D]
        if (!rows->Wanted.IsEmpty)
            (x, mixed) = (tape.GatherRows(x, rows->Wanted), tape.GatherRows(mixed, rows->Wanted));          // [R, C], [R, H·D]
        x = AddOutput(tape, x, mixed, rows->Dropout);                                                       // [N, C]
        return FeedForward(tape, x, epsilon, rows->Dropout);                                                // [N, C]
    }

    /// <summary>Queries [N, H·D], keys and values [N, G·D] of the normalized rows, not yet turned to their positions.</summary>
    public (Tensor Query, Tensor Key, Tensor Value) Project(Tape tape, Tensor x, float epsilon, ulong? dropout = null)
    {
        (Tensor q, Tensor k, Tensor v) = tape.QueryKeyValue(x, InputNorm, epsilon, Query, QueryBias, Key, KeyBias, Value, ValueBias);
        if (UsesAdapters && (_query ?? _key ?? _value) is not null)
        {
            Tensor normalized = tape.RmsNorm(x, InputNorm, epsilon); // [N, C]
            q = Adapted(tape, q, normalized, _query, dropout);
            k = Adapted(tape, k, normalized, _key, dropout);
            v = Adapted(tape, v, normalized, _value, dropout);
        }

        return (Normalized(tape, q, QueryNorm, epsilon), Normalized(tape, k, KeyNorm, epsilon), v);
    }

    /// <summary>x plus the projection of attention's result, [N, C].</summary>
    public Tensor AddOutput(Tape tape, Tensor x, Tensor mixed, ulong? dropout = null)
    {
        Tensor sum = OutputBias is null ? tape.AddLinear(x, mixed, Output) : tape.Add(x, tape.Linear(mixed, Output, OutputBias));
        return Adapted(tape, sum, mixed, _output, dropout);
    }

    /// <summary>x plus the feed-forward layer of the normalized rows, [N, C].</summary>
    public Tensor FeedForward(Tape tape, Tensor x, float epsilon, ulong? dropout = null)
    {
        if (!UsesAdapters || (_gate ?? _up ?? _down) is null)
            return tape.FeedForward(x, PostAttentionNorm, epsilon, Gate, Up, Down);
        Tensor normalized = tape.RmsNorm(x, PostAttentionNorm, epsilon);                               // [N, C]
        Tensor gate = Adapted(tape, tape.Linear(normalized, Gate), normalized, _gate, dropout);        // [N, I]
        Tensor up = Adapted(tape, tape.Linear(normalized, Up), normalized, _up, dropout);              // [N, I]
        Tensor hidden = tape.SwiGlu(gate, up);                                                         // [N, I]
        return Adapted(tape, tape.AddLinear(x, hidden, Down), hidden, _down, dropout);                 // [N, C]
    }

    private Tensor Adapted(Tape tape, Tensor projected, Tensor x, LowRankAdapter? adapter, ulong? dropout) =>
        adapter is null || !UsesAdapters ? projected : adapter.Add(tape, projected, x, dropout);

    // Each head on its own.
    private Tensor Normalized(Tape tape, Tensor x, Parameter? norm, float epsilon)
    {
        if (norm is null)
            return x;
        int size = _configuration.HeadSize;
        Tensor heads = tape.RmsNorm(tape.Reshape(x, x.Length / size, size), norm, epsilon); // [N·H, D]
        return tape.Reshape(heads, x.Rows, x.Columns);                                      // [N, H·D]
    }
}
