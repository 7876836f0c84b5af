namespace Tandem.Datasets;

/// <summary>A data set that is known by name.</summary>
/// <param name="Name">The name.</param>
/// <param name="Description">What it is, in one line.</param>
/// <param name="Licence">What its publishers say about its use, in a few words. The set's own page decides.</param>
/// <param name="Format">The layout of its rows: a name of <see cref="DataFormats"/>.</param>
/// <param name="DefaultSplit">The split to evaluate on.</param>
/// <param name="Home">Where it is described.</param>
/// <param name="Sources">Where it lies on the hub; empty where it is not there.</param>
public sealed record DataSetEntry(
    string Name, string Description, string Licence, string Format, string DefaultSplit, string Home, IReadOnlyList<HubSource> Sources)
{
    /// <summary>
    /// The names of the local files that belong to the set, where a folder may hold others too: those given, else those of
    /// <see cref="Sources"/>; empty for every file. A star stands for any letters.
    /// </summary>
    public IReadOnlyList<string> LocalFiles { get; init; } = [.. Sources.Select(s => s.LocalName).Distinct()];

    /// <summary>The type of its records.</summary>
    public Type RecordType => DataFormats.Named(Format).RecordType;
}
