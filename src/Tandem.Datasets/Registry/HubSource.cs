namespace Tandem.Datasets;

/// <summary>Where a part of a data set lies on the hub: a file of a repository, or rows of a configuration.</summary>
/// <param name="Split">The split that it holds: train, validation or test.</param>
/// <param name="Repository">The repository of the kind data set, as owner/name.</param>
/// <param name="File">The file in the repository; null where rows are asked for.</param>
/// <param name="Config">The configuration for the rows interface; null where a file is meant.</param>
/// <param name="RowsSplit">The hub's own name of the split; null where a file is meant.</param>
public sealed record HubSource(string Split, string Repository, string? File = null, string? Config = null, string? RowsSplit = null)
{
    /// <summary>The name of the local file: the file's own, or <c>split.jsonl</c> for rows.</summary>
    public string LocalName => File is null ? $"{Split}.jsonl" : Path.GetFileName(File);
}
