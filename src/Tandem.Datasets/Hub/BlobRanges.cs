using System.Globalization;

namespace Tandem.Datasets.Hub;

/// <summary>
/// Fetches a blob in ranges of fixed bounds, several at once. Each has a file of its own, which a later attempt continues;
/// whenever the next one in order is complete it is appended to the incomplete file and hashed, so that this file always
/// is a beginning of the blob, as other programs expect it to be.
/// </summary>
internal sealed class BlobRanges(BlobDownload download, BlobHash hash, Stream whole, string blobPath) : IDisposable
{
    private readonly SemaphoreSlim _appending = new(1);
    private readonly Lock _counting = new();
    private readonly Dictionary<long, long> _complete = [];
    private long _done = hash.Length;

    /// <summary>Fetches all that is missing; false if the server does not send ranges.</summary>
    public async Task<bool> FetchAsync(CancellationToken cancellation)
    {
        long length = download.Settings.RangeBytes;
        var ranges = new List<(long From, long Until)>();
        for (long from = hash.Length; from < download.Size;)
        {
            long until = Math.Min(download.Size, ((from / length) + 1) * length);
            ranges.Add((from, until));
            from = until;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bool supported = true;
        try
        {
            await Parallel.ForEachAsync(
                ranges,
                new ParallelOptions { MaxDegreeOfParallelism = download.Settings.ParallelRanges, CancellationToken = stop.Token },
                async (range, token) =>
                {
                    if (await FetchAsync(range.From, range.Until, token).ConfigureAwait(false))
                        return;
                    supported = false;
                    await stop.CancelAsync().ConfigureAwait(false);
                }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!supported && !cancellation.IsCancellationRequested)
        {
            return false;
        }

        return supported;
    }

    /// <summary>Deletes the files of the ranges.</summary>
    public static void DeleteAll(string blobPath)
    {
        string pattern = $"{Path.GetFileName(blobPath)}.range-*{HubCache.IncompleteEnding}";
        foreach (string path in Directory.EnumerateFiles(Path.GetDirectoryName(blobPath)!, pattern))
            File.Delete(path);
    }

    public void Dispose() => _appending.Dispose();

    private async Task<bool> FetchAsync(long from, long until, CancellationToken cancellation)
    {
        bool supported = true;
        await using (Stream stream = download.Open(PathOf(from)))
        {
            if (stream.Length > until - from)
                stream.SetLength(0);
            long have = stream.Length;
            Count(have);
            void Take(ReadOnlySpan<byte> bytes)
            {
                download.Append(stream, bytes);
                have += bytes.Length;
                Count(bytes.Length);
            }

            await download.PersistAsync(
                () => have,
                async token => supported = from + have == until
                    || await download.RequestAsync(from + have, until, Take, token).ConfigureAwait(false),
                cancellation).ConfigureAwait(false);
        }

        if (supported)
            await AppendAsync(from, until, cancellation).ConfigureAwait(false);
        return supported;
    }

    private async Task AppendAsync(long from, long until, CancellationToken cancellation)
    {
        await _appending.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            _complete.Add(from, until);
            byte[] buffer = new byte[1 << 17];
            while (_complete.Remove(hash.Length, out _))
            {
                string path = PathOf(hash.Length);
                await using (var part = File.OpenRead(path))
                {
                    // Not interrupted between the bytes of a range: the next attempt would look for it at another place.
                    for (int read; (read = part.Read(buffer)) > 0;)
                    {
                        download.Append(whole, buffer.AsSpan(0, read));
                        hash.Append(buffer.AsSpan(0, read));
                    }
                }

                File.Delete(path);
            }
        }
        finally
        {
            _appending.Release();
        }
    }

    private void Count(long bytes)
    {
        lock (_counting)
        {
            _done += bytes;
            download.Report(_done);
        }
    }

    private string PathOf(long from) =>
        string.Create(CultureInfo.InvariantCulture, $"{blobPath}.range-{from}{HubCache.IncompleteEnding}");
}
