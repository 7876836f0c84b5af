namespace Tandem.Datasets.Hub;

/// <summary>A split whose rows the rows server has.</summary>
/// <param name="Configuration">The configuration, also called subset.</param>
/// <param name="Split">The split: train, test and the like.</param>
public sealed record RowsSplit(string Configuration, string Split)
{
    /// <summary>A name for the file of its rows, safe whatever the server called it.</summary>
    public string FileName => $"{Safe(Configuration)}-{Safe(Split)}.jsonl";

    private static string Safe(string name) =>
        string.Concat(name.Take(80).Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '_'));
}

/// <summary>Which rows to fetch, and where to.</summary>
/// <param name="Repository">The data set.</param>
/// <param name="Split">Its split.</param>
/// <param name="File">The file that gets one JSON object per line; <c>FILE.provenance.json</c> beside it says where they come from.</param>
public sealed record RowsRequest(HubRepository Repository, RowsSplit Split, string File)
{
    /// <summary>How many rows at most; null for all.</summary>
    public long? Limit { get; init; }
}

/// <summary>Where the rows of a file come from: the content of the file beside it.</summary>
/// <param name="Url">The address that they were asked of, without offset and length.</param>
/// <param name="Dataset">The data set.</param>
/// <param name="Configuration">Its configuration.</param>
/// <param name="Split">Its split.</param>
/// <param name="Revision">The commit that the server read; null if it did not say.</param>
/// <param name="FetchedAt">When the file became complete.</param>
/// <param name="Rows">How many rows it has.</param>
/// <param name="TotalRows">How many the server says the split has.</param>
/// <param name="Bytes">Its length in bytes.</param>
/// <param name="Sha256">The SHA-256 of its content.</param>
/// <param name="Partial">Whether the server has a part of the split only.</param>
public sealed record RowsResult(
    string Url, string Dataset, string Configuration, string Split, string? Revision, DateTimeOffset FetchedAt,
    long Rows, long TotalRows, long Bytes, string Sha256, bool Partial);
