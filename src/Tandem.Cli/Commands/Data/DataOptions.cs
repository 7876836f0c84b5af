using System.CommandLine;
using Tandem.Datasets;
using Tandem.Tensors;

namespace Tandem.Cli.Commands.Data;

/// <summary>The options by which a data set is chosen, the same for every verb that reads one.</summary>
internal sealed class DataOptions
{
    public Argument<string> Target { get; } = new("data") { Description = "A name from 'tandem data list' (then --path says where its files are), or a file, folder or pattern." };

    public Option<string?> Path { get; } = new("--path", "-p") { Description = "The file, folder or pattern (data/*.jsonl) with the set's files." };

    public Option<string> Format { get; } = new("--format", "-f")
    {
        Description = $"How the rows are laid out: {DataFormats.Automatic} (by name, else from the first rows), or one of {string.Join(", ", DataFormats.All.Select(f => f.Name))}.",
        DefaultValueFactory = _ => DataFormats.Automatic,
    };

    public Option<string?> Split { get; } = new("--split") { Description = "Of a folder, the files named after this split: train, validation, test." };

    public Option<int?> Limit { get; } = new("--limit", "-n") { Description = "The most records to take: the first ones, or with --seed a uniform sample." };

    public Option<ulong?> Seed { get; } = new("--seed") { Description = "Sample with this seed instead of taking the first records." };

    public Option<bool> Json { get; } = new("--json") { Description = "Print JSON." };

    public DatasetRequest Request(ParseResult parsed) => Request(
        parsed.GetValue(Target)!, parsed.GetValue(Path), parsed.GetValue(Format)!, parsed.GetValue(Split), parsed.GetValue(Limit), parsed.GetValue(Seed));

    public static DatasetRequest Request(string target, string? path, string format, string? split, int? limit, ulong? seed)
    {
        DataSetEntry? known = DataSets.Find(target);
        if (known is null && path is not null)
            known = DataSets.Named(target);
        if (known is not null && path is null && !File.Exists(target) && !Directory.Exists(target))
        {
            throw new UserFaultException(
                $"Where the files of {known.Name} are is not said.",
                $"Fetch them from {known.Home}, then: --path FILE.", FaultKind.Usage);
        }

        return new DatasetRequest(path ?? target)
        {
            Name = path is null ? null : known?.Name,
            Format = format,
            Split = split,
            Limit = limit,
            Seed = seed,
        };
    }
}
