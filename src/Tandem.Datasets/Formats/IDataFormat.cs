namespace Tandem.Datasets;

/// <summary>Makes typed records of the rows of one layout.</summary>
public interface IDataFormat
{
    /// <summary>
    /// Turns a row into records: most often one, several where a row holds several items, none where the row is dropped
    /// with a reason. A row that does not have the layout is a fault at its line.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="sink">Takes the records, and counts what was dropped or corrected.</param>
    /// <exception cref="Tandem.Tensors.UserFaultException">A field is missing or mistyped.</exception>
    void Read(DataRow row, RecordSink sink);
}
