using System.Text;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>Where the hub is, where its cache lies, who asks, and how patient the client is.</summary>
public sealed record HubSettings
{
    /// <summary>The hub (<c>HF_ENDPOINT</c>).</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co/");

    /// <summary>The server that hands out rows of data sets (<c>HF_DATASETS_SERVER</c>).</summary>
    public Uri RowsEndpoint { get; init; } = new("https://datasets-server.huggingface.co/");

    /// <summary>The cache that Hugging Face's own tools use: <c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>.</summary>
    public required string CacheDirectory { get; init; }

    /// <summary>The access token, if any: <c>HF_TOKEN</c>, else the file <c>HF_TOKEN_PATH</c> or <c>HF_HOME/token</c>. It is sent to the two endpoints and nowhere else.</summary>
    public string? Token { get; init; }

    /// <summary>Whether only the cache may be used (<c>HF_HUB_OFFLINE</c>).</summary>
    public bool Offline { get; init; }

    /// <summary>How many files are fetched at once.</summary>
    public int ParallelFiles { get; init; } = 4;

    /// <summary>How many ranges of a large file are fetched at once; 1 fetches it from start to end.</summary>
    public int ParallelRanges { get; init; } = 1;

    /// <summary>The length of such a range in bytes; a file of less than two of them is fetched whole.</summary>
    public long RangeBytes { get; init; } = 64L << 20;

    /// <summary>How long the server may send fewer than 1,024 bytes before the connection counts as broken.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a request that came no further is sent again.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>The wait before the first retry; it doubles with each, with random jitter.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait that a server may ask for; more ends in a fault.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether snapshots link to blobs; false copies, as on file systems without symbolic links.</summary>
    public bool Links { get; init; } = true;

    /// <summary>Reads the variables that Hugging Face's own tools read.</summary>
    /// <param name="variable">Reads a variable; null for those of the process.</param>
    /// <exception cref="UserFaultException">An endpoint is not an http or https address.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        string? Read(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;

        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string Expand(string path) => Path.GetFullPath(path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? user + path[1..] : path);

        string home = Expand(Read("HF_HOME") ?? Path.Combine(Read("XDG_CACHE_HOME") ?? Path.Combine(user, ".cache"), "huggingface"));
        var settings = new HubSettings
        {
            CacheDirectory = Expand(Read("HF_HUB_CACHE") ?? Read("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub")),
            Token = Read("HF_TOKEN") ?? Read("HUGGING_FACE_HUB_TOKEN") ?? TokenIn(Expand(Read("HF_TOKEN_PATH") ?? Path.Combine(home, "token"))),
            Offline = Read("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };
        if (Read("HF_ENDPOINT") is { } endpoint)
            settings = settings with { Endpoint = Address("HF_ENDPOINT", endpoint) };
        if (Read("HF_DATASETS_SERVER") is { } rows)
            settings = settings with { RowsEndpoint = Address("HF_DATASETS_SERVER", rows) };
        return settings;
    }

    private static Uri Address(string name, string value) =>
        Uri.TryCreate(value.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" && address.UserInfo.Length == 0
            ? address
            : throw new UserFaultException(
                $"{name} is '{HubText.Clean(value)}', which is not an address.", "Give it one such as https://huggingface.co, or unset it.", FaultKind.Usage);

    private static string? TokenIn(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A record prints its members; the token must not reach a log that way.
    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append(System.Globalization.CultureInfo.InvariantCulture, $"Endpoint = {Endpoint}, CacheDirectory = {CacheDirectory}, Token = {(Token is null ? "none" : "set")}, Offline = {Offline}");
        return true;
    }
}
