namespace Tandem.Datasets;

/// <summary>CosmosQA (arXiv 1909.00277): <c>context</c>, <c>question</c>, <c>answer0</c> to <c>answer3</c>, <c>label</c> from 0; -1 or none where withheld.</summary>
internal sealed class CosmosQaFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        string[] options = [row.Text("answer0"), row.Text("answer1"), row.Text("answer2"), row.Text("answer3")];
        int? answer = row.Has("label") && !(row.Is("label", System.Text.Json.JsonValueKind.String) && row.Text("label").Trim().Length == 0)
            ? row.Integer("label")
            : null;
        if (answer is < -1 or > 3)
            throw row.Fault($"the field 'label' is {answer}", "It must be 0, 1, 2 or 3, or -1 where the answer is withheld.");
        sink.Add(DataRecords.Choice(row.Text("context"), row.Text("question"), options, answer == -1 ? null : answer), row);
    }
}
