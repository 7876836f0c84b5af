using System.Net;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>A failure that another try may mend.</summary>
internal sealed class TransientHubException(string message, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>What a server refuses, in words that say what to do.</summary>
internal static class HubFaults
{
    /// <summary>The reason of a reply that is not a success; transient ones as <see cref="TransientHubException"/>.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="what">What was asked for: a file, a repository.</param>
    /// <param name="settings">Whether there is a token, and how long to wait.</param>
    /// <param name="time">The clock that dates are compared with.</param>
    public static Exception Of(HubReply reply, string what, HubSettings settings, TimeProvider time)
    {
        HttpStatusCode status = reply.Response.StatusCode;
        string said = reply.Header("X-Error-Message") is { } message ? $" It says: {HubText.Clean(message)}." : "";
        string host = reply.Address.Host;
        string code = reply.Header("X-Error-Code") ?? "";
        if (code is "RepoNotFound" or "RevisionNotFound" or "EntryNotFound" || status == HttpStatusCode.NotFound)
            return new HubNotFoundException(what, code, status);
        if (status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)status is 500 or 502 or 503 or 504)
            return Busy(reply, host, status, settings, time);
        if (status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            string answer = $"{host} refuses {what} (status {(int)status}).{said}";
            if (code == "GatedRepo" || (status == HttpStatusCode.Forbidden && settings.Token is not null))
            {
                return new UserFaultException(
                    answer,
                    $"It may be gated: accept its terms on its page at {settings.Endpoint}, then set HF_TOKEN to a token of that account that may read gated repositories.");
            }

            return new UserFaultException(
                answer,
                settings.Token is null
                    ? $"If it is private or gated, set HF_TOKEN to a token with access (create one at {settings.Endpoint}settings/tokens)."
                    : "The token was sent and is not accepted: set HF_TOKEN to a valid one with access.");
        }

        return new UserFaultException(
            $"{host} answers {what} with status {(int)status}.{said}", "Check HF_ENDPOINT and the proxy settings, or try again later.");
    }

    /// <summary>What is said when all tries failed.</summary>
    public static UserFaultException GivenUp(TransientHubException last, string what) => new(
        $"Could not fetch {what}: {last.Message}.", "What was fetched is kept: run the same command again to go on. Without a network, --offline uses the cache.", inner: last);

    private static Exception Busy(HubReply reply, string host, HttpStatusCode status, HubSettings settings, TimeProvider time)
    {
        var header = reply.Response.Headers.RetryAfter;
        TimeSpan? wait = header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() : null);
        if (wait < TimeSpan.Zero)
            wait = TimeSpan.Zero;
        string reason = $"{host} answers with status {(int)status}{(status == HttpStatusCode.TooManyRequests ? ", too many requests" : "")}";
        return wait > settings.LongestWait
            ? new UserFaultException(
                $"{reason}, and asks to wait {wait.Value.TotalSeconds:0} s.",
                $"Run the same command again after that time.{(settings.Token is null ? " With HF_TOKEN set the limits are higher." : "")}")
            : new TransientHubException(reason, wait);
    }
}

/// <summary>The server does not have what was asked for; its callers know what is near.</summary>
internal sealed class HubNotFoundException(string what, string code, HttpStatusCode status) : Exception($"{what}: not found")
{
    /// <summary>The hub's word: RepoNotFound, RevisionNotFound, EntryNotFound or nothing.</summary>
    public string Code { get; } = code;

    /// <summary>The status: the hub answers 401 for a repository that it does not show to strangers.</summary>
    public HttpStatusCode Status { get; } = status;
}
