using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Gives the attention of a freshly initialised transformer the structure that training would have to find first
/// ("Mimetic Initialization of Self-Attention Layers", arXiv 2305.09828): tokens attend to tokens that hold the same,
/// what is attended to is copied, and two heads of the first layer look one and two tokens back. Looking a word up in
/// the story is a matter of these three; from unstructured weights a small model finds them late or never.
/// </summary>
public static class MimeticInitialization
{
    private const double BackwardBias = 6;
    private const int BackwardPairs = 3;

    /// <summary>
    /// Changes the attention projections; adds no randomness. Query = key, output = strength·valueᵀ. The biases of the first
    /// layer's first two heads, where the architecture has biases, place the greatest score one and two tokens back.
    /// </summary>
    /// <param name="transformer">A transformer after <see cref="Transformer.Initialize"/>.</param>
    /// <param name="copyStrength">The strength: copies of many layers add up, so that deep models want less.</param>
    public static void Apply(Transformer transformer, float copyStrength = 0.5f)
    {
        ArgumentNullException.ThrowIfNull(transformer);
        TransformerConfiguration configuration = transformer.Configuration;
        foreach (TransformerLayer layer in transformer.DecoderLayers)
        {
            for (int head = 0; head < configuration.Heads; head++)
                AlignHead(layer, configuration, head, copyStrength);
        }

        for (int head = 0; head < Math.Min(2, configuration.Heads); head++)
            LookBack(transformer.DecoderLayers[0], configuration, head, distance: head + 1);
    }

    private static void AlignHead(TransformerLayer layer, TransformerConfiguration configuration, int head, float copyStrength)
    {
        int size = configuration.HeadSize;
        int width = configuration.HiddenSize;
        int group = head * configuration.KeyValueHeads / configuration.Heads;
        Span<float> query = layer.Query.Tensor.Values;            // [H·D, C]
        ReadOnlySpan<float> key = layer.Key.Tensor.Values;        // [G·D, C]
        ReadOnlySpan<float> value = layer.Value.Tensor.Values;    // [G·D, C]
        Span<float> output = layer.Output.Tensor.Values;          // [C, H·D]
        key.Slice(group * size * width, size * width).CopyTo(query.Slice(head * size * width, size * width));
        for (int d = 0; d < size; d++)
        {
            for (int c = 0; c < width; c++)
                output[(c * configuration.Heads * size) + (head * size) + d] = copyStrength * value[(((group * size) + d) * width) + c];
        }
    }

    private static void LookBack(TransformerLayer layer, TransformerConfiguration configuration, int head, int distance)
    {
        if (layer.QueryBias is null || layer.KeyBias is null)
            return;
        int size = configuration.HeadSize;
        int group = head * configuration.KeyValueHeads / configuration.Heads;
        Span<float> query = layer.QueryBias.Tensor.Values.Slice(head * size, size);
        Span<float> key = layer.KeyBias.Tensor.Values.Slice(group * size, size);
        // Pair j turns by θ_j a token: a key that starts distance·θ_j ahead of the query meets it at that distance.
        for (int pair = 0; pair < Math.Min(BackwardPairs, size / 2); pair++)
        {
            double angle = distance * Math.Pow(configuration.RotaryBase, -2.0 * pair / size);
            query[pair] = (float)BackwardBias;
            key[pair] = (float)(BackwardBias * Math.Cos(angle));
            key[pair + (size / 2)] = (float)(BackwardBias * Math.Sin(angle));
        }
    }
}
