using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training;

/// <summary>
/// The floating-point operations of a model as it is trained, counted as in <see cref="TrainingCost"/>, product by product: a
/// frozen weight has no gradient of its own, nothing is computed below the first trainable parameter, adapters cost their two
/// small products, and layers that are computed again in the backward pass are counted again. Attention is counted by the keys
/// that each token sees. Reads which parameters are trainable when it is created.
/// </summary>
public sealed class ModelCost
{
    private readonly Transformer _model;
    private readonly bool _adapters;
    private readonly bool _recomputes;
    private readonly LayerCost[] _layers;
    private readonly double _widthOfAttention;
    private readonly double _head, _headBackward, _score, _scoreBackward;

    /// <summary>Counts for a model.</summary>
    public ModelCost(Transformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _adapters, _recomputes) = (model, model.UsesAdapters, model.RecomputesActivations);
        TransformerConfiguration shape = model.Configuration;
        ParameterSet parameters = model.Parameters;
        _widthOfAttention = (double)shape.Heads * shape.HeadSize;
        _layers = new LayerCost[shape.Layers];
        bool reached = parameters["model.embed_tokens.weight"].IsTrainable; // whether the residual stream has a gradient
        for (int i = 0; i < _layers.Length; i++)
        {
            string name = $"model.layers.{i}.";
            var all = new ProductCost();
            bool normed = reached || parameters[name + "input_layernorm.weight"].IsTrainable;
            bool q = Count(ref all, name + "self_attn.q_proj", normed);
            bool k = Count(ref all, name + "self_attn.k_proj", normed);
            bool v = Count(ref all, name + "self_attn.v_proj", normed);
            bool attention = q || k || v;
            var wanted = new ProductCost();
            reached |= Count(ref wanted, name + "self_attn.o_proj", attention);
            normed = reached || parameters[name + "post_attention_layernorm.weight"].IsTrainable;
            bool gate = Count(ref wanted, name + "mlp.gate_proj", normed);
            bool up = Count(ref wanted, name + "mlp.up_proj", normed);
            reached |= Count(ref wanted, name + "mlp.down_proj", gate || up);
            _layers[i] = new LayerCost(all, wanted, attention, reached);
        }

        reached |= parameters["model.norm.weight"].IsTrainable;
        if (shape.LanguageHead)
        {
            Parameter head = parameters[shape.TieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"];
            (_head, _headBackward) = Whole(head, reached);
        }

        if (parameters.Find("score.weight") is { } score)
            (_score, _scoreBackward) = Whole(score, reached);
    }

    /// <summary>Operations of a forward pass up to the final hidden states.</summary>
    /// <param name="tokens">The packed tokens.</param>
    /// <param name="rows">The rows that are wanted: the last layer computes no others after its attention.</param>
    public double Inference(TokenBatch tokens, int rows)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        double pairs = Pairs(tokens), total = 0;
        for (int i = 0; i < _layers.Length; i++)
            total += Forward(i, tokens.Count, rows, pairs);
        return total;
    }

    /// <summary>Operations of forward and backward pass up to the final hidden states, with what is computed a second time.</summary>
    /// <param name="tokens">The packed tokens.</param>
    /// <param name="rows">The rows that are wanted.</param>
    public double Training(TokenBatch tokens, int rows)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        double pairs = Pairs(tokens), total = 0;
        for (int i = 0; i < _layers.Length; i++)
        {
            LayerCost layer = _layers[i];
            double forward = Forward(i, tokens.Count, rows, pairs);
            total += forward + (tokens.Count * layer.All.Backward) + (WantedRows(i, tokens.Count, rows) * layer.Wanted.Backward);
            if (layer.AttentionHasGradient)
                total += 8 * _widthOfAttention * pairs;
            if (_recomputes && layer.HasGradient)
                total += forward;
        }

        return total;
    }

    /// <summary>Operations of the language head and its loss.</summary>
    /// <param name="rows">The rows that go through it.</param>
    /// <param name="training">Whether there is a backward pass, before which large logits are computed a second time.</param>
    public double LanguageHead(int rows, bool training)
    {
        double again = _headBackward > 0 && !_model.KeepsLogits(rows) ? _head : 0;
        return rows * (_head + (training ? _headBackward + again : 0));
    }

    /// <summary>Operations of the score heads.</summary>
    /// <param name="rows">The rows that go through them.</param>
    /// <param name="training">Whether there is a backward pass.</param>
    public double ScoreHead(int rows, bool training) => rows * (_score + (training ? _scoreBackward : 0));

    /// <summary>Whether the count holds for a model as it is set now.</summary>
    internal bool Fits(Transformer model) =>
        model == _model && model.UsesAdapters == _adapters && model.RecomputesActivations == _recomputes;

    private static double Pairs(TokenBatch tokens)
    {
        double pairs = 0;
        foreach (int position in tokens.Positions)
            pairs += position + 1;
        return pairs;
    }

    private static (double Forward, double Backward) Whole(Parameter weight, bool inputHasGradient)
    {
        double product = 2.0 * weight.Tensor.Length;
        return (product, (inputHasGradient ? product : 0) + (weight.IsTrainable ? product : 0));
    }

    private double Forward(int layer, int tokens, int rows, double pairs) =>
        (tokens * _layers[layer].All.Forward) + (WantedRows(layer, tokens, rows) * _layers[layer].Wanted.Forward) + (4 * _widthOfAttention * pairs);

    private int WantedRows(int layer, int tokens, int rows) => layer == _layers.Length - 1 ? rows : tokens;

    // Adds a projection with its adapter; whether its result has a gradient.
    private bool Count(ref ProductCost cost, string projection, bool inputHasGradient)
    {
        Parameter weight = _model.Parameters[projection + ".weight"];
        (double forward, double backward) = Whole(weight, inputHasGradient);
        bool has = inputHasGradient || weight.IsTrainable || _model.Parameters.Find(projection + ".bias") is { IsTrainable: true };
        if (_adapters && _model.Parameters.Find(projection + ".lora_A.weight") is { } a)
        {
            (double down, double downBackward) = Whole(a, inputHasGradient);
            (double up, double upBackward) = Whole(_model.Parameters[projection + ".lora_B.weight"], true);
            forward += down + up;
            backward += downBackward + upBackward;
            has = true;
        }

        cost = new ProductCost { Forward = cost.Forward + forward, Backward = cost.Backward + backward };
        return has;
    }

    /// <summary>Operations per row.</summary>
    private struct ProductCost
    {
        public double Forward;
        public double Backward;
    }

    /// <summary>Products of every row, products of the wanted rows, and what of the layer has a gradient.</summary>
    private readonly record struct LayerCost(ProductCost All, ProductCost Wanted, bool AttentionHasGradient, bool HasGradient);
}
