using System.ComponentModel.DataAnnotations;
using Tandem.Competence;
using Tandem.Generations;
using Tandem.Signals;
using Tandem.Tensors;
using Tandem.Training.FineTuning;
using Tandem.Worlds;

namespace Tandem.Experiments;

/// <summary>A model that gives labels: a rung of the ladder, taught by a simulated human or by a persona of one.</summary>
public sealed record TaughtModel
{
    /// <summary>The rung.</summary>
    public string Rung { get; init; } = "";

    /// <summary>The kind of violation that the persona who teaches it does not care about: <c>none</c>, <c>owner</c>, <c>container</c> or <c>item</c>.</summary>
    [AllowedValues("none", "owner", "container", "item")]
    public string BlindTo { get; init; } = "none";

    /// <summary>The name in tables.</summary>
    internal string Label => BlindTo == "none" ? Rung : $"{Rung} blind to {BlindTo}";

    internal ViolationChannels Blindness => Enum.Parse<ViolationChannels>(BlindTo, ignoreCase: true);
}

/// <summary>How often the simulated human errs.</summary>
public sealed record HumanErrors
{
    /// <summary>The error rate at depth 1, of each judgement about each option.</summary>
    [Range(0.0, 0.5)]
    public double Rate { get; init; } = 0.03;

    /// <summary>The factor by which it grows with each further level.</summary>
    [Range(1.0, 5.0)]
    public double Growth { get; init; } = 1.6;

    internal SupervisionConfiguration ToSupervision() => new() { HumanErrorRate = Rate, HumanErrorGrowth = Growth };
}

/// <summary>Teaches rungs what a simulated human would choose, and asks models about items; each once in the life of a run directory.</summary>
internal sealed class TaughtModels(Laboratory laboratory, CompetenceConfiguration training, HumanErrors human)
{
    private readonly RungTuning _tuning = new(laboratory, training);

    /// <summary>Fine-tunes a rung on the choices of a persona.</summary>
    /// <param name="key">Names the stage.</param>
    /// <param name="model">Which rung, and what the persona disregards.</param>
    /// <param name="seed">The seed of the persona's errors and of the order of the items.</param>
    /// <param name="items">The items that the persona labels.</param>
    public TrainedModel Teach(string key, TaughtModel model, ulong seed, IReadOnlyList<ChoiceItem> items)
    {
        TrainedModel taught = _tuning.Tune(key, laboratory.Ladder[model.Rung], seed, () =>
        {
            var persona = new SimulatedHuman(human.ToSupervision(), new RandomStream(seed).Fork("persona").Fork(key));
            return [.. items.Select(item => RungTuning.Example(
                item, Targets.OneHot(persona.Label(item, model.Blindness).Good, item.Options.Count)))];
        });
        return taught with { Name = model.Label };
    }

    /// <summary>
    /// Fine-tunes a rung on distributions over the options; items without one are left out. The labels are asked for only if the
    /// stage is computed.
    /// </summary>
    public TrainedModel Train(string key, string rung, ulong seed, IReadOnlyList<ChoiceItem> items, Func<IReadOnlyList<double[]?>> labels) => _tuning.Tune(
        key, laboratory.Ladder[rung], seed, () =>
        [
            .. items.Zip(labels()).Where(pair => pair.Second is not null)
                .Select(pair => RungTuning.Example(pair.First, [.. pair.Second!.Select(p => (float)p)])),
        ]);

    /// <summary>What a model chooses.</summary>
    public int[] Choices(string key, TrainedModel model, IReadOnlyList<ChoiceItem> items) => laboratory.Stage(
        $"choices/{key}", $"{key.Replace('/', ' ')}: choices", 0, _ => laboratory.Score(model, items).Choices(), choices => $"{choices.Length} items");

    /// <summary>Training items of a name.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="name">What they are for.</param>
    /// <param name="without">Items that serve another purpose.</param>
    public IReadOnlyList<ChoiceItem> Draw(int count, ulong seed, string name, params IReadOnlyList<ChoiceItem>[] without) =>
        ItemPool.Questions(laboratory.World, count, new RandomStream(seed).Fork(name), without);
}
