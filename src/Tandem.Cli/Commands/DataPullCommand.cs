using System.CommandLine;
using System.Text.Json;
using Tandem.Datasets.Hub;
using Tandem.Reports;
using Tandem.Tensors;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem data pull</c>: a data set's files, or its rows.</summary>
internal static class DataPullCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = $"organization/name, or one of {string.Join(", ", KnownDatasets.Repositories.Keys)}." };
        var options = new HubOptions();
        var rows = new Option<bool>("--rows") { Description = "Fetch rows as JSON lines from the rows server, whatever the files' format." };
        var config = new Option<string?>("--config") { Description = "With --rows: the configuration (subset)." };
        var split = new Option<string?>("--split") { Description = "With --rows: the split; all of them without it." };
        var limit = new Option<long?>("--limit") { Description = "With --rows: at most so many rows of each split." };
        var command = new Command(
            "pull",
            """
            Fetch a data set: the files of its repository into the cache that Hugging Face's own tools use, or with --rows
            the rows of its splits as JSON lines, with a file beside each that says where they come from.

            Examples:
              tandem data pull hh-rlhf --include 'harmless-base/*' --out data/hh-rlhf
              tandem data pull cosmosqa --rows --split validation --out data/cosmosqa
            """)
        {
            name, rows, config, split, limit, options.Revision, options.Output, options.Include, options.Exclude,
            options.Offline, options.Verify, options.Ranges, options.Json,
        };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                HubRepository repository = KnownDatasets.Find(parsed.GetValue(name)!);
                HubSettings settings = options.Settings(parsed);
                bool json = parsed.GetValue(options.Json);
                if (!parsed.GetValue(rows))
                {
                    if (parsed.GetValue(config) is not null || parsed.GetValue(split) is not null || parsed.GetValue(limit) is not null)
                        throw new UserFaultException("--config, --split and --limit choose rows, and files were asked for.", "Add --rows, or choose files with --include.", FaultKind.Usage);
                    return HubSession.Pull(settings, options.Request(parsed, repository), json, cancellation);
                }

                if (parsed.GetValue(limit) <= 0)
                    throw new UserFaultException($"--limit is {parsed.GetValue(limit)}; allowed: 1 or more.", "Correct it.", FaultKind.Usage);
                if (parsed.GetValue(options.Revision) != "main" || parsed.GetValue(options.Include)?.Length > 0 || parsed.GetValue(options.Exclude)?.Length > 0)
                    throw new UserFaultException("The rows server has one revision and no files: --revision, --include and --exclude do not go with --rows.", "Leave them out.", FaultKind.Usage);
                string folder = parsed.GetValue(options.Output) ?? Path.Combine("data", repository.Name.Split('/')[^1]);
                return Rows(settings, repository, (parsed.GetValue(config), parsed.GetValue(split)), parsed.GetValue(limit), folder, json, cancellation);
            },
            () => $"tandem data pull {parsed.GetValue(name)}{(parsed.GetValue(rows) ? " --rows" : "")}"));
        return command;
    }

    private static int Rows(
        HubSettings settings, HubRepository repository, (string? Configuration, string? Split) wanted, long? limit, string folder, bool json, CancellationToken cancellation)
    {
        List<RowsResult> results = HubSession.Run(settings, rows: true, async (client, observer) =>
        {
            IReadOnlyList<RowsSplit> splits = await client.SplitsAsync(repository.Name, observer, cancellation).ConfigureAwait(false);
            var fetched = new List<RowsResult>();
            foreach (RowsSplit chosen in Choose(splits, wanted, repository))
            {
                var request = new RowsRequest(repository, chosen, Path.Combine(folder, chosen.FileName)) { Limit = limit };
                fetched.Add(await client.PullRowsAsync(request, observer, cancellation).ConfigureAwait(false));
            }

            return fetched;
        });
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(results, HubSession.Json));
            return CommandLine.Done;
        }

        foreach (RowsResult result in results)
        {
            Console.Error.WriteLine($"{result.Dataset} {result.Configuration} {result.Split}: {result.Rows} rows of {result.TotalRows}, {ByteCount.Text(result.Bytes)}{(result.Partial ? "; the server has a part of the split only" : "")}");
            Console.WriteLine(Path.Combine(folder, new RowsSplit(result.Configuration, result.Split).FileName));
        }

        return CommandLine.Done;
    }

    private static List<RowsSplit> Choose(IReadOnlyList<RowsSplit> splits, (string? Configuration, string? Split) wanted, HubRepository repository)
    {
        string[] configurations = [.. splits.Select(s => s.Configuration).Distinct(StringComparer.Ordinal)];
        string? configuration = wanted.Configuration ?? (configurations.Length == 1 ? configurations[0] : configurations.FirstOrDefault(c => c == "default"));
        List<RowsSplit> chosen = [.. splits.Where(s => s.Configuration == configuration && (wanted.Split is null || s.Split == wanted.Split))];
        if (chosen.Count > 0)
            return chosen;
        string all = string.Join(", ", splits.Take(20).Select(s => $"--config {s.Configuration} --split {s.Split}"));
        throw new UserFaultException(
            $"'{repository}' has no rows of {(configuration is null ? "one configuration to choose by itself" : $"--config {configuration}{(wanted.Split is null ? "" : $" --split {wanted.Split}")}")}.",
            $"Choose one: {all}", FaultKind.Usage);
    }
}
