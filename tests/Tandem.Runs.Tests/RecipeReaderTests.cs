using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class RecipeReaderTests
{
    private static SampleRecipe Read(string yaml, params RecipeOverride[] overrides) =>
        RecipeReader.Parse<SampleRecipe>(yaml, "quick.yaml", overrides).Value;

    private static UserFaultException Fault(string yaml, params RecipeOverride[] overrides)
    {
        var fault = Assert.Throws<UserFaultException>(() => Read(yaml, overrides));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.DoesNotContain('\n', fault.Message);
        return fault;
    }

    [Fact]
    public void Recipe_AllKeys_AreBound()
    {
        SampleRecipe recipe = Read("""
            # A comment.
            name: quick run
            seeds: [1, 2, 18446744073709551615]
            threads: 8
            training:
              steps: 1_500
              learning_rate: 3e-4
              dropout: .5
              tokens: 20M
              clip: null
            arms:
              - name: adaptive
                generations: 2
                rungs: [r1, "r3@8M"]
              - {name: small, controller: fixed-small}
            weights: {a: 1, b: -2.5e3}
            output:
              folder: out
              overwrite: true
            combination: majority
            verbose: true
            comment: 'it''s'
            """);
        Assert.Equal("quick run", recipe.Name);
        Assert.Equal([1UL, 2UL, ulong.MaxValue], recipe.Seeds);
        Assert.Equal(new TrainingSettings { Steps = 1500, LearningRate = 3e-4, Dropout = 0.5f, Tokens = 20_000_000, Clip = null }, recipe.Training);
        Assert.Equal(["adaptive", "small"], recipe.Arms.Select(a => a.Name));
        Assert.Equal([2, 3], recipe.Arms.Select(a => a.Generations));
        Assert.Equal(["r1", "r3@8M"], recipe.Arms[0].Rungs);
        Assert.Equal(GapController.FixedSmall, recipe.Arms[1].Controller);
        Assert.Equal(-2500, recipe.Weights["b"]);
        Assert.Equal(new OutputSettings("out") { Overwrite = true }, recipe.Output);
        Assert.Equal("it's", recipe.Comment);
        Assert.True(recipe.Verbose);
    }

    [Fact]
    public void Section_PartlyGiven_KeepsTheEnclosingRecordsDefaults()
    {
        SampleRecipe recipe = Read("name: a\ntraining:\n  warmup: 5\n");
        Assert.Equal(300, recipe.Training.Steps);
        Assert.Equal(5, recipe.Training.Warmup);
    }

    [Fact]
    public void Section_Empty_IsTheDefault() => Assert.Equal(300, Read("name: a\ntraining:\n").Training.Steps);

    [Theory]
    [InlineData("20k", 20_000L)]
    [InlineData("20K", 20_000L)]
    [InlineData("1.5M", 1_500_000L)]
    [InlineData("2B", 2_000_000_000L)]
    [InlineData("2G", 2_000_000_000L)]
    [InlineData("3T", 3_000_000_000_000L)]
    [InlineData("1e6", 1_000_000L)]
    [InlineData("1_000_000", 1_000_000L)]
    [InlineData("-7", -7L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void WholeNumber_WithSuffixOrSeparator_IsRead(string text, long expected) =>
        Assert.Equal(expected, Read($"name: a\ntraining: {{tokens: {text}}}").Training.Tokens);

    [Theory]
    [InlineData("1.5")]
    [InlineData("0.1k5")]
    [InlineData("1__0")]
    [InlineData("_1")]
    [InlineData("1e3M")]
    [InlineData("9223372036854775808")]
    [InlineData("0x10")]
    [InlineData("twenty")]
    [InlineData("\"20\"")]
    [InlineData("[1]")]
    [InlineData("{a: 1}")]
    [InlineData("true")]
    [InlineData("null")]
    [InlineData(".")]
    [InlineData("M")]
    public void WholeNumber_Malformed_IsRefusedWithItsPlace(string text)
    {
        string message = Fault($"name: a\ntraining:\n  tokens: {text}\n").Message;
        Assert.StartsWith("quick.yaml:3:11: 'training.tokens' is ", message, StringComparison.Ordinal);
        Assert.Contains("has to be a whole number", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".nan")]
    [InlineData(".inf")]
    [InlineData("NaN")]
    [InlineData("1e999")]
    [InlineData("1,5")]
    public void Number_NotFinite_IsRefused(string text) =>
        Assert.Contains("has to be a number", Fault($"name: a\nweights: {{w: \"\"}}\n".Replace("\"\"", text.Contains(',') ? $"'{text}'" : text, StringComparison.Ordinal)).Message, StringComparison.Ordinal);

    [Fact]
    public void UnknownKey_Nested_NamesPlaceKeyAllowedKeysAndNearest()
    {
        var fault = Fault("name: a\ntraining:\n  steps: 3\n  lerning_rate: 0.1\n");
        Assert.Equal(
            "quick.yaml:4:3: unknown key 'lerning_rate' in 'training'; allowed keys: steps, warmup, learning_rate, dropout, tokens, clip. Did you mean 'learning_rate'?",
            fault.Message);
        Assert.Equal("Did you mean 'learning_rate'?", fault.Remedy);
    }

    [Fact]
    public void UnknownKey_InListItem_NamesItsIndex() =>
        Assert.StartsWith(
            "quick.yaml:4:5: unknown key 'generation' in 'arms[1]'; allowed keys: name, controller, generations, rungs. Did you mean 'generations'?",
            Fault("name: a\narms:\n  - name: x\n  - generation: 2\n    name: y\n").Message, StringComparison.Ordinal);

    [Fact]
    public void UnknownKey_WithHyphens_SuggestsTheUnderscores() =>
        Assert.Contains("Did you mean 'learning_rate'?", Fault("name: a\ntraining: {learning-rate: 1}").Message, StringComparison.Ordinal);

    [Fact]
    public void UnknownKey_NothingNear_HasNoSuggestion() =>
        Assert.EndsWith("Use one of those.", Fault("name: a\nzzzzzzzzzz: 1").Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0", "0")]
    [InlineData("1.5", "1.5")]
    [InlineData("-1e-3", "-0.001")]
    public void Range_Violated_NamesValueAndRange(string text, string shown) => Assert.Equal(
        $"quick.yaml:3:18: 'training.learning_rate' is {shown}, but the allowed range is (0, 1]. Set a value inside the range.",
        Fault($"name: a\ntraining:\n  learning_rate: {text}\n").Message);

    [Fact]
    public void Range_OnRecordParameter_IsChecked() =>
        Assert.Contains("'arms[0].generations' is 10, but the allowed range is [1, 9]", Fault("name: a\narms: [{name: x, generations: 10}]").Message, StringComparison.Ordinal);

    [Fact]
    public void Range_Unbounded_SaysOrMore() =>
        Assert.Contains("is 0, but the allowed range is 1 or more", Fault("name: a\ntraining: {steps: 0}").Message, StringComparison.Ordinal);

    [Fact]
    public void Enumeration_Misspelt_NamesAllowedAndNearest() => Assert.Equal(
        "quick.yaml:4:17: 'arms[0].controller' is 'fixed-smal', but has to be one of adaptive, fixed-small, fixed-large. Did you mean 'fixed-small'?",
        Fault("name: a\narms:\n  - name: x\n    controller: fixed-smal\n").Message);

    [Fact]
    public void AllowedValues_Violated_NamesThem() => Assert.Equal(
        "quick.yaml:2:14: 'combination' is 'major', but the allowed values are majority, dawid-skene. Did you mean 'majority'?",
        Fault("name: a\ncombination: major").Message);

    [Fact]
    public void DuplicateKey_IsRefused_WithBothPlaces() => Assert.Equal(
        "quick.yaml:3:1: the key 'name' is given twice (first at quick.yaml:1:1). Remove one of the two.",
        Fault("name: a\nthreads: 1\nname: b\n").Message);

    [Fact]
    public void RequiredKey_Missing_IsNamed() => Assert.Equal(
        "quick.yaml:1:1: the recipe lacks the required key 'name'. Add it.", Fault("threads: 1").Message);

    [Fact]
    public void RequiredParameter_Missing_IsNamedWithItsSection() =>
        Assert.StartsWith("quick.yaml:2:8: 'arms[0]' lacks the required key 'name'.", Fault("name: a\narms: [{controller: adaptive}]").Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("null")]
    public void Recipe_Empty_LacksItsRequiredKeys(string yaml) =>
        Assert.Contains("lacks the required key 'name'", Fault(yaml).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("- a\n", "quick.yaml:1:1: the recipe is a list, but has to be a section")]
    [InlineData("name: a\nseeds: 3\n", "quick.yaml:2:8: 'seeds' is '3', but has to be a list ([...]) whose items are each a whole number from 0")]
    [InlineData("name: a\nseeds: [1, -1]\n", "quick.yaml:2:12: 'seeds[1]' is '-1', but has to be a whole number from 0")]
    [InlineData("name: a\nseeds: []\n", "quick.yaml:2:8: 'seeds' has 0 items, but at least 1 are allowed")]
    [InlineData("name: a\nverbose: yes\n", "quick.yaml:2:10: 'verbose' is 'yes', but has to be true or false")]
    [InlineData("name: a\ntraining: 7\n", "quick.yaml:2:11: 'training' is '7', but has to be a section")]
    [InlineData("name:\n", "quick.yaml:1:6: 'name' is empty, but has to be text")]
    [InlineData("name: a\ntraining:\n  steps: 3\n  warmup: 4\n", "quick.yaml:3:3: training: warmup 4 is more than steps 3")]
    [InlineData("name: a\nname2: &x 3\n", "quick.yaml:2:8: the anchor '&x' is used")]
    [InlineData("name: !!str a\n", "quick.yaml:1:7: the tag ")]
    [InlineData("name: a\n---\nname: b\n", "quick.yaml:2:1: a second YAML document starts here")]
    [InlineData("name: [1, 2\n", "quick.yaml:2:1: this is not valid YAML")]
    [InlineData("name: a\n\tthreads: 1\n", "quick.yaml:2:1: this is not valid YAML")]
    public void Recipe_Wrong_NamesThePlace(string yaml, string start) =>
        Assert.StartsWith(start, Fault(yaml).Message, StringComparison.Ordinal);

    [Fact]
    public void Override_OfNestedKey_WinsOverTheFile()
    {
        SampleRecipe recipe = Read(
            "name: a\ntraining: {steps: 20}\narms: [{name: x}, {name: y}]",
            RecipeOverride.Parse("training.steps=40"), RecipeOverride.Parse("arms.1.generations=4"),
            RecipeOverride.Parse("output.folder=there"), new RecipeOverride("seeds", "[4, 5]", "--seed 4,5"), RecipeOverride.Parse("training.learning-rate=0.5"));
        Assert.Equal(40, recipe.Training.Steps);
        Assert.Equal(0.5, recipe.Training.LearningRate);
        Assert.Equal(4, recipe.Arms[1].Generations);
        Assert.Equal("there", recipe.Output!.Folder);
        Assert.Equal([4UL, 5UL], recipe.Seeds);
    }

    [Theory]
    [InlineData("training.steps=0", "--set training.steps=0: 'training.steps' is 0, but the allowed range is 1 or more.")]
    [InlineData("training.stepz=1", "--set training.stepz=1: unknown key 'stepz' in 'training'; ")]
    [InlineData("trainin.steps=1", "--set trainin.steps=1: unknown key 'trainin' in the recipe; ")]
    [InlineData("threads=many", "--set threads=many: 'threads' is 'many', but has to be a whole number")]
    [InlineData("arms.5.name=x", "--set arms.5.name=x: '5' is not an index into the list 'arms', which has 1 items.")]
    [InlineData("name.x=1", "--set name.x=1: 'name' is a value, not a section.")]
    [InlineData("a..b=1", "--set a..b=1: the path 'a..b' has an empty part.")]
    [InlineData("seeds=[1", "--set seeds=[1: this is not valid YAML")]
    public void Override_Wrong_NamesTheFlag(string argument, string start) => Assert.StartsWith(
        start, Fault("name: a\narms: [{name: x}]", RecipeOverride.Parse(argument)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("training.steps")]
    [InlineData("=3")]
    public void Override_WithoutAssignment_IsRefused(string argument) =>
        Assert.Throws<UserFaultException>(() => RecipeOverride.Parse(argument));

    [Fact]
    public void File_Missing_ListsThePresentRecipesAndTheNearest()
    {
        using var folder = new TemporaryFolder();
        folder.Write("quick.yaml", "name: a");
        folder.Write("tiny.yaml", "name: a");
        folder.Write("notes.txt", "");
        var fault = Assert.Throws<UserFaultException>(() => RecipeReader.Read<SampleRecipe>(folder["quik.yaml"]));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains("present: quick.yaml, tiny.yaml.", fault.Message, StringComparison.Ordinal);
        Assert.Equal("Did you mean 'quick.yaml'?", fault.Remedy);
    }

    [Fact]
    public void File_InMissingFolder_IsNamed()
    {
        using var folder = new TemporaryFolder();
        var fault = Assert.Throws<UserFaultException>(() => RecipeReader.Read<SampleRecipe>(folder["no/such/quick.yaml"]));
        Assert.Contains("no folder", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_IsAFolder_IsAFault()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(FaultKind.Usage, Assert.Throws<UserFaultException>(() => RecipeReader.Read<SampleRecipe>(folder.Path)).Kind);
    }

    [Fact]
    public void File_Errors_CarryThePathAsGiven()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("quick.yaml", "name: a\nthreads: 0\n");
        var fault = Assert.Throws<UserFaultException>(() => RecipeReader.Read<SampleRecipe>(path));
        Assert.StartsWith($"{path}:2:10: 'threads' is 0, but the allowed range is [1, 1024].", fault.Message, StringComparison.Ordinal);
    }
}
