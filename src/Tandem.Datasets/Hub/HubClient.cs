using System.Net;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>
/// Fetches models and data sets from a Hugging Face hub into the cache of its own tools, resuming and verifying. It is
/// safe to use from several threads, and from several processes on the same cache.
/// </summary>
public sealed class HubClient
{
    private const int MostFiles = 100_000;
    private const long LargestFile = 1L << 42;

    private readonly IFileStore _store;

    /// <summary>Creates a client.</summary>
    /// <param name="http">Sends the requests; its handler must not follow redirects: <see cref="CreateHttpClient"/> makes such a one.</param>
    /// <param name="settings">Where and who.</param>
    /// <param name="time">The clock of waits and time limits; null for the system's.</param>
    /// <param name="random">Numbers in [0, 1) for the jitter of waits; null for the system's.</param>
    public HubClient(HttpClient http, HubSettings settings, TimeProvider? time = null, Func<double>? random = null)
        : this(http, settings, time, random, new SystemFileStore())
    {
    }

    internal HubClient(HttpClient http, HubSettings settings, TimeProvider? time, Func<double>? random, IFileStore store)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(settings);
        (Settings, Cache, _store) = (settings, new HubCache(settings.CacheDirectory), store);
        Transport = new HubTransport(http, settings, time ?? TimeProvider.System, random ?? Random.Shared.NextDouble);
    }

    /// <summary>Where and who.</summary>
    public HubSettings Settings { get; }

    /// <summary>The cache.</summary>
    public HubCache Cache { get; }

    internal HubTransport Transport { get; }

    /// <summary>An HTTP client as this one needs: redirects left alone, no time limit of its own, the system's proxies.</summary>
    public static HttpClient CreateHttpClient() => new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
    { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Asks which commit a revision is.</summary>
    /// <exception cref="UserFaultException">There is no such repository or revision, or it may not be seen.</exception>
    public async Task<HubRevision> ResolveAsync(
        HubRepository repository, string revision, IPullObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(revision);
        DemandRevision(revision);
        string what = $"{repository.KindName} '{repository}'";
        try
        {
            using JsonDocument document = await Transport.GetJsonAsync(
                Address($"{repository.ApiPath}/revision/{Uri.EscapeDataString(revision)}"), what, observer ?? SilentObserver.Instance, cancellation).ConfigureAwait(false);
            return HubListing.Revision(document.RootElement, what);
        }
        catch (HubNotFoundException missing)
        {
            throw await HubSuggestions.MissingAsync(this, repository, revision, missing, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Lists the files of a commit, with lengths and hashes. Every name is checked.</summary>
    /// <exception cref="UserFaultException">The listing cannot be had, or has names that lead out of a folder.</exception>
    public async Task<IReadOnlyList<HubFile>> ListAsync(
        HubRepository repository, string commit, IPullObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(repository);
        try
        {
            return await ListOnceAsync(repository, commit, observer ?? SilentObserver.Instance, cancellation).ConfigureAwait(false);
        }
        catch (HubNotFoundException missing)
        {
            throw await HubSuggestions.MissingAsync(this, repository, commit, missing, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The same, with the server's own words when it has no listing.</summary>
    internal async Task<IReadOnlyList<HubFile>> ListOnceAsync(
        HubRepository repository, string commit, IPullObserver observer, CancellationToken cancellation)
    {
        string what = $"the files of {repository.KindName} '{repository}'";
        var files = new List<HubFile>();
        Uri? next = Address($"{repository.ApiPath}/tree/{commit}?recursive=true");
        while (next is not null)
        {
            Uri current = next;
            next = null;
            using JsonDocument document = await Transport.GetJsonAsync(
                current, what, observer, cancellation, reply => next = HubListing.NextPage(reply, current)).ConfigureAwait(false);
            int before = files.Count;
            files.AddRange(HubListing.Files(document.RootElement, repository.Name));
            if (files.Count > MostFiles || (next is not null && files.Count == before))
                throw new UserFaultException($"'{repository}' lists more than {MostFiles} files, or pages without end.", "Choose another repository.");
        }

        if (files.Find(f => f.Size is < 0 or > LargestFile) is { } absurd)
            throw new UserFaultException($"'{repository}' lists '{absurd.Path}' with {absurd.Size} bytes; allowed: 0 to {LargestFile}.", "Choose another repository.");
        return files;
    }

    /// <summary>Asks about one file of a commit by a HEAD request, as Hugging Face's own tools do.</summary>
    /// <exception cref="UserFaultException">There is no such file, or the server is no hub.</exception>
    public async Task<HubFile> MetadataAsync(
        HubRepository repository, string commit, string path, IPullObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(repository);
        HubFile? found = null;
        try
        {
            await Transport.RetryAsync(
                async token =>
                {
                    using var watch = new StallWatch(Settings.StallTimeout, Transport.Time, token);
                    using HubReply reply = await Transport.SendAsync(HttpMethod.Head, FileAddress(repository, commit, path), null, watch, token).ConfigureAwait(false);
                    if (!reply.Response.IsSuccessStatusCode && !reply.IsLinked)
                        throw HubFaults.Of(reply, $"'{path}' of '{repository}'", Settings, Transport.Time);
                    if (reply.Commit != commit || reply.BlobId is not { } id || !HubText.IsBlobId(id) || reply.Size is not { } size)
                    {
                        throw new UserFaultException(
                            $"{reply.Address.Host} does not answer as a hub about '{path}' of '{repository}': commit, hash or length is missing or wrong.",
                            "Check HF_ENDPOINT, the proxy settings, and whether this network asks to sign in.");
                    }

                    found = new HubFile(path, size, id);
                },
                observer ?? SilentObserver.Instance,
                cancellation).ConfigureAwait(false);
        }
        catch (TransientHubException last)
        {
            throw HubFaults.GivenUp(last, $"'{path}' of '{repository}'");
        }
        catch (HubNotFoundException)
        {
            throw new UserFaultException($"'{repository}' has no file '{path}' at commit {commit}.", "See its list of files on the hub.", FaultKind.Usage);
        }

        return found!;
    }

    /// <summary>Fetches files of a repository into the cache; what is there already is not fetched again.</summary>
    /// <exception cref="UserFaultException">What cannot be fetched, verified or written, and what to do.</exception>
    public Task<PullResult> PullAsync(PullRequest request, IPullObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        DemandRevision(request.Revision);
        return new HubPull(this, _store, request, observer ?? SilentObserver.Instance).RunAsync(cancellation);
    }

    /// <summary>Fetches the rows of a split of a data set as one JSON object per line.</summary>
    /// <exception cref="UserFaultException">What cannot be fetched or written, and what to do.</exception>
    public Task<RowsResult> PullRowsAsync(RowsRequest request, IPullObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new RowsDownload(this, _store, request, observer ?? SilentObserver.Instance).RunAsync(cancellation);
    }

    /// <summary>The configurations and splits whose rows the rows server has.</summary>
    /// <exception cref="UserFaultException">It does not know the data set.</exception>
    public Task<IReadOnlyList<RowsSplit>> SplitsAsync(string dataset, IPullObserver? observer = null, CancellationToken cancellation = default) =>
        RowsDownload.SplitsAsync(this, HubRepository.Parse(RepositoryKind.Dataset, dataset), observer ?? SilentObserver.Instance, cancellation);

    internal Uri Address(string path) => new(Settings.Endpoint, path);

    internal Uri FileAddress(HubRepository repository, string commit, string path) =>
        Address($"{repository.FilesPath}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    private static void DemandRevision(string revision)
    {
        if (!HubText.IsRevision(revision))
        {
            throw new UserFaultException(
                $"'{HubText.Clean(revision)}' is not a revision.", "Name a branch, a tag, a commit of 40 digits, or refs/pr/N.", FaultKind.Usage);
        }
    }
}
