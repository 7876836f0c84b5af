namespace Tandem.Endpoints.Wire;

/// <summary>A file of the reply cache.</summary>
internal sealed record StoredReply
{
    /// <summary>The request, so that a file that was mixed up answers nothing else.</summary>
    public required string Request { get; init; }

    public required ChatReply Reply { get; init; }
}

/// <summary>The file of a <see cref="SpendingLedger"/>.</summary>
internal sealed record LedgerFile
{
    public required Spending Spent { get; init; }

    /// <summary>The worst cases of the requests that were under way.</summary>
    public required Spending Reserved { get; init; }
}
