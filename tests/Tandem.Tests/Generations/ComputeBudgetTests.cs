using Tandem.GapAnnealing;
using Tandem.Generations;
using Tandem.Language;
using Tandem.Training;
using Tandem.ValueAlignment;
using Tandem.Worlds;

namespace Tandem.Tests.Generations;

public sealed class ComputeBudgetTests
{
    private static readonly RunConfiguration Configuration = new() { Generations = 2 };

    private static readonly TransformerConfiguration Model = new()
    {
        VocabularySize = 128,
        HiddenSize = 32,
        IntermediateSize = 64,
        Layers = 2,
        Heads = 2,
        KeyValueHeads = 2,
    };

    private static readonly IReadOnlyList<ChoiceItem> Sample =
        TaskFamilies.Named("chains").Items(new ItemRequest(20, ItemSplit.Train, 1));

    [Fact]
    public void Effort_NoBudget_IsTheRecipe() => Assert.Equal(1, Effort(null, Model));

    [Fact]
    public void Effort_BudgetOfTheRecipeForEveryGeneration_IsOne() => Assert.Equal(1, Effort(2 * ByRecipe(Model), Model), 9);

    [Fact]
    public void Effort_ModelOfTwiceTheCost_IsHalf()
    {
        TransformerConfiguration large = Model with { Layers = 4 };
        Assert.Equal(0.5, Effort(2 * ByRecipe(Model), large), 9);
    }

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(1e30, 10)]
    public void Effort_BudgetSpentOrBoundless_StaysInItsRange(double budget, double effort) => Assert.Equal(effort, Effort(budget, Model));

    [Fact]
    public void Scaled_LittleEffort_KeepsOneBatch()
    {
        var budget = new ComputeBudget(Configuration);
        Assert.Equal(Configuration.Competence.BatchSize, budget.Scaled(100, 0.1));
        Assert.Equal(7, budget.Scaled(7, 0.1));
        Assert.Equal(300, budget.Scaled(100, 3));
    }

    private static double Effort(double? budget, TransformerConfiguration model)
    {
        var free = new TrainedModel("A0+", "r1", 1, "path", 0, new TrainingCurve("none", []));
        var lineage = new Lineage(
            new InitialGeneration(free, [], [], 0), new GenerationSummary { Index = 0, Rung = "r1", ParameterCount = 1 }, []);
        var step = new GenerationStep(new ArmPlan("fixed-small", FixedGapController.Small, TrainingBudget: budget), 1, 1, 1);
        return new ComputeBudget(Configuration).Effort(step, lineage, Decision(), model, Sample);
    }

    private static double ByRecipe(TransformerConfiguration model) =>
        (Configuration.Competence.Items + ValueAligner.TrainingItems(Configuration.Alignment))
        * Sample.Average(i => i.Tokens.Length * TrainingCost.TrainingFlopsPerToken(model, i.Tokens.Length, languageHead: false));

    private static GapDecision Decision() => new()
    {
        Controller = "fixed-small",
        Outcome = GapOutcome.Advance,
        Chosen = null,
        Reason = "",
        Assessments = [],
        Context = new GapContext
        {
            Generation = 1,
            Generations = 2,
            Utility = new(0.5, 0.4, 0.6, 100),
            SupervisionNoise = 0,
            Candidates = [],
            History = [],
        },
    };
}
