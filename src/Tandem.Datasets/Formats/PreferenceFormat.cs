using System.Text.Json;
using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>
/// Preferences: <c>chosen</c> and <c>rejected</c>, with <c>prompt</c> or with the prompt inside both; texts or lists of turns.
/// Without <c>prompt</c>, turns share all but the last; texts share their longest common beginning, back to a white space.
/// </summary>
internal sealed class PreferenceFormat : IDataFormat
{
    public void Read(DataRow row, RecordSink sink)
    {
        bool turns = row.Is("chosen", JsonValueKind.Array);
        if (row.Has("prompt"))
        {
            IReadOnlyList<ChatTurn> prompt = Turns.OfField(row, "prompt");
            // Some sets repeat the prompt inside the conversations; their turns then say more than the prompt's text.
            if (turns && row.Rows("chosen").Count > 1)
                Turns.AddPreference(Turns.OfField(row, "chosen"), Turns.OfField(row, "rejected"), row, sink, r => WithMargin(r, row));
            else
                Turns.AddPreference(prompt, Turns.Reply(row, "chosen"), Turns.Reply(row, "rejected"), row, sink, r => WithMargin(r, row));
        }
        else if (turns)
        {
            Turns.AddPreference(Turns.OfField(row, "chosen"), Turns.OfField(row, "rejected"), row, sink, r => WithMargin(r, row));
        }
        else
        {
            SharedBeginning(row, sink);
        }
    }

    private static void SharedBeginning(DataRow row, RecordSink sink)
    {
        string chosen = row.Text("chosen"), rejected = row.Text("rejected");
        int shared = chosen.AsSpan().CommonPrefixLength(rejected);
        while (shared > 0 && !char.IsWhiteSpace(chosen[shared - 1]))
            shared--;
        string prompt = chosen[..shared].Trim();
        if (prompt.Length == 0)
            sink.Drop("the two texts share no prompt");
        else
            Turns.AddPreference([new ChatTurn(ChatRole.User, prompt)], chosen[shared..], rejected[shared..], row, sink, r => WithMargin(r, row));
    }

    private static PreferenceRecord WithMargin(PreferenceRecord record, DataRow row)
    {
        if (row.OptionalNumber("margin") is { } margin)
            return record with { Margin = margin };
        return row.OptionalNumber("score_chosen") is { } better && row.OptionalNumber("score_rejected") is { } worse
            ? record with { Margin = better - worse }
            : record;
    }
}
