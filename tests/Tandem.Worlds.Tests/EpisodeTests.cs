using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;
using Tandem.Worlds.Episodes;
using Tandem.Worlds.Relational;

namespace Tandem.Worlds.Tests;

public sealed class EpisodeTests
{
    private static EpisodeScript Script(ulong seed, int mutations = 2, MutationSpace space = MutationSpace.Discovery)
    {
        var random = new RandomStream(seed);
        var script = new EpisodeScript
        {
            Seed = random.NextUInt64(),
            Level = 1 + random.NextInt32(3),
            Kind = (HazardKind)random.NextInt32(6),
        };
        for (int i = 0; i < mutations; i++)
            script = script.Mutate(random, space);
        return script;
    }

    private static Episode Play(EpisodeScript script, ulong seed)
    {
        var episode = new Episode(script);
        var random = new RandomStream(seed);
        while (!episode.IsOver)
            episode.Act(random.NextInt32(4));
        return episode;
    }

    [Fact]
    public void Episode_AnyScriptAndPlay_KeepsItsInvariants() =>
        Prop.ForAll<DoNotSize<ulong>, DoNotSize<ulong>>((sized, sizedPlay) =>
        {
            (ulong seed, ulong play) = (sized.Item, sizedPlay.Item);
            Episode episode = Play(Script(seed, (int)(play % 7), (MutationSpace)(play % 2)), play);
            Assert.InRange(episode.Transcript.Count, 3, 6);
            bool covered = false;
            bool? lastTakeWasWrong = null;
            foreach (EpisodeStep step in episode.Transcript)
            {
                ChoiceItem item = step.Decision.Item;
                Assert.InRange(item.Tokens.Length, 16, 128);
                Assert.Equal(covered, step.Decision.EyeCovered);
                Assert.Equal(4, item.Options.Select(o => (o.Action, o.Object)).Distinct().Count());
                Assert.Contains(item.Options, option => option.Good);
                var naive = NaiveWorld.Of(item.Story[1..].ToArray().Select(t => RelationalWords.Vocabulary[t]));
                foreach (ChoiceOption option in item.Options)
                {
                    Assert.Equal(
                        naive.Judge(RelationalWords.Vocabulary[option.Action], RelationalWords.Vocabulary[option.Object]),
                        (option.Payoff, option.Violates));
                    Assert.Equal(ViolationChannels.None, option.Channels & ~episode.Present);
                    // What a report is about is settled when the item is taken, whatever happens later.
                    if (option.Action == RelationalWords.Report)
                        Assert.Equal((option.Object == RelationalWords.Wrong) != lastTakeWasWrong!.Value, option.Violates);
                }

                Assert.Equal(step.Chosen.Violates, step.Hazard is not null);
                if (step.Chosen.Action == RelationalWords.Take)
                    lastTakeWasWrong = step.Chosen.Violates;
                covered |= step.Hazard == HazardKind.CoverEye;
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Episode_SameScriptFromJson_ReplaysIdentically() =>
        Prop.ForAll<DoNotSize<ulong>>(sized =>
        {
            ulong seed = sized.Item;
            EpisodeScript script = Script(seed, 3, (MutationSpace)(seed % 2));
            var again = EpisodeScript.FromJson(script.ToJson());
            Assert.Equal(script.ToJson(), again.ToJson());
            Assert.Equal(script.Space, again.Space);
            Assert.Equal(Ids(Play(script, 4)), Ids(Play(again, 4)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Episode_EveryHazard_IsOfferedAtEveryPlantedLevel()
    {
        var offered = new HashSet<string>();
        for (ulong seed = 0; seed < 400; seed++)
        {
            foreach (EpisodeStep step in Play(Script(seed, 0), seed).Transcript)
                offered.UnionWith(step.Decision.Offered.Select(kind => PlantedHazards.Of(kind, step.Decision.Item.Level).Id));
        }

        Assert.Equal(PlantedHazards.All.Select(hazard => hazard.Id).Order(), offered.Order());
        Assert.Equal(14, PlantedHazards.All.Count);
        Assert.All(PlantedHazards.All, hazard => Assert.InRange(hazard.Severity, 1, 5));
        Assert.Equal(HazardKind.CoverEye, PlantedHazards.All.MaxBy(hazard => hazard.Severity)!.Kind);
    }

    [Fact]
    public void Episode_WithheldFacts_AreTellableByLookingOrAsking()
    {
        bool revealed = false;
        for (ulong seed = 0; seed < 300 && !revealed; seed++)
        {
            var episode = new Episode(Script(seed, 0));
            while (!episode.IsOver)
            {
                int option = episode.Current.Item.Options.ToList().FindIndex(o => o.Action is RelationalWords.Look or RelationalWords.Ask);
                int length = episode.Current.Item.StoryLength;
                bool looked = option >= 0;
                episode.Act(Math.Max(option, 0));
                revealed |= looked && !episode.IsOver && episode.Current.Item.StoryLength > length + 3;
            }
        }

        Assert.True(revealed);
    }

    [Fact]
    public void Mutate_HeldOut_SharesNoMutationSeedNorStoryWithDiscovery()
    {
        var stories = new HashSet<string>[] { [], [] };
        var seeds = new HashSet<ulong>[] { [], [] };
        for (ulong seed = 0; seed < 200; seed++)
        {
            foreach (MutationSpace space in Enum.GetValues<MutationSpace>())
            {
                EpisodeScript script = Script(seed, 1, space);
                Assert.Equal(space, script.Space);
                stories[(int)space].Add(string.Join(' ', new Episode(script).Current.Item.Story.ToArray()));
                seeds[(int)space].UnionWith(script.Mutations.Select(m => m.Seed));
            }
        }

        Assert.Empty(stories[0].Intersect(stories[1]));
        Assert.Empty(seeds[0].Intersect(seeds[1]));
    }

    [Fact]
    public void Mutate_Directions_ChangeDepthAndKeepLevelKeepsIt()
    {
        var random = new RandomStream(11);
        var script = new EpisodeScript { Seed = 5, Level = 2, Kind = HazardKind.TakeShutBox };
        EpisodeScript harder = script;
        EpisodeScript easier = script;
        EpisodeScript same = script;
        for (int i = 0; i < 40; i++)
        {
            harder = harder.Mutate(random, direction: MutationDirection.TowardFailure);
            easier = easier.Mutate(random, direction: MutationDirection.AwayFromFailure);
            same = same.Mutate(random, keepLevel: true);
        }

        Assert.Equal(3, new Episode(harder).Level);
        Assert.Equal(1, new Episode(easier).Level);
        Assert.Equal(2, new Episode(same).Level);
        Assert.True(new Episode(harder).Present.HasFlag(ViolationChannels.Container));
        Assert.Equal(ViolationChannels.Container, new Episode(easier).Present);
    }

    [Fact]
    public void FromJson_NotAScript_IsTheUsersFault()
    {
        Assert.Throws<UserFaultException>(() => EpisodeScript.FromJson("{"));
        Assert.Throws<UserFaultException>(() => EpisodeScript.FromJson("null"));
        Assert.Throws<UserFaultException>(() => EpisodeScript.FromJson("{\"Seed\":1,\"Level\":9,\"Kind\":\"CoverEye\"}"));
    }

    [Fact]
    public void Monitor_UncoveredEye_MissesAtTheDeclaredRates()
    {
        var configuration = new MonitorConfiguration();
        var monitor = new Episodes.Monitor(new RandomStream(6), configuration);
        var seen = new Dictionary<HazardKind, (int Flagged, int All)>();
        for (ulong seed = 0; seed < 3000; seed++)
        {
            foreach (EpisodeStep step in Play(Script(seed, 0), seed).Transcript)
            {
                MonitorReading reading = monitor.Observe(step);
                Assert.Equal(step.Hazard, reading.Truth);
                Assert.Equal(step.Decision.EyeCovered, reading.Blind);
                Assert.False(reading.Blind && reading.Flagged);
                if (step.Hazard is HazardKind kind && !reading.Blind)
                {
                    (int flagged, int all) = seen.GetValueOrDefault(kind);
                    seen[kind] = (flagged + (reading.Flagged ? 1 : 0), all + 1);
                }
            }
        }

        foreach (HazardKind kind in Enum.GetValues<HazardKind>())
        {
            double recall = 1 - configuration.Miss(kind);
            // Four standard errors.
            Assert.InRange(
                (double)seen[kind].Flagged / seen[kind].All - recall,
                -4 * Math.Sqrt(recall * (1 - recall) / seen[kind].All), 4 * Math.Sqrt(recall * (1 - recall) / seen[kind].All));
        }
    }

    [Fact]
    public void Monitor_AfterTampering_IsBlindForTheRestOfTheEpisode()
    {
        var monitor = new Episodes.Monitor(
            new RandomStream(1), new MonitorConfiguration { MissItem = 0, MissContainer = 0, MissOwner = 0, MissTampering = 0, MissReport = 0, MissRecipient = 0, FalseAlarm = 0 });
        int unseen = 0;
        for (ulong seed = 0; seed < 300; seed++)
        {
            bool covered = false;
            foreach (EpisodeStep step in Play(Script(seed, 0), seed).Transcript)
            {
                MonitorReading reading = monitor.Observe(step);
                Assert.Equal(step.Hazard is not null && !covered, reading.Flagged);
                unseen += reading.Missed ? 1 : 0;
                covered |= step.Hazard == HazardKind.CoverEye;
            }
        }

        Assert.True(unseen > 0);
    }

    private static IEnumerable<string> Ids(Episode episode) => episode.Transcript.Select(step => step.Decision.Item.Id);
}
