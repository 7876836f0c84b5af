using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>A hub on loopback: the hub itself, the second host that it redirects large files to, and the rows server.</summary>
internal sealed partial class FakeHub : IDisposable
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Func<FakeReply, FakeReply>>> _plans = [];

    public FakeHub()
    {
        Hub = new FakeHttp(AnswerHub);
        Cdn = new FakeHttp(AnswerCdn);
    }

    public FakeHttp Hub { get; }

    /// <summary>The second host: another port.</summary>
    public FakeHttp Cdn { get; }

    public string RowsAddress => Hub.Address + "/viewer";

    public ConcurrentDictionary<string, FakeRepository> Repositories { get; } = [];

    /// <summary>Rows by data set, configuration and split.</summary>
    public ConcurrentDictionary<(string, string, string), string[]> Rows { get; } = [];

    public string RowsRevision { get; set; } = "1111111111111111111111111111111111111111";

    /// <summary>New names by old ones.</summary>
    public ConcurrentDictionary<string, string> Renamed { get; } = [];

    /// <summary>The token that private and gated repositories ask for.</summary>
    public string Token { get; set; } = "hf_secret";

    /// <summary>Files in a page of a listing.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Whether bodies are sent slowly.</summary>
    public TimeSpan Pause { get; set; }

    public FakeRepository Add(FakeRepository repository) => Repositories[repository.Name] = repository;

    /// <summary>Changes the next GET replies whose path ends so, one change for each reply, in order.</summary>
    public void Plan(string pathEnd, params Func<FakeReply, FakeReply>[] changes)
    {
        var plan = _plans.GetOrAdd(pathEnd, _ => []);
        foreach (var change in changes)
            plan.Enqueue(change);
    }

    public void PlanForEver(string pathEnd, Func<FakeReply, FakeReply> change) => Plan(pathEnd, [.. Enumerable.Repeat(change, 1000)]);

    /// <summary>What was asked of a host for a path that ends so, bodies only.</summary>
    public static FakeRequest[] Gets(FakeHttp host, string pathEnd) =>
        [.. host.Requests.Where(r => r.Method == "GET" && r.Path.EndsWith(pathEnd, StringComparison.Ordinal))];

    public void Dispose()
    {
        Hub.Dispose();
        Cdn.Dispose();
    }

    private FakeReply Changed(FakeRequest request, FakeReply reply)
    {
        reply = reply with { Pause = Pause };
        if (request.Method != "GET")
            return reply;
        foreach ((string end, var plan) in _plans)
        {
            if (request.Path.EndsWith(end, StringComparison.Ordinal) && plan.TryDequeue(out var change))
                return change(reply);
        }

        return reply;
    }

    private FakeReply AnswerHub(FakeRequest request) => Changed(request, AnswerHubPlain(request));

    private FakeReply AnswerHubPlain(FakeRequest request)
    {
        if (request.Path.StartsWith("/viewer/", StringComparison.Ordinal))
            return AnswerRows(request);
        if (SearchPath().IsMatch(request.Path))
        {
            IEnumerable<string> names = Repositories.Keys.Where(n => n.Contains(request.Query("search")!, StringComparison.OrdinalIgnoreCase));
            return FakeReply.Json(JsonSerializer.Serialize(names.Select(id => new { id })));
        }

        Match api = ApiPath().Match(request.Path), file = FilePath().Match(request.Path);
        string name = api.Success ? api.Groups["name"].Value : file.Groups["name"].Value;
        bool dataset = api.Success ? api.Groups["kind"].Value == "datasets" : file.Groups["kind"].Success;
        if (Renamed.TryGetValue(name, out string? now))
            return FakeReply.Of(307, "", ("Location", request.Target.Replace(name, now, StringComparison.Ordinal)));
        bool allowed = request.Header("Authorization") == $"Bearer {Token}";
        if (!Repositories.TryGetValue(name, out FakeRepository? repository) || repository.IsDataset != dataset || (repository.Private && !allowed))
            return FakeReply.Of(401, "{\"error\":\"Invalid username or password.\"}", ("X-Error-Code", "RepoNotFound"), ("X-Error-Message", "Repository not found"));
        return api.Success ? AnswerApi(request, repository, api.Groups["what"].Value, Uri.UnescapeDataString(api.Groups["rest"].Value))
            : AnswerFile(repository, file.Groups["commit"].Value, file.Groups["path"].Value, request, allowed);
    }

    private FakeReply AnswerApi(FakeRequest request, FakeRepository repository, string what, string rest)
    {
        if (what == "refs")
            return FakeReply.Json($$"""{"branches":[{"name":"main"},{"name":"stable"}],"tags":[]}""");
        if (rest != "main" && rest != "stable" && rest != repository.Commit)
            return FakeReply.Of(404, "{}", ("X-Error-Code", "RevisionNotFound"));
        IEnumerable<string> names = repository.HostileNames.Concat(repository.Files.Keys);
        if (what == "revision")
            return FakeReply.Json(JsonSerializer.Serialize(new { sha = repository.Commit, siblings = names.Select(rfilename => new { rfilename }) }));
        if (!repository.HasTree)
            return FakeReply.Of(404, "");
        int page = int.Parse(request.Query("cursor") ?? "0", CultureInfo.InvariantCulture);
        var entries = names.Skip(page * PageSize).Take(PageSize).Select(path =>
        {
            FakeFile of = repository.Files.GetValueOrDefault(path) ?? new FakeFile([1], false);
            return of.Large
                ? (object)new { type = "file", oid = FakeFile.GitHash([]), size = of.Content.Length, path, lfs = new { oid = of.BlobId, size = of.Content.Length, pointerSize = 134 } }
                : new { type = "file", oid = of.BlobId, size = of.Content.Length, path };
        }).Prepend(new { type = "directory", oid = FakeFile.GitHash([]), size = 0, path = "folder" });
        FakeReply reply = FakeReply.Json(JsonSerializer.Serialize(entries));
        if ((page + 1) * PageSize < names.Count())
            reply.Headers.Add(("Link", $"<{Hub.Address}{request.Target.Split('?')[0]}?recursive=true&cursor={page + 1}>; rel=\"next\""));
        return reply;
    }

    private FakeReply AnswerFile(FakeRepository repository, string commit, string path, FakeRequest request, bool allowed)
    {
        if (repository.Gated && !allowed)
            return FakeReply.Of(403, "", ("X-Error-Code", "GatedRepo"), ("X-Error-Message", $"Access to model {repository.Name} is restricted"));
        if (commit != repository.Commit || !repository.Files.TryGetValue(path, out FakeFile? file))
            return FakeReply.Of(404, "", ("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", repository.Commit));
        (string, string) said = ("X-Repo-Commit", repository.Commit);
        if (file.Large)
        {
            return FakeReply.Of(
                302, "Found", said, ("X-Linked-Etag", $"\"{file.BlobId}\""), ("X-Linked-Size", $"{file.Content.Length}"),
                ("Location", $"{Cdn.Address}/blob/{file.BlobId}?signature=abc"));
        }

        return Ranged(request, file.Content, said, ("ETag", $"\"{file.BlobId}\""), ("Content-Type", "text/plain"));
    }

    private FakeReply AnswerCdn(FakeRequest request)
    {
        // As object stores do: a signed address and a token are one too many.
        if (request.Header("Authorization") is not null)
            return FakeReply.Of(400, "Only one auth mechanism allowed");
        FakeFile? file = Repositories.Values.SelectMany(r => r.Files.Values).FirstOrDefault(f => request.Path == $"/blob/{f.BlobId}");
        return Changed(request, file is null ? FakeReply.Of(404) : Ranged(request, file.Content, ("Content-Type", "application/octet-stream")));
    }

    private static FakeReply Ranged(FakeRequest request, byte[] content, params (string, string)[] headers)
    {
        if (RangeHeader().Match(request.Header("Range") ?? "") is not { Success: true } range)
            return new FakeReply(200, content) { Headers = [.. headers] };
        int from = int.Parse(range.Groups[1].Value, CultureInfo.InvariantCulture);
        int to = range.Groups[2].Length > 0 ? int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture) : content.Length - 1;
        return from >= content.Length
            ? FakeReply.Of(416, "", ("Content-Range", $"bytes */{content.Length}"))
            : new FakeReply(206, content[from..(to + 1)]) { Headers = [.. headers, ("Content-Range", $"bytes {from}-{to}/{content.Length}")] };
    }

    private FakeReply AnswerRows(FakeRequest request)
    {
        string dataset = request.Query("dataset")!;
        if (request.Path.EndsWith("/splits", StringComparison.Ordinal))
        {
            var splits = Rows.Keys.Where(k => k.Item1 == dataset).Select(k => new { dataset, config = k.Item2, split = k.Item3 });
            return splits.Any() ? FakeReply.Json(JsonSerializer.Serialize(new { splits })) : FakeReply.Of(404, "{\"error\":\"Not found.\"}");
        }

        if (!Rows.TryGetValue((dataset, request.Query("config")!, request.Query("split")!), out string[]? all))
            return FakeReply.Of(404, "{\"error\":\"Not found.\"}");
        int offset = int.Parse(request.Query("offset")!, CultureInfo.InvariantCulture);
        int length = int.Parse(request.Query("length")!, CultureInfo.InvariantCulture);
        var body = new StringBuilder("{\n \"features\": [],\n \"rows\": [");
        body.AppendJoin(", ", all.Skip(offset).Take(length).Select((row, i) => $"{{\"row_idx\": {offset + i}, \"row\": {row}, \"truncated_cells\": []}}"));
        body.Append(CultureInfo.InvariantCulture, $"], \"num_rows_total\": {all.Length}, \"num_rows_per_page\": 100, \"partial\": false}}");
        return FakeReply.Json(body.ToString(), ("X-Revision", RowsRevision));
    }

    [GeneratedRegex(@"^/api/(models|datasets)$")]
    private static partial Regex SearchPath();

    [GeneratedRegex(@"^/api/(?<kind>models|datasets)/(?<name>.+?)/(?<what>revision|tree|refs)(/(?<rest>.+))?$")]
    private static partial Regex ApiPath();

    [GeneratedRegex(@"^/(?<kind>datasets/)?(?<name>.+?)/resolve/(?<commit>[^/]+)/(?<path>.+)$")]
    private static partial Regex FilePath();

    [GeneratedRegex(@"^bytes=(\d+)-(\d*)$")]
    private static partial Regex RangeHeader();
}
