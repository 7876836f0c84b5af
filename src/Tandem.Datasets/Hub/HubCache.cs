using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>A snapshot of the cache.</summary>
/// <param name="Commit">The commit.</param>
/// <param name="References">The branches and tags that were resolved to it.</param>
/// <param name="Files">How many files it has here.</param>
/// <param name="Bytes">Their length together.</param>
public sealed record CachedSnapshot(string Commit, IReadOnlyList<string> References, int Files, long Bytes);

/// <summary>A repository of the cache.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="Bytes">What it takes on disk, incomplete downloads with it, each blob counted once.</param>
/// <param name="IncompleteBytes">How much of that is incomplete downloads.</param>
/// <param name="Snapshots">Its snapshots, by commit.</param>
public sealed record CachedRepository(
    HubRepository Repository, string Folder, long Bytes, long IncompleteBytes, IReadOnlyList<CachedSnapshot> Snapshots);

/// <summary>
/// The cache of Hugging Face's own tools, in their layout, so that each reads what the other fetched: content under
/// <c>blobs</c> by its hash, <c>refs</c> from branches to commits, <c>snapshots</c> with links to the blobs.
/// </summary>
/// <param name="directory">The cache's folder; it need not exist.</param>
public sealed class HubCache(string directory)
{
    internal const string IncompleteEnding = ".incomplete";

    private static readonly EnumerationOptions All = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, MaxRecursionDepth = 16 };

    /// <summary>The cache's folder.</summary>
    public string Directory { get; } = Path.GetFullPath(directory);

    /// <summary>The folder of a repository, whether it exists or not.</summary>
    public string FolderOf(HubRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        return Path.Combine(Directory, repository.FolderName);
    }

    /// <summary>The folder of a snapshot, whether it exists or not.</summary>
    public string SnapshotFolder(HubRepository repository, string commit) =>
        HubText.IsCommit(commit)
            ? Path.Combine(FolderOf(repository), "snapshots", commit)
            : throw new ArgumentException($"'{commit}' is not a commit.", nameof(commit));

    /// <summary>The folder of a snapshot that the cache has for a branch, tag or commit; null if it has none.</summary>
    public string? FindSnapshot(HubRepository repository, string revision)
    {
        string? commit = FindCommit(repository, revision);
        return commit is not null && System.IO.Directory.Exists(SnapshotFolder(repository, commit)) ? SnapshotFolder(repository, commit) : null;
    }

    /// <summary>The commit that a branch or tag was last resolved to; null if it never was.</summary>
    public string? FindCommit(HubRepository repository, string revision)
    {
        if (HubText.IsCommit(revision))
            return revision;
        if (!HubText.IsRevision(revision))
            return null;
        string path = Path.Combine(FolderOf(repository), "refs", revision);
        try
        {
            // What a reference holds becomes part of a path.
            return File.Exists(path) && new FileInfo(path).Length <= 100 && File.ReadAllText(path).Trim() is var commit && HubText.IsCommit(commit)
                ? commit
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The repositories of the cache, by name.</summary>
    /// <param name="kind">Of one kind; null for all.</param>
    public IReadOnlyList<CachedRepository> Scan(RepositoryKind? kind = null)
    {
        if (!System.IO.Directory.Exists(Directory))
            return [];
        return
        [
            .. System.IO.Directory.EnumerateDirectories(Directory)
                .Select(folder => (Folder: folder, Repository: HubRepository.FromFolder(Path.GetFileName(folder))))
                .Where(f => f.Repository is not null && (kind is null || f.Repository.Kind == kind))
                .Select(f => Describe(f.Repository!, f.Folder))
                .OrderBy(r => r.Repository.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Deletes what the cache has of a repository.</summary>
    /// <exception cref="UserFaultException">It has nothing of it, or the files cannot be deleted.</exception>
    public void Remove(HubRepository repository)
    {
        string folder = FolderOf(repository);
        if (!System.IO.Directory.Exists(folder))
            throw new UserFaultException($"The cache {Directory} has no {repository.KindName} '{repository}'.", "See 'tandem models list'.", FaultKind.Usage);
        try
        {
            System.IO.Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException($"Cannot delete {folder}: {HubText.Clean(error.Message)}", "Check its permissions.", inner: error);
        }
    }

    internal string BlobPath(HubRepository repository, string blobId) => Path.Combine(FolderOf(repository), "blobs", blobId);

    internal string PointerPath(HubRepository repository, string commit, string file) =>
        Path.Combine(SnapshotFolder(repository, commit), Path.Combine(file.Split('/')));

    /// <summary>Whether a snapshot has a file of the right length, through a link or as a copy.</summary>
    internal bool HasPointer(HubRepository repository, string commit, HubFile file)
    {
        var pointer = new FileInfo(PointerPath(repository, commit, file.Path));
        return pointer.Exists && Target(pointer) is { Exists: true } target && target.Length == file.Size;
    }

    /// <summary>Makes a blob a file of a snapshot.</summary>
    internal void AddPointer(HubRepository repository, string commit, string file, string blobId, bool links)
    {
        string snapshot = SnapshotFolder(repository, commit);
        string pointer = PointerPath(repository, commit, file);
        string folder = Path.GetDirectoryName(pointer)!;
        System.IO.Directory.CreateDirectory(folder);
        for (string? above = folder; above is not null && above.Length >= snapshot.Length; above = Path.GetDirectoryName(above))
        {
            if (new DirectoryInfo(above).LinkTarget is not null)
                throw new UserFaultException($"{above} is a link, and would lead out of the snapshot.", "Delete it and fetch the repository again.");
        }

        string blob = BlobPath(repository, blobId);
        string temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            if (!links || !TryLink(temporary, Path.GetRelativePath(folder, blob)))
                File.Copy(blob, temporary);
            File.Move(temporary, pointer, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Notes which commit a branch or tag is.</summary>
    internal void WriteReference(HubRepository repository, string revision, string commit)
    {
        if (revision == commit || FindCommit(repository, revision) == commit)
            return;
        Language.AtomicFile.WriteText(Path.Combine(FolderOf(repository), "refs", revision), commit);
    }

    /// <summary>Waits for the lock of a blob: a file lock that Hugging Face's tools take too.</summary>
    internal async Task<FileStream> LockAsync(
        HubRepository repository, string blobId, TimeProvider time, Action waiting, CancellationToken cancellation)
    {
        string path = Path.Combine(Directory, ".locks", repository.FolderName, blobId + ".lock");
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                if (attempt == 20)
                    waiting();
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellation).ConfigureAwait(false);
            }
        }
    }

    private static FileInfo? Target(FileInfo pointer)
    {
        try
        {
            return pointer.LinkTarget is null ? pointer : pointer.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool TryLink(string path, string target)
    {
        try
        {
            File.CreateSymbolicLink(path, target);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            return false;
        }
    }

    private CachedRepository Describe(HubRepository repository, string folder)
    {
        long bytes = 0, incomplete = 0;
        foreach (FileInfo file in Files(folder))
        {
            bytes += file.LinkTarget is null ? file.Length : 0;
            incomplete += file.Name.EndsWith(IncompleteEnding, StringComparison.Ordinal) ? file.Length : 0;
        }

        string references = Path.Combine(folder, "refs");
        var named = Files(references)
            .Select(f => Path.GetRelativePath(references, f.FullName).Replace('\\', '/'))
            .ToLookup(name => FindCommit(repository, name));
        string snapshots = Path.Combine(folder, "snapshots");
        var list = new List<CachedSnapshot>();
        if (System.IO.Directory.Exists(snapshots))
        {
            foreach (string commit in System.IO.Directory.EnumerateDirectories(snapshots).Select(f => Path.GetFileName(f)).Where(HubText.IsCommit).Order(StringComparer.Ordinal))
            {
                List<FileInfo> files = [.. Files(Path.Combine(snapshots, commit)).Select(Target).OfType<FileInfo>().Where(f => f.Exists)];
                list.Add(new CachedSnapshot(commit, [.. named[commit].Order(StringComparer.Ordinal)], files.Count, files.Sum(f => f.Length)));
            }
        }

        return new CachedRepository(repository, folder, bytes, incomplete, list);
    }

    private static IEnumerable<FileInfo> Files(string folder) =>
        System.IO.Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*", All) : [];
}
