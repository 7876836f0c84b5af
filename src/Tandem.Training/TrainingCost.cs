using Tandem.Language;

namespace Tandem.Training;

/// <summary>
/// The floating-point operations of training and inference: one count for every report, so that arms are compared at
/// equal compute. A multiply-add counts as two. Counted are the matrix products with weights and the attention
/// products under the causal mask; norms, activations and the optimizer are left out, as is usual (Kaplan et al.,
/// arXiv 2001.08361, section 2.1). <see cref="ModelCost"/> counts partly frozen models product by product.
/// </summary>
public static class TrainingCost
{
    /// <summary>
    /// Operations of a training step per token: 6 per weight that a token is multiplied with (2 forward, 4 backward)
    /// and, per layer, 6 · context · heads · head size for attention, whose mask halves the full 12.
    /// </summary>
    /// <param name="configuration">The model.</param>
    /// <param name="context">The length of a sequence in tokens.</param>
    /// <param name="languageHead">Whether every token goes through the language head; false when scores only are computed.</param>
    public static double TrainingFlopsPerToken(TransformerConfiguration configuration, int context, bool languageHead = true) =>
        3 * InferenceFlopsPerToken(configuration, context, languageHead);

    /// <summary>Operations of a forward pass per token: a third of <see cref="TrainingFlopsPerToken"/>.</summary>
    /// <param name="configuration">The model.</param>
    /// <param name="context">The length of a sequence in tokens.</param>
    /// <param name="languageHead">Whether every token goes through the language head.</param>
    public static double InferenceFlopsPerToken(TransformerConfiguration configuration, int context, bool languageHead = true)
    {
        double width = configuration.HiddenSize;
        double queryWidth = (double)configuration.Heads * configuration.HeadSize;
        double keyWidth = (double)configuration.KeyValueHeads * configuration.HeadSize;
        double layer = (width * ((2 * queryWidth) + (2 * keyWidth))) + (3 * width * configuration.IntermediateSize);
        double linear = configuration.Layers * layer;
        if (languageHead && configuration.LanguageHead)
            linear += width * configuration.VocabularySize;
        return (2 * linear) + (2 * configuration.Layers * context * queryWidth);
    }
}
