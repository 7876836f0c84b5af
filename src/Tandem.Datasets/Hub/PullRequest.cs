namespace Tandem.Datasets.Hub;

/// <summary>What to fetch.</summary>
/// <param name="Repository">From where.</param>
/// <param name="Revision">A branch, tag, commit, or <c>refs/pr/N</c>.</param>
public sealed record PullRequest(HubRepository Repository, string Revision = "main")
{
    /// <summary>Patterns of the files wanted; none for the usual ones.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of files not wanted.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>A folder that gets copies of the files; null to leave them in the cache.</summary>
    public string? CopyTo { get; init; }

    /// <summary>Whether what the cache has is hashed again, and fetched again where it is damaged.</summary>
    public bool Verify { get; init; }
}

/// <summary>What was fetched.</summary>
/// <param name="Repository">From where.</param>
/// <param name="Revision">The revision asked for.</param>
/// <param name="Commit">Its commit.</param>
/// <param name="Folder">The folder with the files: the copies, or else the snapshot.</param>
/// <param name="Files">The files, by name.</param>
/// <param name="FetchedBytes">The bytes that came over the network now, after what earlier attempts had left.</param>
public sealed record PullResult(
    string Repository, string Revision, string Commit, string Folder, IReadOnlyList<PulledFile> Files, long FetchedBytes);

/// <summary>A file of a <see cref="PullResult"/>.</summary>
/// <param name="Path">Its name within the repository.</param>
/// <param name="Size">Its length in bytes; 0 when offline.</param>
/// <param name="WasPresent">Whether the cache had it before.</param>
public sealed record PulledFile(string Path, long Size, bool WasPresent);
