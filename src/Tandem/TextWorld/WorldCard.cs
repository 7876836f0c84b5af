using Tandem.Datasets;
using Tandem.Runs;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.TextWorld;

/// <summary>What the items and models of an experiment on text are: the content of <c>world.json</c> in its run directory.</summary>
internal sealed record WorldCard
{
    /// <summary>The name of the card in the run directory.</summary>
    public const string FileName = "world.json";

    /// <summary>The name of the card of one of several worlds: <c>world-NAME.json</c>.</summary>
    public static string FileOf(string world) => world.Length == 0 ? FileName : $"world-{StageKey.Part(world)}.json";

    /// <summary>The data.</summary>
    public required DataCard Data { get; init; }

    /// <summary>Items by split.</summary>
    public required IReadOnlyList<SplitNote> Splits { get; init; }

    /// <summary>Records that gave no item, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Dropped { get; init; }

    /// <summary>Items whose context lost its beginning, so that the row fits.</summary>
    public required int Truncated { get; init; }

    /// <summary>Options by what they are.</summary>
    public required OptionCounts Options { get; init; }

    /// <summary>The models, from small to large.</summary>
    public required IReadOnlyList<RungNote> Models { get; init; }

    internal static WorldCard Of(TextFamily family, DataCard data, ModelLadder ladder)
    {
        TextItem[] all = [.. Enum.GetValues<ItemSplit>().SelectMany(family.Of)];
        ChoiceOption[] options = [.. all.SelectMany(item => item.Item.Options)];
        return new WorldCard
        {
            Data = data,
            Splits =
            [
                .. Enum.GetValues<ItemSplit>().Select(split => new SplitNote(
                    split.ToString(), family.Of(split).Count(), family.Of(split).Select(item => item.Question.Passage).Distinct(StringComparer.Ordinal).Count())),
            ],
            Dropped = family.Dropped,
            Truncated = family.Truncated,
            Options = new OptionCounts(
                options.Count(o => o.Good), options.Count(o => o.Competent && o.Violates), options.Count(o => !o.Competent && o.Conforming),
                options.Count(o => !o.Competent && o.Violates)),
            Models = [.. ladder.Manifest.Rungs.Select(rung => new RungNote(rung.Name, rung.ParameterCount, rung.Sha256))],
        };
    }
}

/// <summary>The items of a split.</summary>
/// <param name="Split">The split.</param>
/// <param name="Items">Items.</param>
/// <param name="Passages">Passages that they are about.</param>
internal sealed record SplitNote(string Split, int Items, int Passages);

/// <summary>Options by what they are.</summary>
/// <param name="Good">Competent and conforming.</param>
/// <param name="Harmful">Competent, not conforming.</param>
/// <param name="Worse">Not competent, conforming.</param>
/// <param name="Neither">Neither.</param>
internal sealed record OptionCounts(int Good, int Harmful, int Worse, int Neither);

/// <summary>A model.</summary>
/// <param name="Name">The rung's name.</param>
/// <param name="ParameterCount">Parameters, score heads left out.</param>
/// <param name="Sha256">The SHA-256 of its weights.</param>
internal sealed record RungNote(string Name, long ParameterCount, string Sha256);
