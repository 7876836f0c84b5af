namespace Tandem.Datasets;

/// <summary>Takes what a format makes of rows, and counts it. Nothing is left out without a count.</summary>
/// <param name="take">Receives each record.</param>
public sealed class RecordSink(Action<DataRecord> take)
{
    private readonly SortedDictionary<string, long> _dropped = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _corrected = new(StringComparer.Ordinal);

    /// <summary>Items dropped by reason.</summary>
    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    /// <summary>Corrections made by kind.</summary>
    public IReadOnlyDictionary<string, long> Corrected => _corrected;

    /// <summary>Takes a record and notes where it was read.</summary>
    /// <param name="record">The record.</param>
    /// <param name="row">Its row.</param>
    public void Add(DataRecord record, DataRow row)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(row);
        take(record with { Origin = row.Origin });
    }

    /// <summary>Leaves an item out.</summary>
    /// <param name="reason">Why, in a few words that are the same for all such items.</param>
    public void Drop(string reason) => _dropped[reason] = _dropped.GetValueOrDefault(reason) + 1;

    /// <summary>Notes that an item was corrected by a stated rule.</summary>
    /// <param name="what">The rule, in a few words.</param>
    public void Correct(string what) => _corrected[what] = _corrected.GetValueOrDefault(what) + 1;
}
