namespace Tandem.Endpoints;

/// <summary>How many requests came to which end. What was not answered is neither right nor wrong, safe nor unsafe: it is not scored.</summary>
/// <param name="Answered">Replies that could be read.</param>
/// <param name="Refused">Refusals of the model or of the server's filter.</param>
/// <param name="Unparsed">Replies without the form that was asked for.</param>
/// <param name="Failed">Requests without a reply.</param>
public sealed record ReplyCounts(long Answered, long Refused, long Unparsed, long Failed)
{
    /// <summary>All requests.</summary>
    public long Total => Answered + Refused + Unparsed + Failed;

    /// <summary>The number of one kind.</summary>
    public long Of(ReplyKind kind) => kind switch
    {
        ReplyKind.Answered => Answered,
        ReplyKind.Refused => Refused,
        ReplyKind.Unparsed => Unparsed,
        ReplyKind.Failed => Failed,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>The share of one kind among all; null when there were none.</summary>
    public double? Rate(ReplyKind kind) => Total == 0 ? null : (double)Of(kind) / Total;
}

/// <summary>Counts the ends of requests, from any number of threads.</summary>
public sealed class ReplyTally
{
    private readonly long[] _counts = new long[Enum.GetValues<ReplyKind>().Length];

    /// <summary>The counts at this moment.</summary>
    public ReplyCounts Counts => new(Of(ReplyKind.Answered), Of(ReplyKind.Refused), Of(ReplyKind.Unparsed), Of(ReplyKind.Failed));

    /// <summary>Counts one.</summary>
    public void Count(ReplyKind kind) => Interlocked.Increment(ref _counts[(int)kind]);

    private long Of(ReplyKind kind) => Interlocked.Read(ref _counts[(int)kind]);
}
