using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>Loads data sets from files.</summary>
public static class DatasetLoader
{
    private const int RowsLookedAt = 8;

    /// <summary>Loads the records of a request into memory.</summary>
    /// <param name="request">What to load.</param>
    /// <param name="cancellation">Stops between rows.</param>
    /// <exception cref="UserFaultException">A file is missing or malformed, or its format is not recognized; nothing is loaded then.</exception>
    public static LoadedDataset Load(DatasetRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Limit is <= 0)
            throw new UserFaultException($"The limit is {request.Limit}.", "Give 1 or more, or leave it out.", FaultKind.Usage);
        DatasetSource source = Open(request);
        var sample = new Sample(request.Limit, request.Seed);
        foreach (DataRecord record in source.Records(cancellation))
        {
            sample.Offer(record);
            // Without a seed the first records are taken, and what is behind them need not be read.
            if (request.Seed is null && sample.Offered == request.Limit)
                break;
        }

        DataRecord[] kept = sample.Taken();
        var counts = new DatasetCounts(source.Rows, kept.Length, sample.Offered - kept.Length, source.Dropped, source.Corrected);
        return new LoadedDataset(kept, counts, source.Format, source.Files, source.Entry);
    }

    /// <summary>Opens a request for reading record by record; memory holds one row at a time. Limit and seed are not used.</summary>
    /// <param name="request">What to read.</param>
    /// <exception cref="UserFaultException">A file is missing or its format is not recognized.</exception>
    public static DatasetSource Open(DatasetRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        DataSetEntry? entry = request.Name is null ? null : DataSets.Named(request.Name);
        IReadOnlyList<string> files = DatasetFiles.Of(request, entry);
        DataFormat format = request.Format != DataFormats.Automatic
            ? DataFormats.Named(request.Format)
            : entry is not null ? DataFormats.Named(entry.Format) : Detected(files);
        return new DatasetSource(files, format, entry);
    }

    private static DataFormat Detected(IReadOnlyList<string> files)
    {
        foreach (string file in files)
        {
            DataRow[] first = [.. RowFile.Read(file).Take(RowsLookedAt)];
            if (first.Length > 0)
                return DataFormats.Detect(first);
        }

        throw RowFault.At(files[0], 1, "there are no rows", "Check that the file was written or fetched whole.");
    }

    /// <summary>All records, the first ones, or a uniform sample by reservoir (Vitter 1985, algorithm R).</summary>
    private sealed class Sample(int? limit, ulong? seed)
    {
        private readonly List<(int Index, DataRecord Record)> _taken = [];
        private readonly RandomStream _random = new RandomStream(seed ?? 0).Fork("subsample");

        public int Offered { get; private set; }

        public void Offer(DataRecord record)
        {
            int index = Offered++;
            if (limit is not { } most || _taken.Count < most)
            {
                _taken.Add((index, record));
                return;
            }

            int place = seed is null ? most : _random.NextInt32(Offered);
            if (place < most)
                _taken[place] = (index, record);
        }

        public DataRecord[] Taken() => [.. _taken.OrderBy(t => t.Index).Select(t => t.Record)];
    }
}
