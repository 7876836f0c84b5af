using Tandem.Competence;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Generations;

/// <summary>
/// Generation 0: A⁺_0 and the side models are fine-tuned on the simulated human's labels, all on the same items, so
/// that the label budget of every arm is the same and known.
/// </summary>
public sealed class FirstGeneration(Laboratory laboratory)
{
    private static readonly ViolationChannels[] Blindnesses =
        [ViolationChannels.Owner, ViolationChannels.Container, ViolationChannels.Item];

    /// <summary>Trains A⁺_0, an older and a differently trained model, and three persona judges.</summary>
    public InitialGeneration Train(StageScope stage, RandomStream random)
    {
        RunConfiguration configuration = laboratory.Configuration;
        IReadOnlyList<ChoiceItem> items = Items(random);
        var human = new SimulatedHuman(configuration.Supervision, random.Fork("human"));
        OptionExample[] plain = [.. items.Select(item => Example(item, human.Label(item)))];

        LadderRung first = laboratory.Ladder[configuration.Ladder.First];
        TrainedModel model = Tune(stage, "A0+", first, plain, configuration.Competence, random);
        TrainedModel[] others =
        [
            Tune(stage, "older", Older(first), plain, configuration.Competence, random),
            Tune(stage, "differently-trained", first, plain, configuration.Competence with { MuonLearningRate = 0, Epochs = 2 }, random),
        ];
        var judges = new List<TrainedModel>();
        int labels = human.LabelsGiven;
        foreach (ViolationChannels blindTo in Blindnesses)
        {
            // A persona weighs the norms in its own way: it answers the same questions, blind to one channel.
            var persona = new SimulatedHuman(configuration.Supervision, random.Fork("persona", (ulong)blindTo));
            OptionExample[] judged = [.. items.Select(item => Example(item, persona.Label(item, blindTo)))];
            labels += persona.LabelsGiven;
            judges.Add(Tune(stage, $"persona-blind-to-{blindTo.ToString().ToLowerInvariant()}", first, judged, configuration.Competence, random));
        }

        return new InitialGeneration(model, others, judges, labels);
    }

    /// <summary>The items that the simulated human labels.</summary>
    /// <param name="random">The stage's randomness.</param>
    public IReadOnlyList<ChoiceItem> Items(RandomStream random) => ItemPool.Draw(
        laboratory.World, laboratory.Configuration.Supervision.InitialHumanLabels, laboratory.Configuration.Competence.DecisionShare,
        random.Fork("pool"));

    private TrainedModel Tune(
        StageScope stage, string name, LadderRung rung, IReadOnlyList<OptionExample> examples, CompetenceConfiguration recipe, RandomStream random)
    {
        ulong seed = random.Fork("order " + name).NextUInt64();
        return FineTuning.Train(
            laboratory, stage, name, rung.Name, FineTuning.Start(laboratory, rung, recipe, seed), examples, FineTuning.Settings(recipe, name, seed));
    }

    private LadderRung Older(LadderRung rung) =>
        laboratory.Ladder.Manifest.Rungs.FirstOrDefault(r => r.Name.StartsWith(rung.Name + "@", StringComparison.Ordinal))
        ?? laboratory.Ladder.Manifest.Rungs[0];

    private static OptionExample Example(ChoiceItem item, HumanLabel label) => new(item.Tokens, item.ScorePositions)
    {
        Choice = Targets.OneHot(label.Good, item.Options.Count),
        Competence = Targets.OneHot(label.MostCompetent, item.Options.Count),
        Violation = [.. label.Violations.Select(v => v ? 1f : 0f)],
    };
}
