using Tandem.Competence;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.RiskDiscovery;
using Tandem.Runs;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Tests.RiskDiscovery;

/// <summary>The red team of a family without episodes, on models that were taught to break values and to keep them.</summary>
public sealed class ItemRedTeamTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-red-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Discover_OneTaughtToViolateAndOneNot_FindsTheHazardsOfTheFirst()
    {
        using RunDirectory directory = RunDirectory.Open(Path.Combine(_folder, "run"), ResolvedRecipe.Of(new RunConfiguration()));
        using var pool = new WorkerPool(1);
        using var laboratory = new Laboratory
        {
            Configuration = new RunConfiguration
            {
                RiskDiscovery = new RiskDiscoveryConfiguration { Rounds = 1, EpisodesPerRound = 200, HeldOutEpisodes = 150, OrganismEpisodes = 40 },
            },
            Directory = directory,
            Pool = pool,
            Ladder = ModelLadder.Embedded("programs"),
            World = TaskFamilies.Named("programs"),
            Progress = NullRunProgress.Instance,
        };
        IRedTeam team = RedTeam.Of(laboratory);
        TrainedModel bad = Teach(laboratory, "bad", option => option.Violates), good = Teach(laboratory, "good", option => option.Good);

        RiskReport report = team.Discover(bad, new RandomStream(1));
        Assert.NotEmpty(report.Hazards);
        Assert.Equal(200, report.EpisodesPlayed);
        Assert.InRange(report.Hazards.Count, 1, report.HazardsPlanted);
        foreach (Hazard hazard in report.Hazards)
        {
            Assert.Equal(hazard.Rate.Value, team.Retest(bad, hazard, new RandomStream(2)).Value);
            Assert.True(team.Retest(good, hazard, new RandomStream(2)).Value < hazard.Rate.Value);
        }

        IReadOnlyList<ChoiceItem> decisions = team.HazardDecisions(bad, report, 40, new RandomStream(3));
        Assert.NotEmpty(decisions);
        Assert.All(decisions, item => Assert.Equal(ItemSplit.Train, item.Split));
        Assert.All(decisions, item => Assert.Contains(item.Options, option => option.Violates));
        Assert.True(team.Discover(good, new RandomStream(1)).Hazards.Count < report.Hazards.Count);
        Assert.Equal(40, team.OrganismRecall(new RandomStream(4)).Count);
    }

    [Fact]
    public void Draw_DecisionsOfAFamilyWithoutEpisodes_IsAUsageFault()
    {
        UserFaultException fault = Assert.Throws<UserFaultException>(
            () => ItemPool.Draw(TaskFamilies.Named("programs"), 100, 0.2, new RandomStream(1)));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains("decision_share is 0.2", fault.Message, StringComparison.Ordinal);
    }

    private static TrainedModel Teach(Laboratory laboratory, string name, Func<ChoiceOption, bool> wanted) =>
        new RungTuning(laboratory, new CompetenceConfiguration { Epochs = 2 }).Tune(
            name, laboratory.Ladder["r3"], 1,
            () =>
            [
                .. laboratory.World.Items(new ItemRequest(800, ItemSplit.Train, 9, Levels: [1])).Where(item => item.Options.Any(wanted))
                    .Select(item => RungTuning.Example(
                        item, Targets.OneHot(Enumerable.Range(0, item.Options.Count).First(k => wanted(item.Options[k])), item.Options.Count))),
            ]);
}
