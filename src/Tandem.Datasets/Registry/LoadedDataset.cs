namespace Tandem.Datasets;

/// <summary>What was loaded, and what was not.</summary>
/// <param name="Records">The records.</param>
/// <param name="Counts">What became of the rows.</param>
/// <param name="Format">The layout that was used.</param>
/// <param name="Files">The files that were read, in order.</param>
/// <param name="Entry">The known data set; null where none was named.</param>
public sealed record LoadedDataset(
    IReadOnlyList<DataRecord> Records, DatasetCounts Counts, DataFormat Format, IReadOnlyList<string> Files, DataSetEntry? Entry);

/// <summary>What became of the rows of a data set.</summary>
/// <param name="Rows">The rows read. One row may hold several records.</param>
/// <param name="Kept">The records kept.</param>
/// <param name="LeftOut">Good records that the limit left out, of those read.</param>
/// <param name="Dropped">Records dropped, by reason.</param>
/// <param name="Corrected">Corrections made, by rule.</param>
public sealed record DatasetCounts(
    long Rows, long Kept, long LeftOut, IReadOnlyDictionary<string, long> Dropped, IReadOnlyDictionary<string, long> Corrected);
