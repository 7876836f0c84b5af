using Tandem.Tensors;
using Tandem.Training.Objectives;

namespace Tandem.Training.Tests;

public class WeakTargetsTests
{
    [Fact]
    public void HardenByProportions_ThreeClasses_TakesTheSurestFirstAndFillsThePlaces()
    {
        // Everyone's favourite is class 0, which has one place of four; class 1 has two.
        float[] probabilities = [0.9f, 0.06f, 0.04f, 0.8f, 0.15f, 0.05f, 0.7f, 0.2f, 0.1f, 0.6f, 0.1f, 0.3f];
        float[] weak = [1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1];
        int[] hardened = new int[4];
        WeakTargets.HardenByProportions(probabilities, weak, 3, hardened, []);
        Assert.Equal([0, 1, 1, 2], hardened);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void HardenByProportions_RandomPredictions_ChoosesEachClassAsOftenAsTheLabelsSay(int answers)
    {
        var random = new RandomStream(1);
        for (int trial = 0; trial < 20; trial++)
        {
            const int Count = 37;
            float[] logits = [.. Enumerable.Range(0, Count * answers).Select(_ => (float)random.NextGaussian())];
            float[] weakLogits = [.. Enumerable.Range(0, Count * answers).Select(i => (float)random.NextGaussian() + (i % answers))];
            float[] probabilities = new float[logits.Length], weak = new float[logits.Length];
            WeakTargets.Softmax(logits, answers, probabilities);
            WeakTargets.Softmax(weakLogits, answers, weak);
            int[] hardened = new int[Count];
            WeakTargets.HardenByProportions(probabilities, weak, answers, hardened, []);
            for (int k = 0; k < answers; k++)
            {
                double wanted = Enumerable.Range(0, Count).Sum(i => (double)weak[(i * answers) + k]);
                Assert.InRange(hardened.Count(h => h == k), wanted - 1.5, wanted + 1.5);
            }
        }
    }

    [Fact]
    public void Multiply_LabelsAndPredictionsThatExcludeEachOther_KeepsTheLabel()
    {
        float[] targets = [1, 0, 0.5f, 0.5f];
        WeakTargets.Multiply(targets, 2, [0, 1, 0.2f, 0.8f], 1, 1);
        Assert.Equal([1, 0, 0.2f, 0.8f], targets);
    }

    [Fact]
    public void Smooth_HardLabel_KeepsTheSum()
    {
        float[] targets = [1, 0, 0, 0];
        WeakTargets.Smooth(targets, 4, 0.2f);
        Assert.Equal([0.85f, 0.05f, 0.05f, 0.05f], targets);
    }

    [Fact]
    public void MedianRadius_ThreeLabels_IsTheMiddleCertaintyAboveChance()
    {
        float[][] labels = [[0.9f, 0.1f], [0.4f, 0.6f], [0.7f, 0.3f]];
        Assert.Equal(0.2f, WeakTargets.MedianRadius(labels), 1e-6f);
        Assert.Throws<UserFaultException>(() => WeakTargets.MedianRadius([]));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.05, 0.25)]
    [InlineData(0.1, 0.5)]
    [InlineData(0.9, 0.5)]
    public void ConfidenceShare_DuringAndAfterWarmup_RisesLinearlyWithoutAJump(double progress, float expected) =>
        Assert.Equal(expected, new ChoiceConfiguration().ConfidenceShare(progress), 1e-6f);

    [Fact]
    public void ConfidenceShare_WithoutWarmup_IsWholeAtOnce() =>
        Assert.Equal(0.5f, new ChoiceConfiguration { ConfidenceWarmupFraction = 0 }.ConfidenceShare(0));

    [Fact]
    public void Examples_Malformed_AreUsageFaults()
    {
        Assert.Throws<UserFaultException>(() => new SequenceExample([1, 2], [0, 0]));
        Assert.Throws<UserFaultException>(() => new SequenceExample([1, 2], [0]));
        Assert.Throws<UserFaultException>(() => new SequenceExample([1, 2], [0, float.NaN]));
        Assert.Throws<UserFaultException>(() => new PreferenceExample([], [1], [2]));
        Assert.Throws<UserFaultException>(() => new PreferenceExample([1], [1], []));
        Assert.Throws<UserFaultException>(() => new ChoiceTokensExample([1], [[1], [2]], [0.5f, 0.6f]));
        Assert.Throws<UserFaultException>(() => new ChoiceTokensExample([1], [[1], []], [0.5f, 0.5f]));
        Assert.Throws<UserFaultException>(() => new ChoiceTokensExample([1], [[1]], [0.5f, 0.5f]));
        Assert.Throws<UserFaultException>(() => new PreferenceConfiguration { Beta = 0 }.Validate());
        Assert.Throws<UserFaultException>(() => new PreferenceConfiguration { Loss = PreferenceLoss.Identity, LabelSmoothing = 0.1f }.Validate());
        Assert.Throws<UserFaultException>(() => new PreferenceConfiguration { LabelSmoothing = 0.5f }.Validate());
    }
}
