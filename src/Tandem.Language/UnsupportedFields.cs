using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>The fields of config.json that would change what is computed, in ways that this engine does not compute.</summary>
internal static class UnsupportedFields
{
    // Other layers, experts, weights or attention: absent, null, false or empty in a model that is supported.
    private static readonly string[] s_switches =
    [
        "mlp_bias", "use_sliding_window", "add_cross_attention", "is_encoder_decoder", "use_mrope", "use_qk_norm", "qk_layernorm",
        "use_bidirectional_attention", "quantization_config", "compression_config", "num_experts", "num_local_experts",
        "n_routed_experts", "final_logit_softcapping", "attn_logit_softcapping", "query_pre_attn_scalar", "attention_dropout",
        "hidden_dropout", "embedding_dropout", "resid_dropout", "parallel_residual", "auto_map", "pruned_heads",
    ];

    private static readonly string[] s_factors =
    [
        "partial_rotary_factor", "embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale",
    ];

    /// <exception cref="UserFaultException">A field is set that is not supported; the message names it.</exception>
    public static void Refuse(ConfigurationReader json)
    {
        json.Expect("hidden_act", "silu");
        json.Expect("hidden_activation", "silu");
        foreach (string name in s_switches)
            json.ExpectInactive(name);
        foreach (string name in s_factors)
            json.ExpectNumber(name, 1f);
        if (json.Texts("layer_types")?.FirstOrDefault(type => type != "full_attention") is { } other)
            throw json.Fault("layer_types", $"'{other}' in some layers; supported: full_attention");

        // Qwen2 heeds the window only where use_sliding_window is set.
        if (json.Text("model_type") == "llama")
            json.ExpectInactive("sliding_window");
    }
}
