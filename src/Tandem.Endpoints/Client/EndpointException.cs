namespace Tandem.Endpoints;

/// <summary>Why a request brought no reply.</summary>
public enum EndpointFault
{
    /// <summary>The server could not be reached, or the connection broke.</summary>
    Connection,

    /// <summary>The reply took longer than the configuration allows.</summary>
    Timeout,

    /// <summary>The server replied with an error.</summary>
    Status,

    /// <summary>The server replied with something that is not of the protocol.</summary>
    Malformed,

    /// <summary>The server's filter blocked the request or the reply.</summary>
    Filtered,
}

/// <summary>A request to an endpoint that brought no reply.</summary>
public sealed class EndpointException : Exception
{
    /// <summary>Creates the fault.</summary>
    /// <param name="fault">Why.</param>
    /// <param name="message">What happened, in one line, without the key.</param>
    /// <param name="status">The HTTP status, if there was one.</param>
    /// <param name="code">The server's own name of the error, if it gave one.</param>
    /// <param name="retryAfter">How long the server asks to wait, if it does.</param>
    /// <param name="inner">The underlying error.</param>
    public EndpointException(
        EndpointFault fault, string message, int? status = null, string? code = null, TimeSpan? retryAfter = null, Exception? inner = null)
        : base(message, inner) => (Fault, Status, Code, RetryAfter) = (fault, status, code, retryAfter);

    /// <summary>Why.</summary>
    public EndpointFault Fault { get; }

    /// <summary>The HTTP status, if there was one.</summary>
    public int? Status { get; }

    /// <summary>The server's own name of the error, if it gave one.</summary>
    public string? Code { get; }

    /// <summary>How long the server asks to wait before the next request.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Whether the same request may succeed later: connections, timeouts, 408, 429 and 5xx.</summary>
    public bool MayPass => Fault switch
    {
        // Without credit, waiting does not help.
        EndpointFault.Status => Code != "insufficient_quota" && Status is 408 or 429 or >= 500,
        EndpointFault.Connection or EndpointFault.Timeout => true,
        _ => false,
    };

    /// <summary>Whether the server may have computed, and charged for, a reply that did not arrive.</summary>
    public bool MayHaveBeenCharged => Fault != EndpointFault.Status;
}
