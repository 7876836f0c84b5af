using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Datasets.Hub;
using Tandem.Reports;

namespace Tandem.Cli;

/// <summary>The options that all downloads have.</summary>
internal sealed record HubOptions
{
    public Option<string> Revision { get; } = new("--revision", "-r") { Description = "A branch, tag, commit, or refs/pr/N.", DefaultValueFactory = _ => "main" };

    public Option<string?> Output { get; } = new("--out", "-o") { Description = "A folder that gets copies of the files; they stay in the cache too." };

    public Option<string[]> Include { get; } = new("--include") { Description = "Files to fetch in place of the usual ones: --include '*.json'. May be repeated." };

    public Option<string[]> Exclude { get; } = new("--exclude") { Description = "Files to leave out. May be repeated." };

    public Option<bool> Offline { get; } = new("--offline") { Description = "Use the cache alone, as with HF_HUB_OFFLINE=1." };

    public Option<bool> Verify { get; } = new("--verify") { Description = "Hash what the cache has, and fetch damaged files again." };

    public Option<int> Ranges { get; } = new("--ranges") { Description = "How many parts of a large file to fetch at once.", DefaultValueFactory = _ => 1 };

    public Option<bool> Json { get; } = new("--json") { Description = "Print the result as JSON on standard output; progress goes to standard error." };

    public PullRequest Request(ParseResult parsed, HubRepository repository, string? revision = null) => new(repository, revision ?? parsed.GetValue(Revision)!)
    {
        Include = parsed.GetValue(Include) ?? [],
        Exclude = parsed.GetValue(Exclude) ?? [],
        CopyTo = parsed.GetValue(Output),
        Verify = parsed.GetValue(Verify),
    };

    public HubSettings Settings(ParseResult parsed)
    {
        HubSettings settings = HubSettings.FromEnvironment();
        return settings with { Offline = settings.Offline || parsed.GetValue(Offline), ParallelRanges = Math.Clamp(parsed.GetValue(Ranges), 1, 32) };
    }
}

/// <summary>A client, with its progress on standard error.</summary>
internal static class HubSession
{
    public static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Runs downloads; their display is gone when this returns or throws.</summary>
    public static T Run<T>(HubSettings settings, bool rows, Func<HubClient, IPullObserver, Task<T>> work)
    {
        using HttpClient http = HubClient.CreateHttpClient();
        using DownloadDisplay display = DownloadDisplay.OnStandardError(rows);
        return work(new HubClient(http, settings), display).GetAwaiter().GetResult();
    }

    /// <summary>Fetches files and says where they are: the folder alone on standard output, for scripts.</summary>
    public static int Pull(HubSettings settings, PullRequest request, bool json, CancellationToken cancellation)
    {
        PullResult result = Run(settings, rows: false, (client, observer) => client.PullAsync(request, observer, cancellation));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(result, Json));
        }
        else
        {
            Console.Error.WriteLine($"{result.Repository} at {result.Commit[..12]}: {result.Files.Count} files, {ByteCount.Text(result.Files.Sum(f => f.Size))}, {ByteCount.Text(result.FetchedBytes)} fetched");
            Console.WriteLine(result.Folder);
        }

        return CommandLine.Done;
    }

    /// <summary>Rows of texts as aligned columns, the last one as long as it is.</summary>
    public static void PrintColumns(IReadOnlyList<string[]> rows)
    {
        int columns = rows.Max(r => r.Length);
        int[] widths = [.. Enumerable.Range(0, columns).Select(c => rows.Max(r => c < r.Length ? r[c].Length : 0))];
        foreach (string[] row in rows)
            Console.WriteLine(string.Join("  ", row.Select((text, c) => c == row.Length - 1 ? text : text.PadRight(widths[c]))).TrimEnd());
    }
}
