using System.CommandLine;
using System.Text.Json;
using Tandem.Datasets;
using Tandem.Datasets.Hub;
using Tandem.Reports;
using Tandem.Tensors;

namespace Tandem.Cli.Commands.Data;

/// <summary><c>tandem data pull</c>: a known data set as the loaders read it, or any repository's files or rows.</summary>
internal static class DataPullCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "One of the sets that 'tandem data list' shows, or organization/name." };
        var options = new HubOptions();
        var rows = new Option<bool>("--rows") { Description = "Fetch rows as JSON lines from the rows server, whatever the files' format." };
        var config = new Option<string?>("--config") { Description = "With --rows: the configuration (subset)." };
        var split = new Option<string?>("--split") { Description = "The split, for a known set or with --rows; all of them without it." };
        var limit = new Option<long?>("--limit") { Description = "Where rows are fetched: at most so many of each split." };
        var command = new Command(
            "pull",
            """
            Fetch a known data set into data/NAME, each split as the loaders read it. Of any other repository, fetch the files
            into the cache that Hugging Face's own tools use, or with --rows the rows of its splits as JSON lines, with a
            file beside each that says where they come from.

            Examples:
              tandem data pull cosmosqa --split validation
              tandem data pull hh-rlhf --out data/hh
              tandem data pull allenai/sciq --rows --split test --out data/science
              tandem data pull Anthropic/hh-rlhf --include 'red-team-attempts/*' --out data/red-team
            """)
        {
            name, rows, config, split, limit, options.Revision, options.Output, options.Include, options.Exclude,
            options.Offline, options.Verify, options.Ranges, options.Json,
        };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                HubSettings settings = options.Settings(parsed);
                bool json = parsed.GetValue(options.Json);
                if (parsed.GetValue(limit) <= 0)
                    throw new UserFaultException($"--limit is {parsed.GetValue(limit)}; allowed: 1 or more.", "Correct it.", FaultKind.Usage);
                bool choosesFiles = parsed.GetValue(options.Revision) != "main" || parsed.GetValue(options.Include)?.Length > 0 || parsed.GetValue(options.Exclude)?.Length > 0;
                if (DataSets.Find(parsed.GetValue(name)!) is { } entry)
                {
                    if (parsed.GetValue(rows) || parsed.GetValue(config) is not null || choosesFiles)
                        throw new UserFaultException($"What is fetched of '{entry.Name}' is known: --rows, --config, --revision, --include and --exclude do not go with it.", "Leave them out, or name the repository as organization/name.", FaultKind.Usage);
                    return KnownSetPull.Execute(
                        settings, entry, parsed.GetValue(split), parsed.GetValue(options.Output) ?? Path.Combine("data", entry.Name), parsed.GetValue(limit),
                        repository => options.Request(parsed, repository), json, cancellation);
                }

                HubRepository repository = HubRepository.Parse(RepositoryKind.Dataset, parsed.GetValue(name)!);
                if (!parsed.GetValue(rows))
                {
                    if (parsed.GetValue(config) is not null || parsed.GetValue(split) is not null || parsed.GetValue(limit) is not null)
                        throw new UserFaultException("--config, --split and --limit choose rows, and files were asked for.", "Add --rows, or choose files with --include.", FaultKind.Usage);
                    return HubSession.Pull(settings, options.Request(parsed, repository), json, cancellation);
                }

                if (choosesFiles)
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
