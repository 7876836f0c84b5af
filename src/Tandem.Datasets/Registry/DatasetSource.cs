namespace Tandem.Datasets;

/// <summary>A data set that is read record by record. The counts are those of the last reading.</summary>
public sealed class DatasetSource
{
    private RecordSink _sink = new(_ => { });

    internal DatasetSource(IReadOnlyList<string> files, DataFormat format, DataSetEntry? entry) => (Files, Format, Entry) = (files, format, entry);

    /// <summary>The files, in the order of reading.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The layout.</summary>
    public DataFormat Format { get; }

    /// <summary>The known data set; null where none was named.</summary>
    public DataSetEntry? Entry { get; }

    /// <summary>The rows read so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Records dropped so far, by reason.</summary>
    public IReadOnlyDictionary<string, long> Dropped => _sink.Dropped;

    /// <summary>Corrections made so far, by rule.</summary>
    public IReadOnlyDictionary<string, long> Corrected => _sink.Corrected;

    /// <summary>The records in order, read while they are asked for.</summary>
    /// <param name="cancellation">Stops between rows.</param>
    /// <exception cref="Tandem.Tensors.UserFaultException">A row is malformed.</exception>
    public IEnumerable<DataRecord> Records(CancellationToken cancellation = default)
    {
        var waiting = new Queue<DataRecord>();
        _sink = new RecordSink(waiting.Enqueue);
        Rows = 0;
        foreach (string file in Files)
        {
            foreach (DataRow row in RowFile.Read(file))
            {
                cancellation.ThrowIfCancellationRequested();
                Rows++;
                Format.Reader.Read(row, _sink);
                while (waiting.TryDequeue(out DataRecord? record))
                    yield return record;
            }
        }
    }
}
