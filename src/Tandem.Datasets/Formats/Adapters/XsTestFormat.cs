namespace Tandem.Datasets;

/// <summary>XSTest (arXiv 2308.01263): <c>prompt</c>, <c>type</c>, and <c>label</c> safe or unsafe; without it, types that begin with contrast_ are unsafe.</summary>
internal sealed class XsTestFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        string type = row.Text("type");
        string label = row.Has("label") ? row.Text("label").Trim() : type.StartsWith("contrast_", StringComparison.Ordinal) ? "unsafe" : "safe";
        ExpectedBehaviour expected = label switch
        {
            "safe" => ExpectedBehaviour.Comply,
            "unsafe" => ExpectedBehaviour.Refuse,
            _ => throw row.Fault($"the field 'label' is '{label}'", "It must be safe or unsafe."),
        };
        sink.Add(DataRecords.Prompt(row.Text("prompt"), expected) with { Section = type }, row);
    }
}
