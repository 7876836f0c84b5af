using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>Conversations: <c>messages</c> with role and content, or ShareGPT's <c>conversations</c> with from and value.</summary>
internal sealed class ConversationFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        IReadOnlyList<ChatTurn> turns = Turns.OfField(row, row.Has("conversations") && !row.Has("messages") ? "conversations" : "messages");
        if (turns.All(t => t.Role != ChatRole.Assistant))
            sink.Drop("the conversation has no turn of the assistant");
        else
            sink.Add(DataRecords.Conversation(turns), row);
    }
}
