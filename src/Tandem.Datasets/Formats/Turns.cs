using System.Text;
using System.Text.Json;
using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>Reads turns in the spellings that data sets have: role and content, or ShareGPT's from and value.</summary>
internal static class Turns
{
    public const string PromptsDiffer = "the two conversations differ before their last reply";
    public const string EmptyReply = "a reply is empty";
    public const string SameReply = "both replies are the same";

    /// <summary>The turns of a list; of a text, one user turn.</summary>
    public static IReadOnlyList<ChatTurn> OfField(DataRow row, string name) =>
        row.Is(name, JsonValueKind.Array) ? [.. row.Rows(name).Select(Turn)] : [new ChatTurn(ChatRole.User, row.Text(name))];

    /// <summary>The reply in a field: a text, or the last of its turns, which must be the assistant's.</summary>
    public static string Reply(DataRow row, string name)
    {
        if (!row.Is(name, JsonValueKind.Array))
            return row.Text(name);
        IReadOnlyList<ChatTurn> turns = OfField(row, name);
        return turns is [.., { Role: ChatRole.Assistant } last]
            ? last.Content
            : throw row.Fault($"the turns of '{name}' do not end with the assistant's", "End them with a turn of the role assistant.");
    }

    /// <summary>Adds the preference of two whole conversations, which share all turns but the last.</summary>
    public static void AddPreference(
        IReadOnlyList<ChatTurn> chosen, IReadOnlyList<ChatTurn> rejected, DataRow row, RecordSink sink, Func<PreferenceRecord, PreferenceRecord>? finish = null)
    {
        ChatTurn[] prompt = [.. chosen.SkipLast(1)];
        if (chosen is not [.., { Role: ChatRole.Assistant }] || rejected is not [.., { Role: ChatRole.Assistant }])
            sink.Drop("a conversation does not end with the assistant's reply");
        else if (!rejected.SkipLast(1).SequenceEqual(prompt))
            sink.Drop(PromptsDiffer);
        else
            AddPreference(prompt, chosen[^1].Content, rejected[^1].Content, row, sink, finish);
    }

    /// <summary>Adds a preference, unless its replies cannot be compared.</summary>
    public static void AddPreference(
        IReadOnlyList<ChatTurn> prompt, string chosen, string rejected, DataRow row, RecordSink sink, Func<PreferenceRecord, PreferenceRecord>? finish = null)
    {
        if (string.IsNullOrWhiteSpace(chosen) || string.IsNullOrWhiteSpace(rejected))
        {
            sink.Drop(EmptyReply);
        }
        else if (chosen == rejected)
        {
            sink.Drop(SameReply);
        }
        else
        {
            PreferenceRecord record = DataRecords.Preference(prompt, chosen, rejected);
            sink.Add(finish is null ? record : finish(record), row);
        }
    }

    private static ChatTurn Turn(DataRow turn)
    {
        bool shareGpt = turn.Has("from") && !turn.Has("role");
        string role = turn.Text(shareGpt ? "from" : "role");
        return new ChatTurn(
            role.Trim().ToLowerInvariant() switch
            {
                "user" or "human" => ChatRole.User,
                "assistant" or "gpt" or "chatgpt" or "bot" or "model" => ChatRole.Assistant,
                "system" => ChatRole.System,
                var other => other,
            },
            Content(turn, shareGpt ? "value" : "content"));
    }

    // A list of parts is text where all parts are text: a turn without its image is another question.
    private static string Content(DataRow turn, string name)
    {
        if (!turn.Is(name, JsonValueKind.Array))
            return turn.Text(name);
        var text = new StringBuilder();
        foreach (DataRow part in turn.Rows(name))
        {
            if (part.Text("type") != "text")
                throw part.Fault($"a part of '{name}' has the type '{part.Text("type")}'", "Only text can be read: leave such conversations out.");
            text.Append(part.Text("text"));
        }

        return text.ToString();
    }
}
