using Tandem.Language;

namespace Tandem.Training.Tests;

public class TrainingCostTests
{
    private static readonly TransformerConfiguration Model = new()
    {
        VocabularySize = 100,
        HiddenSize = 32,
        IntermediateSize = 96,
        Layers = 3,
        Heads = 4,
        KeyValueHeads = 2,
    };

    [Fact]
    public void TrainingFlopsPerToken_WithoutContext_IsSixPerWeightMultiplied()
    {
        double weights = (3 * ((32 * 32 * 2) + (32 * 16 * 2) + (3 * 32 * 96))) + (32 * 100);
        Assert.Equal(6 * weights, TrainingCost.TrainingFlopsPerToken(Model, 0));
        Assert.Equal(6 * (weights - 3200), TrainingCost.TrainingFlopsPerToken(Model, 0, languageHead: false));
    }

    [Fact]
    public void TrainingFlopsPerToken_LongerContext_GrowsBySixWidthsPerLayerAndToken() =>
        Assert.Equal(6 * 3 * 32 * 128, TrainingCost.TrainingFlopsPerToken(Model, 128) - TrainingCost.TrainingFlopsPerToken(Model, 0));

    [Fact]
    public void InferenceFlopsPerToken_AnyModel_IsAThirdOfTraining() =>
        Assert.Equal(TrainingCost.TrainingFlopsPerToken(Model, 64), 3 * TrainingCost.InferenceFlopsPerToken(Model, 64));
}
