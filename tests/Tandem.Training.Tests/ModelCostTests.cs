using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Tests;

public class ModelCostTests
{
    private static readonly TransformerConfiguration Shape = new()
    {
        VocabularySize = 100,
        HiddenSize = 32,
        IntermediateSize = 96,
        Layers = 3,
        Heads = 4,
        KeyValueHeads = 2,
        MaximumPositions = 64,
        TieWordEmbeddings = true,
    };

    // Of a token: weights that it is multiplied with, and the width that each key it sees costs.
    private const double Attention = (32 * 32 * 2) + (32 * 16 * 2), Mlp = 3 * 32 * 96, QueryWidth = 32;

    [Fact]
    public void Training_AllTrainable_IsThreeForwardPassesAndAgreesWithTrainingCost()
    {
        using var model = new Transformer(Shape);
        var cost = new ModelCost(model);
        TokenBatch batch = Batch(10);
        double forward = cost.Inference(batch, 10) + cost.LanguageHead(10, training: false);
        Assert.Equal(3 * forward, cost.Training(batch, 10) + cost.LanguageHead(10, training: true), 1e-6);

        // The common count gives each token half of the sequence; here token i sees i + 1 keys: 55 and not 50 of 10 tokens.
        double attention = 4 * QueryWidth * 3;
        Assert.Equal(10 * TrainingCost.InferenceFlopsPerToken(Shape, 10) + (attention * 5), forward, 1e-6);
    }

    [Fact]
    public void Inference_FewRows_LeavesTheOthersOutOfTheLastLayer()
    {
        using var model = new Transformer(Shape);
        var cost = new ModelCost(model);
        double skipped = 2 * 7 * ((32 * 32) + Mlp);
        Assert.Equal(cost.Inference(Batch(10), 10) - skipped, cost.Inference(Batch(10), 3), 1e-6);
    }

    [Fact]
    public void Training_Recomputed_IsOneForwardPassMore()
    {
        using var model = new Transformer(Shape);
        double kept = new ModelCost(model).Training(Batch(10), 10);
        model.RecomputesActivations = true;
        var cost = new ModelCost(model);
        Assert.Equal(kept + cost.Inference(Batch(10), 10), cost.Training(Batch(10), 10), 1e-6);
    }

    [Fact]
    public void Training_AdaptersOverAFrozenBase_HasNoGradientsOfFrozenWeightsAndNothingBelowTheFirstAdapter()
    {
        using var model = new Transformer(Shape, ParameterStorage.FrozenSingle, new LowRankConfiguration { Rank = 2, Targets = LowRankTargets.Query | LowRankTargets.Value });
        var cost = new ModelCost(model);
        TokenBatch batch = Batch(10);
        double pairs = 55, attention = 4 * QueryWidth * pairs;
        double adapters = 2 * ((2 * 32) + (2 * 32) + (2 * 32) + (2 * 16)); // A and B of q and v, per token and pass
        double forward = 3 * ((10 * ((2 * (Attention + Mlp)) + adapters)) + attention);
        Assert.Equal(forward, cost.Inference(batch, 10), 1e-6);

        // Backward: every frozen product once, but q, k and v of the first layer, whose input has no gradient, not at all;
        // of the adapters A and B twice, but the input of A of the first layer not.
        double frozen = 10 * 2 * ((3 * (Attention + Mlp)) - ((32 * 32) + (2 * 32 * 16)));
        double own = 10 * ((3 * 2 * adapters) - (2 * ((2 * 32) + (2 * 32))));
        Assert.Equal(forward + frozen + own + (3 * 2 * attention), cost.Training(batch, 10), 1e-6);
        Assert.Equal(2 * 2 * 5 * 32 * 100, cost.LanguageHead(5, training: true), 1e-6);

        model.UsesAdapters = false;
        var plain = new ModelCost(model);
        Assert.Equal(forward - (3 * 10 * adapters), plain.Inference(batch, 10), 1e-6);
        Assert.Equal(plain.Inference(batch, 10), plain.Training(batch, 10), 1e-6);
    }

    [Fact]
    public void Inference_Branches_CountsTheKeysThatEachTokenSees()
    {
        using var model = new Transformer(Shape);
        var cost = new ModelCost(model);
        var branched = new TokenBatch();
        branched.AddBranches([1, 2, 3], [new[] { 4, 5 }, new[] { 6 }]);
        double perToken = 3 * 2 * (Attention + Mlp);
        Assert.Equal((6 * perToken) + (3 * 4 * QueryWidth * (1 + 2 + 3 + 4 + 5 + 4)), cost.Inference(branched, 6), 1e-6);
    }

    private static TokenBatch Batch(int tokens)
    {
        var batch = new TokenBatch();
        batch.Add(new int[tokens]);
        return batch;
    }
}
