using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.Tuning;

public sealed class TuningRecipeTests
{
    [Theory]
    [InlineData("loss: cdpo", "label_smoothing")]
    [InlineData("loss: ipo\nlabel_smoothing: 0.1", "label_smoothing")]
    [InlineData("evaluation: {trusted: false}\ntraining: {patience: 2}", "trusted")]
    [InlineData("beta: 0", "beta")]
    [InlineData("lora: {targets: [k_projection]}", "k_projection")]
    public void Dpo_RulesBroken_NamesTheKey(string recipe, string named)
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(
            () => RecipeReader.Parse<PreferenceTuningConfiguration>($"model: m\n{recipe}", "test.yaml"));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("teacher: small\nlabels_file: labels.jsonl")]
    public void WeakToStrong_NeitherOrBothSourcesOfLabels_IsRefused(string recipe)
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(
            () => RecipeReader.Parse<WeakToStrongTuningConfiguration>($"model: m\n{recipe}", "test.yaml"));
        Assert.Contains("labels_file", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sft_WithoutModel_SaysWhatIsMissing()
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(() => RecipeReader.Parse<SupervisedTuningConfiguration>("name: x", "test.yaml"));
        Assert.Contains("'model'", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpo_SectionGivenInPart_KeepsTheKindsDefaults()
    {
        PreferenceTuningConfiguration recipe = RecipeReader.Parse<PreferenceTuningConfiguration>("model: m\ntraining: {epochs: 3}", "test.yaml").Value;
        Assert.Equal((3, 5e-5, 0.1), (recipe.Training.Epochs, recipe.Training.LearningRate, recipe.Training.Warmup));
    }

    [Fact]
    public void Settings_WarmupShare_BecomesSteps()
    {
        SupervisedTuningConfiguration recipe = RecipeReader.Parse<SupervisedTuningConfiguration>(
            "model: m\ntraining: {warmup: 0.25, epochs: 2, batch_examples: 8}", "test.yaml").Value;
        Assert.Equal(5, TuningSession.Settings(recipe, "train", 80).WarmupSteps);
    }
}
