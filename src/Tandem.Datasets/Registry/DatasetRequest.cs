namespace Tandem.Datasets;

/// <summary>What to load.</summary>
/// <param name="Path">A file, a folder, or a pattern such as <c>data/*.jsonl</c> (<c>**</c> for all folders below).</param>
public sealed record DatasetRequest(string Path)
{
    /// <summary>The name in <see cref="DataSets"/> that the files belong to; it gives the format, the licence note and the splits' files.</summary>
    public string? Name { get; init; }

    /// <summary>The layout: a name of <see cref="DataFormats"/>, or <see cref="DataFormats.Automatic"/>.</summary>
    public string Format { get; init; } = DataFormats.Automatic;

    /// <summary>The split, by the names of files; null for all files.</summary>
    public string? Split { get; init; }

    /// <summary>The most records to take; null for all.</summary>
    public int? Limit { get; init; }

    /// <summary>Null takes the first records up to the limit; a seed takes a uniform sample of all, in the files' order.</summary>
    public ulong? Seed { get; init; }
}
