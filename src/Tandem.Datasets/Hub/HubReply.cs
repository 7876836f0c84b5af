using System.Globalization;

namespace Tandem.Datasets.Hub;

/// <summary>The last of the replies that redirects led through, with what the hub said on the way.</summary>
internal sealed class HubReply(HttpResponseMessage response, Uri address, HubReply? before) : IDisposable
{
    public HttpResponseMessage Response { get; } = response;

    /// <summary>Who answered.</summary>
    public Uri Address { get; } = address;

    /// <summary>The commit; the hub's word counts, not that of the host it redirects to.</summary>
    public string? Commit { get; } = before?.Commit ?? First(response, "X-Repo-Commit");

    /// <summary>The name of the blob.</summary>
    public string? BlobId => LinkedEtag ?? Etag;

    /// <summary>The length of the whole file.</summary>
    public long? Size => LinkedSize ?? Response.Content.Headers.ContentLength;

    private string? LinkedEtag { get; } = before?.LinkedEtag ?? HubText.Etag(First(response, "X-Linked-Etag"));

    private string? Etag { get; } = HubText.Etag(First(response, "ETag"));

    private long? LinkedSize { get; } = before?.LinkedSize
        ?? (long.TryParse(First(response, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : null);

    /// <summary>Whether a redirect that is not followed has said enough.</summary>
    public bool IsLinked => LinkedEtag is not null && LinkedSize is not null;

    public string? Header(string name) => First(Response, name);

    public void Dispose() => Response.Dispose();

    private static string? First(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;
}
