using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Function-preserving growth (Net2Net, arXiv 1511.05641): a larger transformer takes over a smaller one's weights so
/// that it computes the same at first, and training goes on from there. What the smaller model has learned is kept.
/// </summary>
public static class ModelGrowth
{
    /// <summary>
    /// Copies a model into a freshly initialised larger one. Its layers keep their order, the first half at the start
    /// and the second at the end; the layers between them, and the heads and feed-forward units that are new, are
    /// connected to the residual stream with weight 0.
    /// </summary>
    /// <param name="small">The trained model; without groups of query heads.</param>
    /// <param name="large">The larger model, initialised: of the same family, width, head size and vocabulary.</param>
    /// <exception cref="UserFaultException">The shapes do not allow it.</exception>
    public static void Grow(Transformer small, Transformer large)
    {
        ArgumentNullException.ThrowIfNull(small);
        ArgumentNullException.ThrowIfNull(large);
        TransformerConfiguration from = small.Configuration;
        TransformerConfiguration to = large.Configuration;
        Check(from, to);
        small.EmbeddingTable.Tensor.Values.CopyTo(large.EmbeddingTable.Tensor.Values);
        small.FinalNorm.Tensor.Values.CopyTo(large.FinalNorm.Tensor.Values);
        if (!from.TieWordEmbeddings)
            small.LanguageHead.Tensor.Values.CopyTo(large.LanguageHead.Tensor.Values);
        int first = (from.Layers + 1) / 2;
        int added = to.Layers - from.Layers;
        for (int layer = 0; layer < to.Layers; layer++)
        {
            TransformerLayer target = large.DecoderLayers[layer];
            // What is new is read by nothing until training connects it.
            target.Output.Tensor.Values.Clear();
            target.Down.Tensor.Values.Clear();
            target.OutputBias?.Tensor.Values.Clear();
            if (layer < first || layer >= first + added)
                Copy(small.DecoderLayers[layer < first ? layer : layer - added], target);
        }
    }

    private static void Copy(TransformerLayer from, TransformerLayer to)
    {
        CopyCorner(from.InputNorm, to.InputNorm);
        CopyCorner(from.PostAttentionNorm, to.PostAttentionNorm);
        CopyCorner(from.Query, to.Query);
        CopyCorner(from.Key, to.Key);
        CopyCorner(from.Value, to.Value);
        CopyCorner(from.Output, to.Output);
        CopyCorner(from.Gate, to.Gate);
        CopyCorner(from.Up, to.Up);
        CopyCorner(from.Down, to.Down);
        if (from.QueryNorm is not null && from.KeyNorm is not null)
        {
            CopyCorner(from.QueryNorm, to.QueryNorm!);
            CopyCorner(from.KeyNorm, to.KeyNorm!);
        }

        if (from.OutputBias is not null)
            CopyCorner(from.OutputBias, to.OutputBias!);
        if (from.QueryBias is null || from.KeyBias is null || from.ValueBias is null)
            return;
        CopyCorner(from.QueryBias, to.QueryBias!);
        CopyCorner(from.KeyBias, to.KeyBias!);
        CopyCorner(from.ValueBias, to.ValueBias!);
    }

    private static void CopyCorner(Parameter from, Parameter to)
    {
        for (int row = 0; row < from.Tensor.Rows; row++)
            from.Tensor.Row(row).CopyTo(to.Tensor.Row(row));
    }

    private static void Check(TransformerConfiguration from, TransformerConfiguration to)
    {
        bool sameFrame = from.HiddenSize == to.HiddenSize && from.HeadSize == to.HeadSize && from.VocabularySize == to.VocabularySize
            && from.TieWordEmbeddings == to.TieWordEmbeddings && from.AttentionBias == to.AttentionBias
            && from.OutputBias == to.OutputBias && from.HeadNorms == to.HeadNorms
            && from.RotaryBase.Equals(to.RotaryBase) && from.LanguageHead && to.LanguageHead;
        bool grown = to.Layers >= from.Layers && to.Heads >= from.Heads && to.IntermediateSize >= from.IntermediateSize
            && from.KeyValueHeads == from.Heads && to.KeyValueHeads == to.Heads;
        if (sameFrame && grown)
            return;
        throw new UserFaultException(
            $"A model of width {from.HiddenSize}, {from.Layers} layers, {from.Heads} heads of {from.HeadSize} and {from.IntermediateSize} "
            + $"feed-forward units cannot grow into one of width {to.HiddenSize}, {to.Layers} layers, {to.Heads} heads of {to.HeadSize} and "
            + $"{to.IntermediateSize} units: width, head size, vocabulary and biases stay the same, nothing shrinks, and heads are not grouped.",
            "Change the larger model's shape.", FaultKind.Usage);
    }
}
