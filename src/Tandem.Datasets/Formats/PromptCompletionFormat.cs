namespace Tandem.Datasets;

/// <summary>Prompt and completion: <c>prompt</c> and <c>completion</c>, each a text or a list of turns.</summary>
internal sealed class PromptCompletionFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        string completion = Turns.Reply(row, "completion");
        if (string.IsNullOrWhiteSpace(completion))
            sink.Drop("the completion is empty");
        else
            sink.Add(DataRecords.PromptCompletion(Turns.OfField(row, "prompt"), completion), row);
    }
}
