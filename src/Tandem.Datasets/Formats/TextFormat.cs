namespace Tandem.Datasets;

/// <summary>Language modelling: <c>text</c>.</summary>
internal sealed class TextFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        string text = row.Text("text");
        if (string.IsNullOrWhiteSpace(text))
            sink.Drop("the text is empty");
        else
            sink.Add(DataRecords.Text(text), row);
    }
}
