using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>A pull without a network: what the cache has, if it is enough.</summary>
internal static class OfflinePull
{
    /// <summary>Finds the snapshot and checks it.</summary>
    /// <exception cref="UserFaultException">Something is missing; the message names it.</exception>
    public static PullResult Run(HubCache cache, PullRequest request)
    {
        HubRepository repository = request.Repository;
        string? snapshot = cache.FindSnapshot(repository, request.Revision);
        if (snapshot is null)
        {
            string? nearest = NearestName.Find(repository.Name, cache.Scan(repository.Kind).Select(r => r.Repository.Name));
            throw Missing($"{repository.KindName} '{repository}' at revision '{request.Revision}'", nearest is null || nearest == repository.Name ? "" : $" Did you mean '{nearest}'?");
        }

        string[] names =
        [
            .. Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories).Where(File.Exists)
                .Select(f => Path.GetRelativePath(snapshot, f).Replace('\\', '/')).Order(StringComparer.Ordinal),
        ];
        IReadOnlyList<string> chosen = FileSelection.Choose(repository.Kind, names, request.Include, request.Exclude);
        string[] missing =
        [
            .. request.Include.Where(p => !names.Any(n => FileSelection.Matches(n, [p]))),
            .. repository.Kind == RepositoryKind.Model && request.Include.Count == 0 ? ModelLocation.MissingFiles(snapshot) : [],
        ];
        if (missing.Length > 0 || chosen.Count == 0)
            throw Missing($"{(missing.Length == 0 ? "any file" : string.Join(", ", missing))} of {repository.KindName} '{repository}'", "");

        string folder = snapshot;
        if (request.CopyTo is { } target)
        {
            SnapshotCopy.Copy(snapshot, target, chosen, CancellationToken.None);
            folder = Path.GetFullPath(target);
        }

        return new PullResult(
            repository.Name, request.Revision, Path.GetFileName(snapshot), folder,
            [.. chosen.Select(n => new PulledFile(n, SizeOf(Path.Combine(snapshot, n)), true))], 0);

        UserFaultException Missing(string what, string near) => new(
            $"The cache {cache.Directory} does not have {what}, and offline nothing is fetched.{near}",
            $"With a network, and without HF_HUB_OFFLINE and --offline: {repository.PullCommand}");
    }

    private static long SizeOf(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return stream.Length;
    }
}
