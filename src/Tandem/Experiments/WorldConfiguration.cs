using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Tandem.Datasets;
using Tandem.Datasets.Hub;
using Tandem.Language;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.TextWorld;
using Tandem.Tuning;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Experiments;

/// <summary>The items of an experiment, and the models that answer them.</summary>
public record WorldConfiguration
{
    private static readonly JsonSerializerOptions s_indented = new(RunJson.Options) { WriteIndented = true };

    /// <summary>The task family: one of <see cref="TaskFamilies"/>, or <c>text</c> for data and models of one's own.</summary>
    public string Family { get; init; } = "chains";

    /// <summary>A directory with a ladder made by <c>tandem train pretrain</c>; empty for the family's embedded one. Not for text.</summary>
    public string LadderDirectory { get; init; } = "";

    /// <summary>
    /// For text, the models: directories in Hugging Face's layout, or names in the hub's cache, that read the same tokens. A
    /// rung is named by the last part of its path: <c>small</c> for <c>models/small</c>; white space in it becomes a hyphen.
    /// </summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>For text, the data: questions with options, pairs of replies, or debates.</summary>
    public DataSettings Data { get; init; } = new();

    /// <summary>For text with pairs of replies, what the rejected one is.</summary>
    public RejectedReply Rejected { get; init; } = RejectedReply.Auto;

    /// <summary>For text, the most tokens of an item; a longer context loses its beginning.</summary>
    [Range(16, 1_000_000)]
    public int MaximumTokens { get; init; } = 384;

    /// <summary>For text, the seed of the order of options and of the sample that <c>data.limit</c> takes: the same for all seeds of a run.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The family and the ladder.</summary>
    /// <exception cref="UserFaultException">There is no such family, ladder, model or data.</exception>
    public (ITaskFamily World, ModelLadder Ladder) Open()
    {
        bool text = Family == TextFamily.FamilyName;
        if (text ? LadderDirectory.Length > 0 : Models.Count > 0 || Data.Path.Length > 0)
        {
            throw new UserFaultException(
                text ? $"world.ladder_directory is {LadderDirectory}, and the family text takes models by world.models."
                    : $"world.models and world.data are for the family text, and world.family is {Family}.",
                "Correct world.family, or leave the other out.", FaultKind.Usage);
        }

        return text ? OpenText()
            : (TaskFamilies.Named(Family), LadderDirectory.Length == 0 ? ModelLadder.Embedded(Family) : ModelLadder.FromDirectory(LadderDirectory));
    }

    /// <summary>Writes the card of items and models from files of one's own into a run directory.</summary>
    /// <param name="run">The directory.</param>
    /// <param name="world">The family.</param>
    /// <param name="ladder">The ladder.</param>
    /// <param name="name">Which of several worlds of the run it is; empty for the only one.</param>
    /// <exception cref="UserFaultException">The run was begun with other items or models.</exception>
    public static void Keep(RunDirectory run, ITaskFamily world, ModelLadder ladder, string name = "")
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(ladder);
        if (world is TextFamily { Data: { } data } text)
            run.WriteOnce(WorldCard.FileOf(name), JsonSerializer.Serialize(WorldCard.Of(text, data, ladder), s_indented) + "\n", "the data or a model of the world");
    }

    private (ITaskFamily World, ModelLadder Ladder) OpenText()
    {
        if (Data.Path.Length == 0)
            throw new UserFaultException("The world names no data: world.data.path is empty.", "Name a file: --set world.data.path=FILE.", FaultKind.Usage);
        ModelLadder ladder = ModelLadder.FromCheckpoints([.. Models.Select(model => (NameOf(model), ModelLocation.Resolve(model)))]);
        ITokenizer tokenizer = SharedTokenizer.Of(ladder.Manifest.Rungs, MaximumTokens);
        LoadedDataset loaded = DatasetLoader.Load(TuningData.Request(Data, Seed));
        string source = loaded.Entry?.Name ?? Path.GetFileName(Data.Path);
        return (new TextFamily(source, loaded.Records, Rejected, tokenizer, MaximumTokens, Seed) { Data = DataCardBuilder.Build(loaded, Data.Path) }, ladder);
    }

    // The last part of a path, or of organization/name@revision.
    private static string NameOf(string model)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));
        int at = name.LastIndexOf('@');
        return StageKey.Part(Directory.Exists(model) || at < 0 ? name : name[..at]);
    }
}
