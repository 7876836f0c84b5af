using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class ResolvedRecipeTests
{
    private static readonly string[] Awkward =
        ["", " ", "~", "null", "true", "No", "1", "1e3", "a: b", "# c", "- d", "[x]", "{y}", "'", "\"", "\\", "\n", "\r\n\t", "é", "日本", "😀", "\u0001", "\u2028", "\uFEFF", "@a", "%b", "a b ", "plain-name", "r3@8M", "x/y.z"];

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.Elements(Awkward),
        Gen.Elements(Awkward).ListOf().Select(string.Concat));

    private static readonly Gen<double> Finite = ArbMap.Default.GeneratorFor<double>().Where(double.IsFinite);

    private static readonly Gen<SampleRecipe> Recipes =
        from name in Text
        from comment in Gen.OneOf(Text.Select(t => (string?)t), Gen.Constant<string?>(null))
        from seeds in ArbMap.Default.GeneratorFor<ulong>().NonEmptyListOf()
        from steps in Gen.Choose(10, int.MaxValue)
        from rate in Gen.Choose(1, 1_000_000).Select(i => i / 1_000_000.0)
        from dropout in ArbMap.Default.GeneratorFor<float>().Where(float.IsFinite)
        from tokens in ArbMap.Default.GeneratorFor<long>()
        from clip in Gen.OneOf(Finite.Select(d => (double?)d), Gen.Constant<double?>(null))
        from arms in (from arm in Text
                      from controller in Gen.Elements(Enum.GetValues<GapController>())
                      from generations in Gen.Choose(1, 9)
                      from rungs in Text.ListOf()
                      select new ArmSettings(arm, controller, generations) { Rungs = rungs }).ListOf()
        from weights in Gen.Zip(Text, Finite).ListOf()
        from output in Gen.OneOf(Gen.Constant<OutputSettings?>(null), Text.Select(t => (OutputSettings?)new OutputSettings(t) { Overwrite = true }))
        from verbose in Gen.Elements(true, false)
        select new SampleRecipe
        {
            Name = name,
            Comment = comment,
            Seeds = seeds,
            Training = new TrainingSettings { Steps = steps, LearningRate = rate, Dropout = dropout, Tokens = tokens, Clip = clip },
            Arms = arms,
            Weights = weights.DistinctBy(w => w.Item1).ToDictionary(w => w.Item1, w => w.Item2),
            Output = output,
            Verbose = verbose,
        };

    [Fact]
    public void Recipe_WrittenAndRead_IsTheSame() => Prop.ForAll(Recipes.ToArbitrary(), recipe =>
    {
        ResolvedRecipe resolved = ResolvedRecipe.Of(recipe);
        Recipe<SampleRecipe> again = RecipeReader.Parse<SampleRecipe>(resolved.Yaml, "run.yaml");
        SampleRecipe value = again.Value;
        Assert.Equal(recipe.Seeds, value.Seeds);
        Assert.Equal(recipe.Weights.OrderBy(w => w.Key), value.Weights.OrderBy(w => w.Key));
        Assert.Equal(recipe.Arms.Count, value.Arms.Count);
        for (int i = 0; i < recipe.Arms.Count; i++)
        {
            Assert.Equal(recipe.Arms[i].Rungs, value.Arms[i].Rungs);
            Assert.Equal(recipe.Arms[i], value.Arms[i] with { Rungs = recipe.Arms[i].Rungs });
        }

        Assert.Equal(recipe, value with { Seeds = recipe.Seeds, Weights = recipe.Weights, Arms = recipe.Arms });
        Assert.Equal(resolved.Yaml, again.Resolved.Yaml);
        Assert.Equal(resolved.Identity, again.Resolved.Identity);
        Assert.Equal(resolved.Entries, resolved.EntriesOf(resolved.Yaml, "run.yaml"));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Text_AnyCharacters_RoundTrips() => Prop.ForAll(
        ArbMap.Default.ArbFor<string>(), text =>
        {
            // A lone surrogate is no character and has no form in UTF-8.
            string name = string.Concat((text ?? "").Where(c => !char.IsSurrogate(c)));
            string yaml = ResolvedRecipe.Of(new SampleRecipe { Name = name }).Yaml;
            Assert.Equal(name, RecipeReader.Parse<SampleRecipe>(yaml, "run.yaml").Value.Name);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Yaml_HasEveryDefault()
    {
        string yaml = ResolvedRecipe.Of(new SampleRecipe { Name = "quick" }).Yaml;
        Assert.Equal("""
            name: quick
            seeds: [1]
            threads: 2
            training:
              steps: 300
              warmup: 10
              learning_rate: 0.0003
              dropout: 0
              tokens: 20000000
              clip: 1
            arms:
              -
                name: adaptive
                controller: adaptive
                generations: 3
                rungs: []
            weights: {}
            output: null
            combination: dawid-skene
            verbose: false
            comment: null

            """, yaml);
    }

    [Fact]
    public void Identity_ChangesWithResultsOnly()
    {
        var recipe = new SampleRecipe { Name = "a" };
        string identity = ResolvedRecipe.Of(recipe).Identity;
        Assert.Equal(64, identity.Length);
        Assert.Equal(identity, ResolvedRecipe.Of(recipe with { Threads = 7, Seeds = [1, 2, 3] }).Identity);
        Assert.NotEqual(identity, ResolvedRecipe.Of(recipe with { Name = "b" }).Identity);
        Assert.NotEqual(identity, ResolvedRecipe.Of(recipe with { Training = recipe.Training with { Clip = null } }).Identity);
        Assert.NotEqual(identity, ResolvedRecipe.Of(recipe with { Comment = "null" }).Identity);
    }

    [Fact]
    public void Identity_IgnoresOrderAndSpellingInTheFile()
    {
        string Identity(string yaml) => RecipeReader.Parse<SampleRecipe>(yaml, "x").Resolved.Identity;
        Assert.Equal(
            Identity("name: a\ntraining: {tokens: 20M, steps: 300}"),
            Identity("training:\n  steps: 3e2\n  tokens: 20_000_000\nname: 'a'\n"));
    }

    [Theory]
    [InlineData("steps", "step", 1)]
    [InlineData("ab", "ba", 1)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("", "abc", 3)]
    public void Distance_OfTwoNames_CountsEdits(string a, string b, int distance)
    {
        Assert.Equal(distance, NearestName.Distance(a, b));
        Assert.Equal(distance, NearestName.Distance(b, a));
    }
}
