namespace Tandem.Endpoints;

/// <summary>Where a <see cref="ModelServer"/> listens and what it lets in.</summary>
public sealed record ModelServerOptions
{
    /// <summary>The address to listen on: an IP address, or <c>localhost</c>.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>The key that requests must bear; null lets everybody in who can reach the port.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The largest body of a request, in bytes.</summary>
    public long MaximumBodyBytes { get; init; } = 8 << 20;

    /// <summary>How long requests under way may go on when the server stops.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Receives one line for each internal error; none by default.</summary>
    public Action<string>? Log { get; init; }
}
