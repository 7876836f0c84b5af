namespace Tandem.Datasets;

/// <summary>BoolQ (arXiv 1905.10044): <c>question</c>, <c>passage</c>, <c>answer</c> true or false; the options are yes and no.</summary>
internal sealed class BoolQFormat : IDataFormat
{
    private static readonly string[] Options = ["yes", "no"];

    public void Read(DataRow row, RecordSink sink) =>
        sink.Add(DataRecords.Choice(row.Text("passage"), row.Text("question"), Options, row.Truth("answer") ? 0 : 1), row);
}
