using Tandem.Generations;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Worlds;
using Tandem.Worlds.Relational;

namespace Tandem.Tests.Signals;

public sealed class SupervisionTests
{
    private const double SourceAccuracy = 0.7;
    private static readonly RelationalWorld World = new();
    private static readonly IReadOnlyList<ChoiceItem> Calibration = World.Items(new ItemRequest(600, ItemSplit.Calibration, 1));
    private static readonly IReadOnlyList<ChoiceItem> Pool = World.Items(new ItemRequest(600, ItemSplit.Train, 1));

    [Theory]
    [InlineData("stacked")]
    [InlineData("dawid-skene")]
    [InlineData("majority")]
    public void Collect_HumanThatLabelsEverything_IsNotTakenForTheModels(string combination)
    {
        Supervision supervision = Collect(combination, budget: 600);
        Assert.DoesNotContain(null, supervision.Calibration.Posteriors);
        Assert.Equal(Calibration.Count, supervision.Summary.CombinedAccuracy.Count);
        Assert.InRange(supervision.Summary.CombinedAccuracy.Value, SourceAccuracy - 0.1, 0.9);
    }

    [Fact]
    public void Collect_StackedLabels_AreTheHumansWhereThereAreAndTheirNoiseIsTheModels()
    {
        Supervision none = Collect("stacked", budget: 100), all = Collect("stacked", budget: 600);
        Assert.Equal(1, all.Labels.Posteriors.Average(row => row!.Max()), 12);
        Assert.Equal(none.Labels.ExpectedErrorRate!.Value, all.Labels.ExpectedErrorRate!.Value, 0.05);
        Assert.InRange(all.Labels.ExpectedErrorRate.Value, 0.1, 0.5);
    }

    private static Supervision Collect(string combination, int budget) => Supervision.Collect(
        [new NoisySource("a"), new NoisySource("b"), new HumanSource(new SupervisionConfiguration(), budget)],
        Pool, SupervisionQuestion.Competence, Calibration, combination, new RandomStream(1));

    // Right with a fixed rate, and never surer than that.
    private sealed class NoisySource(string name) : ISignalSource<ChoiceItem>
    {
        public string Name => name;

        public SourceLabels Label(SupervisionRequest<ChoiceItem> request) => new(
            name, request.Question, [.. request.Items.Select(item => Row(item, request.Random))]);

        private static float[] Row(ChoiceItem item, RandomStream random)
        {
            int best = Enumerable.Range(0, item.Options.Count).MaxBy(k => item.Options[k].Payoff);
            int vote = random.NextBoolean(SourceAccuracy) ? best : random.NextInt32(item.Options.Count);
            return [.. item.Options.Select((_, k) => k == vote ? 0.7f : 0.1f)];
        }
    }
}
