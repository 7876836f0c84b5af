using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Polly;
using Polly.Retry;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>Sends requests: the token to the configured servers only, redirects one by one, retries with growing waits.</summary>
internal sealed class HubTransport(HttpClient http, HubSettings settings, TimeProvider time, Func<double> random)
{
    private const int LongestReply = 64 << 20;
    private const int MostRedirects = 6;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    public HubSettings Settings => settings;

    public TimeProvider Time => time;

    /// <summary>Runs an attempt again while it fails in ways that time mends.</summary>
    /// <exception cref="TransientHubException">It still fails.</exception>
    public async Task RetryAsync(Func<CancellationToken, Task> attempt, IPullObserver observer, CancellationToken cancellation)
    {
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = Math.Max(1, settings.Retries),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = settings.FirstDelay,
                MaxDelay = LongestDelay,
                Randomizer = random,
                ShouldHandle = new PredicateBuilder().Handle<TransientHubException>(),
                DelayGenerator = arguments => new ValueTask<TimeSpan?>((arguments.Outcome.Exception as TransientHubException)?.RetryAfter),
                OnRetry = arguments =>
                {
                    observer.Note(string.Create(
                        CultureInfo.InvariantCulture, $"{arguments.Outcome.Exception!.Message}; trying again in {arguments.RetryDelay.TotalSeconds:0.#} s"));
                    return default;
                },
            })
            .Build();
        await pipeline.ExecuteAsync(async token => await attempt(token).ConfigureAwait(false), cancellation).ConfigureAwait(false);
    }

    /// <summary>Fetches a JSON document, with retries.</summary>
    /// <param name="address">The address.</param>
    /// <param name="what">What it is, for faults.</param>
    /// <param name="observer">Hears of retries.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="headers">Is given the reply for its headers.</param>
    /// <param name="retry">Whether a failure is worth another try.</param>
    public async Task<JsonDocument> GetJsonAsync(
        Uri address, string what, IPullObserver observer, CancellationToken cancellation, Action<HubReply>? headers = null, bool retry = true)
    {
        JsonDocument? document = null;
        async Task TryAsync(CancellationToken token)
        {
            using var watch = new StallWatch(settings.StallTimeout, time, token);
            using HubReply reply = await SendAsync(HttpMethod.Get, address, null, watch, token).ConfigureAwait(false);
            if (!reply.Response.IsSuccessStatusCode)
                throw HubFaults.Of(reply, what, settings, time);
            headers?.Invoke(reply);
            byte[] bytes = await ReadAsync(reply, what, watch, token).ConfigureAwait(false);
            document = Parse(bytes, reply, what);
        }

        try
        {
            if (retry)
                await RetryAsync(TryAsync, observer, cancellation).ConfigureAwait(false);
            else
                await TryAsync(cancellation).ConfigureAwait(false);
        }
        catch (TransientHubException last)
        {
            throw HubFaults.GivenUp(last, what);
        }

        return document!;
    }

    /// <summary>Sends one request and follows redirects; any status but a redirect is returned.</summary>
    /// <param name="method">GET, or HEAD, whose redirects to other hosts are not followed once the hub has said what is there.</param>
    /// <param name="address">The address.</param>
    /// <param name="range">The part wanted; null for all.</param>
    /// <param name="watch">Ends it when nothing comes.</param>
    /// <param name="cancellation">The caller's cancellation, apart from the watch.</param>
    /// <exception cref="TransientHubException">The connection failed.</exception>
    public async Task<HubReply> SendAsync(
        HttpMethod method, Uri address, RangeHeaderValue? range, StallWatch watch, CancellationToken cancellation)
    {
        HubReply? reply = null;
        Uri current = address;
        bool trusted = IsConfigured(address);
        for (int hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(method, current);
            request.Headers.AcceptEncoding.ParseAdd("identity");
            request.Headers.UserAgent.ParseAdd("tandem/0.1");
            request.Headers.Range = range;
            if (trusted && settings.Token is { } token && IsPrivate(current))
                request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
            HttpResponseMessage response;
            try
            {
                response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, watch.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (IsNetwork(error, watch, cancellation))
            {
                reply?.Dispose();
                throw Broken(error, current, watch);
            }

            HubReply before = reply!;
            reply = new HubReply(response, current, before);
            before?.Dispose();
            watch.Restart();
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
                return reply;
            Uri next = new(current, location);
            if (method == HttpMethod.Head && reply.IsLinked)
                return reply;
            if (hop == MostRedirects || next.Scheme is not ("http" or "https") || (current.Scheme == "https" && next.Scheme == "http"))
            {
                reply.Dispose();
                throw new UserFaultException(
                    $"{current.Host} redirects {(hop == MostRedirects ? "without end" : $"to an address that is not secure ({next.Scheme})")}.",
                    "Check HF_ENDPOINT and the proxy settings.");
            }

            // Once a redirect has left the configured server, its word decides where requests go: no token from there on.
            trusted &= IsSameServer(current, next);
            current = next;
        }
    }

    /// <summary>Reads from a reply's body.</summary>
    /// <exception cref="TransientHubException">The connection broke.</exception>
    public static async Task<int> ReadAsync(
        Stream body, Memory<byte> buffer, Uri address, StallWatch watch, CancellationToken cancellation)
    {
        try
        {
            int read = await body.ReadAsync(buffer, watch.Token).ConfigureAwait(false);
            watch.Received(read);
            return read;
        }
        catch (Exception error) when (IsNetwork(error, watch, cancellation))
        {
            throw Broken(error, address, watch);
        }
    }

    private static async Task<byte[]> ReadAsync(HubReply reply, string what, StallWatch watch, CancellationToken cancellation)
    {
        using var whole = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        Stream body = await reply.Response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        for (int read; (read = await ReadAsync(body, buffer, reply.Address, watch, cancellation).ConfigureAwait(false)) > 0;)
        {
            whole.Write(buffer, 0, read);
            if (whole.Length > LongestReply)
                throw new UserFaultException($"The answer about {what} is longer than {LongestReply} bytes.", "Check HF_ENDPOINT.");
        }

        return whole.ToArray();
    }

    private static JsonDocument Parse(byte[] bytes, HubReply reply, string what)
    {
        try
        {
            return JsonDocument.Parse(bytes);
        }
        catch (JsonException error)
        {
            bool page = reply.Response.Content.Headers.ContentType?.MediaType?.Contains("html", StringComparison.Ordinal) ?? false;
            throw new UserFaultException(
                $"{reply.Address.Host} answers {what} with {(page ? "a web page" : "something that is not JSON")}: it is not a hub, or something stands between.",
                "Check HF_ENDPOINT, the proxy settings, and whether this network asks to sign in.", inner: error);
        }
    }

    private static bool IsNetwork(Exception error, StallWatch watch, CancellationToken cancellation) =>
        error is HttpRequestException or IOException || (error is OperationCanceledException && watch.IsStalled && !cancellation.IsCancellationRequested);

    private static TransientHubException Broken(Exception error, Uri address, StallWatch watch) => new(
        watch.IsStalled && error is OperationCanceledException
            ? $"{address.Host} has stopped sending"
            : $"the connection to {address.Host} failed ({HubText.Clean((error.InnerException ?? error).Message).TrimEnd('.')})",
        inner: error);

    private bool IsConfigured(Uri address) => IsSameServer(address, settings.Endpoint) || IsSameServer(address, settings.RowsEndpoint);

    /// <summary>A token travels encrypted, or stays on this machine.</summary>
    public static bool IsPrivate(Uri address) => address.Scheme == "https" || address.IsLoopback;

    private static bool IsSameServer(Uri a, Uri b) =>
        a.Scheme == b.Scheme && a.Port == b.Port && a.Host.Equals(b.Host, StringComparison.OrdinalIgnoreCase);
}
