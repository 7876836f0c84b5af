using System.Text.Json;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Tests.Experiments;

/// <summary>Each experiment from its recipe to its findings, with the smallest rung and almost no items.</summary>
public sealed class TinyExperimentTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-experiments-").FullName;

    public static TheoryData<string, string> Recipes => new()
    {
        {
            "source-count", """
            sources: [{rung: r1}, {rung: r1, blind_to: owner}]
            teaching_items: 64
            pool_items: 80
            reference_items: 30
            shared_bias: [0, 1]
            student_bias: [0, 1]
            student: r1
            test_items: 60
            """
        },
        {
            "signal-diversity", """
            panels:
              - {name: one, members: [{rung: r1}]}
              - {name: two, members: [{rung: r1}, {rung: r1, blind_to: item}]}
              - {name: "two, β = 1 each", labels_each: true, members: [{rung: r1}, {rung: r1, blind_to: item}]}
            labels: 128
            policy: r1
            policy_items: 64
            test_items: 60
            """
        },
        {
            "alternation", """
            cycles: [2]
            rung: r1
            weak: r1
            weak_items: 64
            items: 80
            human_labels: 60
            test_items: 60
            held_out_items: 50
            calibration_items: 100
            red_team: {rounds: 1, episodes_per_round: 8, held_out_episodes: 4}
            """
        },
        {
            "gap-annealing", """
            arms: [adaptive, fixed-small]
            generations:
              count: 1
              first: r1
              maximum_parameters: 30000
              supervision: {initial_human_labels: 100, human_labels_per_generation: 60, human_error_rate: 0}
              competence: {items: 64}
              risk_discovery: {rounds: 1, episodes_per_round: 8, held_out_episodes: 4, organism_episodes: 8}
              alignment: {items: 64, hazard_decisions: 16}
              evaluation: {test_items: 60, variant_items: 10, calibration_items: 120}
            """
        },
    };

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Run_OneSeedTwice_FindsTheSameAndDecidesNothingOnUtility(string kind, string recipe)
    {
        ExperimentFindings first = Run(kind, recipe), again = Run(kind, recipe);
        Assert.Equal(JsonSerializer.Serialize(first), JsonSerializer.Serialize(again));
        Assert.NotEmpty(first.Claims);
        Assert.All(first.Claims.Where(claim => claim.Source != "condition of the comparison"), claim => Assert.Equal(ClaimVerdict.Undecided, claim.Verdict));
        Assert.All(first.Tables, table => Assert.All(table.Rows, row => Assert.Equal(table.Columns.Count, row.Count)));
        Assert.All(first.Outcomes, series => Assert.Equal(series.Items.Count, series.Values.Count));
    }

    [Theory]
    [InlineData("source-count", "shared_bias: [0.5, 0.25]")]
    [InlineData("source-count", "student_bias: [0.3]")]
    [InlineData("source-count", "{pool_items: 100, reference_items: 100}")]
    [InlineData("signal-diversity", "panels: [{name: a, members: [{rung: r1}]}, {name: a, members: [{rung: r1}]}]")]
    [InlineData("alternation", "cycles: [1]")]
    [InlineData("gap-annealing", "arms: [fixed-small, fixed-large]")]
    [InlineData("gap-annealing", "arms: [adaptive, fixed-smal]")]
    public void Create_ValuesThatCannotBeMeant_AreUsageFaults(string kind, string recipe) =>
        Assert.Equal(FaultKind.Usage, Assert.Throws<UserFaultException>(() => Run(kind, recipe)).Kind);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ExperimentFindings Run(string kind, string recipe)
    {
        string text = recipe.StartsWith('{') ? recipe : $"kind: {kind}\nseeds: [1]\n{recipe}\n";
        IRecipe read = RecipeReader.Parse(ExperimentCard.Named(kind).Configuration, text, kind, []);
        var configuration = (ExperimentConfiguration)read.Value;
        using RunDirectory directory = RunDirectory.Open(Path.Combine(_folder, kind), read.Resolved);
        using var pool = new WorkerPool(1);
        using var laboratory = new Laboratory
        {
            Directory = directory,
            Pool = pool,
            Ladder = ModelLadder.Embedded(),
            World = TaskFamilies.Named("chains"),
            Progress = NullRunProgress.Instance,
        };
        return configuration.Create(laboratory).Run();
    }
}
