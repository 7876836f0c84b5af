namespace Tandem.Endpoints;

/// <summary>What came of a request to a model behind an endpoint. The kinds are counted apart, never as one.</summary>
public enum ReplyKind
{
    /// <summary>A reply that could be read.</summary>
    Answered,

    /// <summary>The model or the server's filter refused.</summary>
    Refused,

    /// <summary>A reply came that does not have the form that was asked for.</summary>
    Unparsed,

    /// <summary>No reply came, after all retries.</summary>
    Failed,
}
