using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// The shape of a decoder-only transformer of the Qwen2, Qwen3 or Llama family (RMSNorm, rotary positions, grouped-query
/// attention, SwiGLU), read from and written to Hugging Face's config.json.
/// </summary>
public sealed partial record TransformerConfiguration
{
    /// <summary>
    /// The family, as in config.json: <c>qwen2</c> (biases on q, k and v), <c>qwen3</c> (norms on the heads of q and k) or
    /// <c>llama</c>.
    /// </summary>
    public string ModelType { get; init; } = "qwen2";

    /// <summary>V, the number of tokens.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>C, the width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>The width inside the feed-forward block.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>The number of decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>D, the width of a head: even, for the rotation works on pairs. 0 means <c>HiddenSize / Heads</c>.</summary>
    public int HeadSize
    {
        get => field > 0 || Heads <= 0 ? field : HiddenSize / Heads;
        init;
    }

    /// <summary>The ε of the norms.</summary>
    public float RmsNormEpsilon { get; init; } = 1e-6f;

    /// <summary>The base of the rotary wave lengths (rope_theta; arXiv 2104.09864).</summary>
    public float RotaryBase { get; init; } = 10000f;

    /// <summary>The change of the rotary frequencies for long contexts; null for none.</summary>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>Whether the language head is the embedding table.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Whether q, k and v have biases: always in <c>qwen2</c>, elsewhere where config.json has attention_bias.</summary>
    public bool AttentionBias { get; init; } = true;

    /// <summary>Whether o has a bias: never in <c>qwen2</c>, elsewhere with <see cref="AttentionBias"/>.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the heads of q and k are normalized before they are turned: <c>qwen3</c> (arXiv 2505.09388).</summary>
    public bool HeadNorms => ModelType == "qwen3";

    /// <summary>The longest sequence the model is meant for, in tokens.</summary>
    public int MaximumPositions { get; init; } = 2048;

    /// <summary>The number of rows of score.weight [ScoreHeads, HiddenSize]; 0 for a model without score heads.</summary>
    public int ScoreHeads { get; init; }

    /// <summary>Whether the model predicts tokens; a sequence classifier (a reward model) does not.</summary>
    public bool LanguageHead { get; init; } = true;

    /// <summary>The token that starts a text, if any.</summary>
    public int? BeginToken { get; init; }

    /// <summary>The token that ends a text, if any.</summary>
    public int? EndToken { get; init; }

    /// <summary>The token that other programs fill batches with, if any; Tandem packs and never pads.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>
    /// What else config.json holds, as the text of a JSON object: fields that change nothing of what is computed here, kept so
    /// that a saved model has them too. Null for none.
    /// </summary>
    public string? OtherFields { get; init; }

    /// <summary>Whether config.json names things as transformers 5 does: dtype and rope_parameters.</summary>
    public bool UsesNewerNames { get; init; }

    /// <summary>Whether there is an lm_head.weight of its own.</summary>
    public bool HasOwnLanguageHead => LanguageHead && !TieWordEmbeddings;

    /// <summary>The number of parameters, a tied head counted once.</summary>
    public long ParameterCount => ParameterShapes().Sum(s => (long)s.Rows * s.Columns);

    /// <summary>The name and shape of every parameter, under Hugging Face's names, in the order of the forward pass.</summary>
    public IEnumerable<ParameterShape> ParameterShapes()
    {
        int queryWidth = Heads * HeadSize;
        int keyWidth = KeyValueHeads * HeadSize;
        yield return new("model.embed_tokens.weight", VocabularySize, HiddenSize);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            yield return new(prefix + "input_layernorm.weight", 1, HiddenSize, IsVector: true);
            yield return new(prefix + "self_attn.q_proj.weight", queryWidth, HiddenSize);
            yield return new(prefix + "self_attn.k_proj.weight", keyWidth, HiddenSize);
            yield return new(prefix + "self_attn.v_proj.weight", keyWidth, HiddenSize);
            if (AttentionBias)
            {
                yield return new(prefix + "self_attn.q_proj.bias", 1, queryWidth, IsVector: true);
                yield return new(prefix + "self_attn.k_proj.bias", 1, keyWidth, IsVector: true);
                yield return new(prefix + "self_attn.v_proj.bias", 1, keyWidth, IsVector: true);
            }

            if (HeadNorms)
            {
                yield return new(prefix + "self_attn.q_norm.weight", 1, HeadSize, IsVector: true);
                yield return new(prefix + "self_attn.k_norm.weight", 1, HeadSize, IsVector: true);
            }

            yield return new(prefix + "self_attn.o_proj.weight", HiddenSize, queryWidth);
            if (OutputBias)
                yield return new(prefix + "self_attn.o_proj.bias", 1, HiddenSize, IsVector: true);
            yield return new(prefix + "post_attention_layernorm.weight", 1, HiddenSize, IsVector: true);
            yield return new(prefix + "mlp.gate_proj.weight", IntermediateSize, HiddenSize);
            yield return new(prefix + "mlp.up_proj.weight", IntermediateSize, HiddenSize);
            yield return new(prefix + "mlp.down_proj.weight", HiddenSize, IntermediateSize);
        }

        yield return new("model.norm.weight", 1, HiddenSize, IsVector: true);
        if (HasOwnLanguageHead)
            yield return new("lm_head.weight", VocabularySize, HiddenSize);
        if (ScoreHeads > 0)
            yield return new("score.weight", ScoreHeads, HiddenSize);
    }

    /// <summary>Checks every value and how they fit together, and returns the configuration with nothing left implied.</summary>
    /// <param name="place">Where the configuration comes from: faults begin with it.</param>
    /// <exception cref="UserFaultException">A value is out of its range; the message gives it, the range and the place.</exception>
    public TransformerConfiguration Validate(string place = "transformer configuration")
    {
        void Demand(bool condition, string what, string remedy)
        {
            if (!condition)
                throw new UserFaultException($"{place}: {what}.", remedy, FaultKind.Usage);
        }

        void InRange(string name, int value, int low, int high) =>
            Demand(value >= low && value <= high, $"{name} is {value}; allowed: {low} to {high}", $"Correct {name}.");

        Demand(
            ModelType is "qwen2" or "qwen3" or "llama",
            $"model_type is '{ModelType}'; supported: {SupportedTypes}", "Choose a model of one of these families.");
        Demand(
            ModelType == "qwen2" ? AttentionBias && !OutputBias : AttentionBias == OutputBias,
            $"model_type {ModelType} with {(AttentionBias ? "biases" : "no biases")} on q, k and v and {(OutputBias ? "a bias" : "none")} on o; "
            + "qwen2 has them on q, k and v, the others on all four or none",
            "Choose the other model_type.");
        InRange("vocab_size", VocabularySize, 1, 1 << 24);
        InRange("hidden_size", HiddenSize, 1, 1 << 16);
        InRange("intermediate_size", IntermediateSize, 1, 1 << 18);
        InRange("num_hidden_layers", Layers, 1, 1024);
        InRange("num_attention_heads", Heads, 1, 1024);
        InRange("num_key_value_heads", KeyValueHeads, 1, Heads);
        Demand(
            Heads % KeyValueHeads == 0,
            $"num_attention_heads {Heads} is not a multiple of num_key_value_heads {KeyValueHeads}",
            "Correct one of them.");
        InRange("head_dim", HeadSize, 2, 1 << 12);
        Demand(HeadSize % 2 == 0, $"head_dim is {HeadSize}; it must be even, for rotary positions turn pairs", "Correct head_dim.");
        Demand(
            float.IsFinite(RmsNormEpsilon) && RmsNormEpsilon is > 0 and < 1,
            $"rms_norm_eps is {RmsNormEpsilon}; allowed: above 0, below 1",
            "Correct rms_norm_eps.");
        Demand(
            float.IsFinite(RotaryBase) && RotaryBase >= 1, $"rope_theta is {RotaryBase}; allowed: at least 1", "Correct rope_theta.");
        InRange("max_position_embeddings", MaximumPositions, 1, 1 << 20);
        Demand(
            (long)MaximumPositions * HeadSize <= 1 << 28,
            $"max_position_embeddings is {MaximumPositions} with head_dim {HeadSize}; allowed: a product of up to {1 << 28}",
            "Lower max_position_embeddings.");
        InRange("number of score heads", ScoreHeads, 0, 1 << 16);
        Demand(LanguageHead || ScoreHeads > 0, "the model has neither a language head nor score heads", "Give it one of them.");
        foreach (var shape in ParameterShapes())
        {
            Demand(
                (long)shape.Rows * shape.Columns <= int.MaxValue,
                $"{shape.Name} has {(long)shape.Rows * shape.Columns} elements; allowed: up to {int.MaxValue}",
                "Choose a smaller model.");
        }

        if (RotaryScaling is { } scaling)
        {
            Demand(
                float.IsFinite(scaling.Factor) && scaling.Factor >= 1,
                $"rope_scaling.factor is {scaling.Factor}; allowed: at least 1",
                "Correct rope_scaling.");
            Demand(
                scaling.LowFrequencyFactor > 0 && scaling.HighFrequencyFactor > scaling.LowFrequencyFactor && float.IsFinite(scaling.HighFrequencyFactor),
                $"rope_scaling has low_freq_factor {scaling.LowFrequencyFactor} and high_freq_factor {scaling.HighFrequencyFactor}; needed: 0 < low < high",
                "Correct rope_scaling.");
            InRange("rope_scaling.original_max_position_embeddings", scaling.OriginalMaximumPositions, 1, 1 << 24);
        }

        // A derived head size is made explicit, so that a configuration equals its saved and loaded self.
        return this with { HeadSize = HeadSize };
    }
}

/// <summary>
/// The scaling of rotary frequencies of Llama 3.1 (rope_type <c>llama3</c>): wave lengths longer than
/// <c>OriginalMaximumPositions / LowFrequencyFactor</c> are stretched by <c>Factor</c>, those shorter than
/// <c>OriginalMaximumPositions / HighFrequencyFactor</c> are kept, and between them the two are blended.
/// </summary>
/// <param name="Factor">By how much long wave lengths are stretched; at least 1.</param>
/// <param name="LowFrequencyFactor">low_freq_factor.</param>
/// <param name="HighFrequencyFactor">high_freq_factor; above the low one.</param>
/// <param name="OriginalMaximumPositions">The context length before the stretch, in tokens.</param>
public sealed record RotaryScaling(
    float Factor, float LowFrequencyFactor, float HighFrequencyFactor, int OriginalMaximumPositions);
