using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>
/// Fetches one blob. Its bytes go to a file that ends in <c>.incomplete</c>, which the next attempt, or the next process,
/// continues; their hash is computed as they come, and only what has the hash that the hub told gets the blob's name.
/// </summary>
internal sealed class BlobDownload(HubTransport transport, IFileStore store, HubFile file, Uri address, string blobPath, IPullObserver observer)
{
    // A broken connection that has brought this much is no failed try.
    private const long WorthwhileBytes = 1 << 20;
    private const int BufferBytes = 1 << 17;

    private readonly string _incomplete = blobPath + HubCache.IncompleteEnding;

    /// <summary>Fetches the blob and gives it its name.</summary>
    /// <exception cref="UserFaultException">It cannot be fetched, verified or written.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(blobPath)!);
        for (int attempt = 1; ; attempt++)
        {
            string hash = await FetchAsync(cancellation).ConfigureAwait(false);
            if (hash == file.BlobId)
            {
                File.Move(_incomplete, blobPath, overwrite: true);
                BlobRanges.DeleteAll(blobPath);
                return;
            }

            File.Delete(_incomplete);
            BlobRanges.DeleteAll(blobPath);
            if (attempt == 2)
            {
                throw new UserFaultException(
                    $"{file.Path} came twice with another content than the hub announces (hash {hash}, expected {file.BlobId}); it was discarded.",
                    "Something between here and the hub changes it: check HF_ENDPOINT and the proxy settings, and try again.");
            }

            observer.Note($"{file.Path} does not have the hash that the hub announces; it is discarded and fetched once more");
        }
    }

    /// <summary>Brings the incomplete file to its full length; returns its hash.</summary>
    private async Task<string> FetchAsync(CancellationToken cancellation)
    {
        using var hash = new BlobHash(file);
        await using Stream stream = Open(_incomplete);
        if (stream.Length > file.Size)
            stream.SetLength(0);
        hash.AppendAll(stream, cancellation);
        stream.Seek(0, SeekOrigin.End);
        bool whole = transport.Settings.ParallelRanges <= 1 || file.Size - hash.Length < 2 * transport.Settings.RangeBytes;
        if (!whole)
        {
            using var ranges = new BlobRanges(this, hash, stream, blobPath);
            whole = !await ranges.FetchAsync(cancellation).ConfigureAwait(false);
        }

        if (whole)
        {
            observer.Advanced(file.Path, hash.Length, file.Size);
            await PersistAsync(() => hash.Length, token => ContinueAsync(stream, hash, token), cancellation).ConfigureAwait(false);
        }

        try
        {
            if (stream is FileStream onDisk)
                onDisk.Flush(flushToDisk: true);
        }
        catch (IOException error)
        {
            throw CannotWrite(error);
        }

        return hash.Finish();
    }

    /// <summary>Tries as long as tries bring something, and a few times when they do not.</summary>
    public async Task PersistAsync(Func<long> have, Func<CancellationToken, Task> attempt, CancellationToken cancellation)
    {
        for (; ; )
        {
            long before = have();
            try
            {
                await transport.RetryAsync(attempt, observer, cancellation).ConfigureAwait(false);
                return;
            }
            catch (TransientHubException last)
            {
                if (have() - before < WorthwhileBytes)
                    throw HubFaults.GivenUp(last, file.Path);
            }
        }
    }

    public long Size => file.Size;

    public HubSettings Settings => transport.Settings;

    public void Report(long done) => observer.Advanced(file.Path, done, file.Size);

    public Stream Open(string path)
    {
        try
        {
            return store.OpenAppend(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(error);
        }
    }

    public void Append(Stream stream, ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(error);
        }
    }

    /// <summary>One request for the bytes of [from, until), which are given to <paramref name="take"/> in order.</summary>
    /// <returns>False if the server sends from the start in place of the range.</returns>
    public async Task<bool> RequestAsync(long from, long until, Action<ReadOnlySpan<byte>> take, CancellationToken cancellation)
    {
        bool part = from > 0 || until < file.Size;
        using var watch = new StallWatch(transport.Settings.StallTimeout, transport.Time, cancellation);
        RangeHeaderValue? range = part ? new RangeHeaderValue(from, until == file.Size ? null : until - 1) : null;
        using HubReply reply = await transport.SendAsync(HttpMethod.Get, address, range, watch, cancellation).ConfigureAwait(false);
        HttpResponseMessage response = reply.Response;
        if (part && response.StatusCode is HttpStatusCode.OK or HttpStatusCode.RequestedRangeNotSatisfiable)
            return false;
        if (!response.IsSuccessStatusCode)
            throw Refused(reply);
        CheckHeaders(reply, part, from, until);

        Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[BufferBytes];
        long have = from;
        while (have < until)
        {
            int read = await HubTransport.ReadAsync(body, buffer, reply.Address, watch, cancellation).ConfigureAwait(false);
            if (read == 0)
                throw new TransientHubException($"{reply.Address.Host} ended {file.Path} {until - have} bytes early");
            int wanted = (int)Math.Min(read, until - have);
            take(buffer.AsSpan(0, wanted));
            have += wanted;
        }

        return true;
    }

    private async Task ContinueAsync(Stream stream, BlobHash hash, CancellationToken cancellation)
    {
        if (hash.Length == file.Size)
            return;
        void Take(ReadOnlySpan<byte> bytes)
        {
            Append(stream, bytes);
            hash.Append(bytes);
            Report(hash.Length);
        }

        if (await RequestAsync(hash.Length, file.Size, Take, cancellation).ConfigureAwait(false))
            return;
        stream.SetLength(0);
        hash.Restart();
        if (!await RequestAsync(0, file.Size, Take, cancellation).ConfigureAwait(false))
            throw new TransientHubException($"{address.Host} sends neither a part of {file.Path} nor the whole");
    }

    private void CheckHeaders(HubReply reply, bool part, long from, long until)
    {
        HttpContentHeaders headers = reply.Response.Content.Headers;
        string host = reply.Address.Host;
        bool page = headers.ContentType?.MediaType == "text/html" && reply.Commit is null
            && !file.Path.EndsWith(".html", StringComparison.OrdinalIgnoreCase) && !file.Path.EndsWith(".htm", StringComparison.OrdinalIgnoreCase);
        if (page)
            throw new TransientHubException($"{host} sends a web page in place of {file.Path} (does this network ask to sign in?)");
        if (part && (headers.ContentRange is not { } range || range.From != from || (range.Length is { } length && length != file.Size)))
            throw new TransientHubException($"{host} sends another part of {file.Path} than was asked for ({HubText.Clean(headers.ContentRange?.ToString() ?? "unnamed")})");
        if (headers.ContentLength is { } announced && announced != until - from)
        {
            throw new TransientHubException(string.Create(
                CultureInfo.InvariantCulture, $"{host} announces {announced} bytes of {file.Path} where {until - from} are expected"));
        }
    }

    private Exception Refused(HubReply reply) => HubFaults.Of(reply, file.Path, transport.Settings, transport.Time) switch
    {
        HubNotFoundException missing => new UserFaultException(
            $"{reply.Address.Host} does not have {file.Path}, which the hub lists.", "Run the same command again; if it stays so, tell the hub.", inner: missing),
        Exception other => other,
    };

    private UserFaultException CannotWrite(Exception error) => new(
        $"Cannot write {_incomplete}: {HubText.Clean(error.Message).TrimEnd('.')}. What was fetched is kept.",
        "Free some space, or set HF_HUB_CACHE to a folder on another disk, then run the same command to go on.", inner: error);
}
