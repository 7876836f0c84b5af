using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>LLMBar (arXiv 2310.07641): <c>input</c>, <c>output_1</c>, <c>output_2</c>, and <c>label</c> 1 or 2, the better one. The section is the file.</summary>
internal sealed class LlmBarFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        int label = row.Integer("label");
        if (label is not (1 or 2))
            throw row.Fault($"the field 'label' is {label}", "It must be 1 or 2.");
        string first = row.Text("output_1"), second = row.Text("output_2");
        Turns.AddPreference(
            [new ChatTurn(ChatRole.User, row.Text("input"))], label == 1 ? first : second, label == 1 ? second : first, row, sink,
            r => r with { Section = row.FileStem });
    }
}
