using System.Text.Json;
using Tandem.Datasets;
using Tandem.Datasets.Hub;
using Tandem.Reports;
using Tandem.Tensors;

namespace Tandem.Cli.Commands.Data;

/// <summary>Fetches a known data set into a folder, each split in the file that the loaders look for.</summary>
internal static class KnownSetPull
{
    /// <summary>Fetches the parts of a set.</summary>
    /// <param name="settings">The hub.</param>
    /// <param name="entry">The set.</param>
    /// <param name="split">The split wanted; null for all of them.</param>
    /// <param name="folder">Where the files go.</param>
    /// <param name="limit">At most so many rows of each split, where rows are fetched; null for all.</param>
    /// <param name="request">The request for files of a repository.</param>
    /// <param name="json">Whether the result is printed as JSON.</param>
    /// <param name="cancellation">Stops; what was fetched is kept.</param>
    public static int Execute(
        HubSettings settings, DataSetEntry entry, string? split, string folder, long? limit, Func<HubRepository, PullRequest> request, bool json,
        CancellationToken cancellation)
    {
        HubSource[] sources = [.. entry.Sources.Where(source => split is null || source.Split == split)];
        if (sources.Length == 0)
            throw Nothing(entry, split);
        var files = new List<PullResult>();
        foreach (var part in sources.Where(source => source.File is not null).GroupBy(source => source.Repository))
        {
            PullRequest wanted = request(HubRepository.Parse(RepositoryKind.Dataset, part.Key)) with { Include = [.. part.Select(source => source.File!)], CopyTo = folder };
            files.Add(HubSession.Run(settings, rows: false, (client, observer) => client.PullAsync(wanted, observer, cancellation)));
        }

        var rows = new List<RowsResult>();
        foreach (HubSource source in sources.Where(source => source.File is null))
        {
            var wanted = new RowsRequest(
                HubRepository.Parse(RepositoryKind.Dataset, source.Repository), new RowsSplit(source.Config!, source.RowsSplit!), Path.Combine(folder, source.LocalName))
            { Limit = limit };
            rows.Add(HubSession.Run(settings, rows: true, (client, observer) => client.PullRowsAsync(wanted, observer, cancellation)));
        }

        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { Folder = folder, Files = files, Rows = rows }, HubSession.Json));
            return CommandLine.Done;
        }

        foreach (RowsResult result in rows)
            Console.Error.WriteLine($"{result.Dataset} {result.Split}: {result.Rows} rows of {result.TotalRows}, {ByteCount.Text(result.Bytes)}");
        Console.Error.WriteLine($"Licence: {entry.Licence}; {entry.Home}. Look at it with: tandem data card {entry.Name} --path {folder}");
        Console.WriteLine(folder);
        return CommandLine.Done;
    }

    private static UserFaultException Nothing(DataSetEntry entry, string? split) => entry.Sources.Count == 0
        ? new UserFaultException($"'{entry.Name}' is not on the hub.", $"Fetch it from {entry.Home} yourself.", FaultKind.Usage)
        : new UserFaultException(
            $"'{entry.Name}' has no split '{split}'.", $"It has {string.Join(", ", entry.Sources.Select(source => source.Split).Distinct())}.", FaultKind.Usage);
}
