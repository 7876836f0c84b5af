using Tandem.Evaluation;
using Tandem.Experiments;
using Tandem.Paradigms.WeakToStrong;
using Tandem.Runs;
using Tandem.Training.FineTuning;
using Tandem.Training.Objectives;

namespace Tandem.Tests.Paradigms;

public sealed class WeakToStrongClaimsTests
{
    [Fact]
    public void Recipe_ThatShips_BindsInBothForms()
    {
        string path = Path.Combine(Structure.Repository.Root, "recipes", "weak-to-strong.yaml");
        WeakToStrongConfiguration whole = RecipeReader.Read<WeakToStrongConfiguration>(path).Value;
        WeakToStrongConfiguration quick = RecipeReader.Read<WeakToStrongConfiguration>(path, quick: true).Value;
        Assert.Equal(whole.Methods, quick.Methods);
        Assert.True(quick.StudentItems < whole.StudentItems);
        Assert.Equal(whole.Methods.Count, whole.Methods.Select(m => m.Key).Distinct().Count());
        Assert.Equal(new WeakToStrongMethod(), whole.Methods[0]);
    }

    [Fact]
    public void Method_EachLoss_SetsItsOwnSettingsOnly()
    {
        var plain = new OptionFineTuningConfiguration();
        float[][] labels = [[0.7f, 0.3f], [0.9f, 0.1f], [0.6f, 0.4f]];
        OptionFineTuningConfiguration Applied(WeakLoss loss) => new WeakToStrongMethod { Loss = loss }.Applied(plain, labels);
        Assert.Equal(plain, Applied(WeakLoss.CrossEntropy));
        Assert.Equal(plain with { AuxiliaryConfidence = 0.5f, ConfidenceWarmupFraction = 0.1 }, Applied(WeakLoss.Confidence));
        Assert.Equal(plain with { ProductStrong = 1 }, Applied(WeakLoss.Product));
        Assert.Equal(0.2f, Applied(WeakLoss.Window).WindowRadius, 1e-6f);
    }

    [Fact]
    public void Moments_StepsThatDoNotDivide_EndWithTheEpoch()
    {
        var configuration = new WeakToStrongConfiguration { StudentItems = 320, InspectionsPerEpoch = 3, Training = new() { BatchSize = 32, Epochs = 2 } };
        Assert.Equal(
            [0.3, 0.6, 0.9, 1, 1.2, 1.5, 1.8, 2], WeakToStrongFindings.Moments(configuration).Select(m => Math.Round(m, 9)));
    }
}
