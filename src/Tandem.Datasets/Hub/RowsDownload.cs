using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>
/// Pages through the rows server and writes one JSON object per line. What is complete of an interrupted download is
/// kept and continued, if it is of the same split at the same commit.
/// </summary>
internal sealed class RowsDownload(HubClient client, IFileStore store, RowsRequest request, IPullObserver observer)
{
    private const int PageRows = 100;

    // Lines are read one by one, by people too: letters of all languages stay as they are.
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Sidecar = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly string _file = Path.GetFullPath(request.File);
    private readonly string _address = $"rows?dataset={Uri.EscapeDataString(request.Repository.Name)}"
        + $"&config={Uri.EscapeDataString(request.Split.Configuration)}&split={Uri.EscapeDataString(request.Split.Split)}";

    private string Incomplete => _file + HubCache.IncompleteEnding;

    private string StatePath => Incomplete + ".json";

    private string ProvenancePath => _file + ".provenance.json";

    private string Url => new Uri(client.Settings.RowsEndpoint, _address).AbsoluteUri;

    private string What => $"rows of '{request.Repository}' ({request.Split.Configuration}, {request.Split.Split})";

    /// <summary>The splits that the server has.</summary>
    public static async Task<IReadOnlyList<RowsSplit>> SplitsAsync(
        HubClient client, HubRepository repository, IPullObserver observer, CancellationToken cancellation)
    {
        DemandOnline(client, repository);
        string what = $"the splits of '{repository}'";
        using JsonDocument document = await GetAsync(
            client, repository, $"splits?dataset={Uri.EscapeDataString(repository.Name)}", what, observer, null, cancellation).ConfigureAwait(false);
        if (HubListing.Property(document.RootElement, "splits") is not { ValueKind: JsonValueKind.Array } list)
            throw Malformed(what, "no list of splits");
        return
        [
            .. list.EnumerateArray()
                .Select(s => (Configuration: HubListing.Text(s, "config"), Split: HubListing.Text(s, "split")))
                .Where(s => s.Configuration is not null && s.Split is not null)
                .Select(s => new RowsSplit(s.Configuration!, s.Split!)),
        ];
    }

    public async Task<RowsResult> RunAsync(CancellationToken cancellation)
    {
        if (Existing() is { } complete)
            return complete;
        DemandOnline(client, request.Repository);
        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        var state = new RowsState(Url, null);
        long rows, total = long.MaxValue;
        bool partial = false;
        await using (Stream stream = store.OpenAppend(Incomplete))
        {
            rows = ReadState() is { } left && left.Url == Url ? CompleteRows(stream) : 0;
            state = rows > 0 ? ReadState()! : state;
            if (rows == 0)
                stream.SetLength(0);
            while (rows < Math.Min(total, request.Limit ?? long.MaxValue))
            {
                Page page = await PageAsync(rows, cancellation).ConfigureAwait(false);
                if (state.Revision is not null && page.Revision != state.Revision)
                {
                    observer.Note($"{What} have changed since the download began; it begins again");
                    stream.SetLength(0);
                    (rows, total) = (0, long.MaxValue);
                    state = new RowsState(Url, null);
                    WriteState(state);
                    continue;
                }

                if (state.Revision != page.Revision || rows == 0)
                    WriteState(state = state with { Revision = page.Revision });
                (total, partial) = (page.Total, page.Partial);
                Append(stream, page.Lines);
                rows += page.Rows;
                observer.Advanced(Path.GetFileName(_file), rows, Math.Min(total, request.Limit ?? long.MaxValue));
                if (page.Rows == 0 && rows < total)
                    throw new UserFaultException($"The rows server says there are {total} {What}, and sends none after {rows}.", "Try again later, or fetch the files of the repository without --rows.");
            }

            if (stream is FileStream onDisk)
                onDisk.Flush(flushToDisk: true);
        }

        return Finish(state, rows, total, partial);
    }

    private RowsResult Finish(RowsState state, long rows, long total, bool partial)
    {
        string hash;
        long bytes;
        using (FileStream stream = File.OpenRead(Incomplete))
            (hash, bytes) = (Convert.ToHexStringLower(SHA256.HashData(stream)), stream.Length);
        var result = new RowsResult(
            Url, request.Repository.Name, request.Split.Configuration, request.Split.Split, state.Revision,
            client.Transport.Time.GetUtcNow(), rows, total, bytes, hash, partial);

        // The rows come last: a file of this name is complete and has its provenance.
        AtomicFile.WriteText(ProvenancePath, JsonSerializer.Serialize(result, Sidecar) + "\n");
        File.Move(Incomplete, _file);
        File.Delete(StatePath);
        observer.Completed(Path.GetFileName(_file), bytes, false);
        return result;
    }

    /// <summary>A file that is there already: the one wanted, or a fault.</summary>
    private RowsResult? Existing()
    {
        if (!File.Exists(_file))
            return null;
        RowsResult? provenance = Read<RowsResult>(ProvenancePath);
        string hash;
        using (FileStream stream = File.OpenRead(_file))
            hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        bool same = provenance is not null && provenance.Url == Url && provenance.Sha256 == hash
            && (provenance.Rows == provenance.TotalRows || provenance.Rows == request.Limit);
        if (!same)
        {
            throw new UserFaultException(
                $"{_file} is there already, and is not what is asked for{(provenance is null ? "" : $" (see {ProvenancePath})")}.", "Move it away, or choose another --out.", FaultKind.Usage);
        }

        observer.Completed(Path.GetFileName(_file), provenance!.Bytes, true);
        return provenance;
    }

    private async Task<Page> PageAsync(long offset, CancellationToken cancellation)
    {
        string? revision = null;
        long length = Math.Min(PageRows, (request.Limit ?? long.MaxValue) - offset);
        using JsonDocument document = await GetAsync(
            client, request.Repository, $"{_address}&offset={offset}&length={length}", What, observer, reply => revision = reply.Header("X-Revision"), cancellation).ConfigureAwait(false);
        JsonElement root = document.RootElement;
        if (HubListing.Property(root, "rows") is not { ValueKind: JsonValueKind.Array } rows
            || HubListing.Property(root, "num_rows_total") is not { ValueKind: JsonValueKind.Number } total || !total.TryGetInt64(out long count))
            throw Malformed(What, "no rows or no count");
        using var lines = new MemoryStream();
        int read = 0;
        foreach (JsonElement entry in rows.EnumerateArray())
        {
            long expected = offset + read++;
            if (HubListing.Property(entry, "row") is not { ValueKind: JsonValueKind.Object } row
                || HubListing.Property(entry, "row_idx") is not { ValueKind: JsonValueKind.Number } index || !index.TryGetInt64(out long number) || number != expected
                || read > length)
                throw Malformed(What, $"no row {expected} at its place");
            if (HubListing.Property(entry, "truncated_cells") is { ValueKind: JsonValueKind.Array } truncated && truncated.GetArrayLength() > 0)
            {
                throw new UserFaultException(
                    $"The rows server cuts row {expected} of '{request.Repository}' ({request.Split.Configuration}, {request.Split.Split}) short, for it is long.",
                    "Fetch the files of the repository, without --rows.");
            }

            using (var writer = new Utf8JsonWriter(lines, OneLine))
                row.WriteTo(writer);
            lines.WriteByte((byte)'\n');
        }

        bool partial = HubListing.Property(root, "partial") is { ValueKind: JsonValueKind.True };
        return new Page(lines.ToArray(), read, count, partial, revision is null ? null : HubText.Clean(revision));
    }

    private static async Task<JsonDocument> GetAsync(
        HubClient client, HubRepository repository, string address, string what, IPullObserver observer, Action<HubReply>? headers, CancellationToken cancellation)
    {
        try
        {
            return await client.Transport.GetJsonAsync(
                new Uri(client.Settings.RowsEndpoint, address), what, observer, cancellation, headers).ConfigureAwait(false);
        }
        catch (HubNotFoundException missing)
        {
            throw new UserFaultException(
                $"The rows server does not know {what}, or has no rows of it.",
                $"Check the names, or fetch the files: {repository.PullCommand}", FaultKind.Usage, missing);
        }
    }

    /// <summary>Counts complete lines and cuts off what follows the last.</summary>
    private static long CompleteRows(Stream stream)
    {
        byte[] buffer = new byte[1 << 17];
        long rows = 0, position = 0, end = 0;
        stream.Position = 0;
        for (int read; (read = stream.Read(buffer)) > 0; position += read)
        {
            ReadOnlySpan<byte> part = buffer.AsSpan(0, read);
            rows += part.Count((byte)'\n');
            if (part.LastIndexOf((byte)'\n') is >= 0 and var last)
                end = position + last + 1;
        }

        stream.SetLength(end);
        stream.Seek(0, SeekOrigin.End);
        return rows;
    }

    private void Append(Stream stream, byte[] lines)
    {
        try
        {
            stream.Write(lines);
        }
        catch (IOException error)
        {
            throw new UserFaultException(
                $"Cannot write {Incomplete}: {HubText.Clean(error.Message).TrimEnd('.')}. The rows before are kept.", "Free some space, then run the same command to go on.", inner: error);
        }
    }

    private RowsState? ReadState() => Read<RowsState>(StatePath);

    private void WriteState(RowsState state) => AtomicFile.WriteText(StatePath, JsonSerializer.Serialize(state, Sidecar));

    private static T? Read<T>(string path)
        where T : class
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<T>(File.ReadAllText(path), Sidecar) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void DemandOnline(HubClient client, HubRepository repository)
    {
        if (client.Settings.Offline)
            throw new UserFaultException($"The rows of '{repository}' are on a server, and offline nothing is fetched.", "Run this with a network, without HF_HUB_OFFLINE and --offline.");
    }

    private static UserFaultException Malformed(string what, string lacking) =>
        new($"The answer about {what} is not a rows server's: it has {lacking}.", "Check HF_DATASETS_SERVER.");

    private sealed record Page(byte[] Lines, int Rows, long Total, bool Partial, string? Revision);

    private sealed record RowsState(string Url, string? Revision);
}
