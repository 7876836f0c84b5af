using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>One pull: resolve, list, choose, check the disk, fetch, link, and only then name the commit.</summary>
internal sealed class HubPull(HubClient client, IFileStore store, PullRequest request, IPullObserver observer)
{
    // For links, references, and what else writes to the disk meanwhile.
    private const long SpareBytes = 16L << 20;

    private readonly HubRepository _repository = request.Repository;
    private readonly HubCache _cache = client.Cache;

    public async Task<PullResult> RunAsync(CancellationToken cancellation)
    {
        if (client.Settings.Offline)
            return OfflinePull.Run(_cache, request);
        if (client.Settings.Token is not null && !HubTransport.IsPrivate(client.Settings.Endpoint))
            observer.Note($"the token is not sent to {client.Settings.Endpoint}, which is not https");
        HubRevision revision = await client.ResolveAsync(_repository, request.Revision, observer, cancellation).ConfigureAwait(false);
        IReadOnlyList<HubFile> files = await ChooseAsync(revision, cancellation).ConfigureAwait(false);
        long[] present = [.. files.Select(f => PresentBytes(revision.Commit, f))];
        observer.Planned(files.Count, files.Sum(f => f.Size), present.Sum());
        CheckSpace(files, present);

        var pulled = new PulledFile[files.Count];
        try
        {
            await Parallel.ForEachAsync(
                Enumerable.Range(0, files.Count),
                new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, client.Settings.ParallelFiles), CancellationToken = cancellation },
                async (i, token) =>
                {
                    bool wasPresent = await FetchAsync(revision.Commit, files[i], token).ConfigureAwait(false);
                    pulled[i] = new PulledFile(files[i].Path, files[i].Size, wasPresent);
                    observer.Completed(files[i].Path, files[i].Size, wasPresent);
                }).ConfigureAwait(false);

            // Last: what a branch points to is complete.
            _cache.WriteReference(_repository, request.Revision, revision.Commit);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot write to the cache {_cache.Directory}: {HubText.Clean(error.Message).TrimEnd('.')}.",
                "Free some space or set HF_HUB_CACHE to a folder that can be written.", inner: error);
        }

        string folder = _cache.SnapshotFolder(_repository, revision.Commit);
        if (request.CopyTo is { } target)
        {
            SnapshotCopy.Copy(folder, target, files.Select(f => f.Path), cancellation);
            folder = Path.GetFullPath(target);
        }

        long fetched = files.Select((f, i) => pulled[i].WasPresent ? 0 : f.Size - Math.Min(f.Size, present[i])).Sum();
        return new PullResult(_repository.Name, request.Revision, revision.Commit, folder, pulled, fetched);
    }

    private async Task<IReadOnlyList<HubFile>> ChooseAsync(HubRevision revision, CancellationToken cancellation)
    {
        IReadOnlyList<HubFile> listed;
        try
        {
            listed = await client.ListOnceAsync(_repository, revision.Commit, observer, cancellation).ConfigureAwait(false);
        }
        catch (HubNotFoundException)
        {
            // A mirror without listings: names from the revision, the rest file by file.
            string[] wanted = [.. Choose([.. revision.Files.Select(name => FileSelection.Checked(name, $"'{_repository}'"))])];
            var files = new List<HubFile>();
            foreach (string name in wanted)
                files.Add(await client.MetadataAsync(_repository, revision.Commit, name, observer, cancellation).ConfigureAwait(false));
            return files;
        }

        var chosen = Choose([.. listed.Select(f => f.Path)]).ToHashSet(StringComparer.Ordinal);
        return [.. listed.Where(f => chosen.Contains(f.Path))];
    }

    private IReadOnlyList<string> Choose(IReadOnlyList<string> names)
    {
        IReadOnlyList<string> chosen = FileSelection.Choose(_repository.Kind, names, request.Include, request.Exclude);
        FileSelection.CheckTree(chosen, $"'{_repository}'");
        if (chosen.Count == 0)
        {
            string? nearest = request.Include.Count == 0 ? null : NearestName.Find(request.Include[0], names);
            throw new UserFaultException(
                $"No file of '{_repository}' is chosen; it has {string.Join(", ", names.Take(10))}{(names.Count > 10 ? " and more" : "")}.",
                nearest is null ? "Choose with --include and --exclude." : $"Did you mean '{nearest}'?", FaultKind.Usage);
        }

        string[] pickles = [.. names.Where(n => FileSelection.IsPickle(_repository.Kind, n))];
        bool weights = chosen.Any(n => n.EndsWith(".safetensors", StringComparison.Ordinal));
        if (_repository.Kind == RepositoryKind.Model && request.Include.Count == 0 && pickles.Length > 0 && !weights)
        {
            throw new UserFaultException(
                $"'{_repository}' has its weights as {string.Join(", ", pickles.Take(3))} only, a format that can run code when it is loaded (pickle); it is not fetched.",
                "Choose a repository or a revision with safetensors: the hub often offers one as --revision refs/pr/1.", FaultKind.Usage);
        }

        return chosen;
    }

    private long PresentBytes(string commit, HubFile file)
    {
        if (_cache.HasPointer(_repository, commit, file))
            return file.Size;
        string blob = _cache.BlobPath(_repository, file.BlobId);
        if (File.Exists(blob))
            return Math.Min(file.Size, new FileInfo(blob).Length);
        string folder = Path.GetDirectoryName(blob)!;
        return !Directory.Exists(folder)
            ? 0
            : Math.Min(file.Size, new DirectoryInfo(folder).EnumerateFiles($"{file.BlobId}*{HubCache.IncompleteEnding}").Sum(f => f.Length));
    }

    private void CheckSpace(IReadOnlyList<HubFile> files, long[] present)
    {
        long missing = files.Select((f, i) => (f.BlobId, Bytes: f.Size - present[i])).DistinctBy(f => f.BlobId).Sum(f => f.Bytes);
        Demand(_cache.Directory, missing, "set HF_HUB_CACHE to a folder on another disk");
        if (request.CopyTo is { } target)
            Demand(target, files.Sum(f => f.Size), "choose another --out");

        void Demand(string folder, long bytes, string remedy)
        {
            long free = store.FreeBytes(folder);
            if (bytes > 0 && bytes > free - SpareBytes)
            {
                throw new UserFaultException(
                    $"{folder} has {free} bytes free, {bytes} more are to be written (and {SpareBytes} are left alone); nothing was fetched.",
                    $"Free some space, {remedy}, or fetch fewer files with --include.");
            }
        }
    }

    /// <summary>Brings one file into the snapshot; returns whether its content was there.</summary>
    private async Task<bool> FetchAsync(string commit, HubFile file, CancellationToken cancellation)
    {
        string blob = _cache.BlobPath(_repository, file.BlobId);
        bool pointed = _cache.HasPointer(_repository, commit, file);
        if (pointed && !request.Verify)
            return true;
        await using FileStream held = await _cache.LockAsync(
            _repository, file.BlobId, client.Transport.Time,
            () => observer.Note($"{file.Path} is being fetched by another process; waiting for it"), cancellation).ConfigureAwait(false);
        bool present = IsWhole(pointed && !File.Exists(blob) ? _cache.PointerPath(_repository, commit, file.Path) : blob, file, cancellation);
        if (!present)
        {
            await CheckMetadataAsync(commit, file, cancellation).ConfigureAwait(false);
            var download = new BlobDownload(
                client.Transport, store, file, client.FileAddress(_repository, commit, file.Path), blob, observer);
            await download.RunAsync(cancellation).ConfigureAwait(false);
        }

        if (!present || !pointed)
            _cache.AddPointer(_repository, commit, file.Path, file.BlobId, client.Settings.Links);
        return present;
    }

    private bool IsWhole(string path, HubFile file, CancellationToken cancellation)
    {
        if (!File.Exists(path) || new FileInfo(path).Length != file.Size)
            return false;
        if (!request.Verify)
            return true;
        using var hash = new BlobHash(file);
        using FileStream stream = File.OpenRead(path);
        hash.AppendAll(stream, cancellation);
        if (hash.Finish() == file.BlobId)
            return true;
        observer.Note($"{file.Path} is damaged in the cache and is fetched again");
        return false;
    }

    private async Task CheckMetadataAsync(string commit, HubFile file, CancellationToken cancellation)
    {
        HubFile told = await client.MetadataAsync(_repository, commit, file.Path, observer, cancellation).ConfigureAwait(false);
        if (told != file)
        {
            throw new UserFaultException(
                $"The hub lists '{file.Path}' with {file.Size} bytes and hash {file.BlobId}, and announces {told.Size} bytes and hash {told.BlobId}.",
                "Check HF_ENDPOINT and try again later.");
        }
    }
}
