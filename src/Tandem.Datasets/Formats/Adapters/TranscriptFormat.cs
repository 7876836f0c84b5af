using System.Text.Json;
using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>
/// HH-RLHF (arXiv 2204.05862) and sets in its layout: <c>chosen</c> and <c>rejected</c> are transcripts of the form
/// "\n\nHuman: … \n\nAssistant: …" that share all but the last reply.
/// </summary>
internal sealed class TranscriptFormat : IDataFormat
{
    public const string NotATranscript = "the text is not a transcript that begins with Human:";
    public const string Joined = "consecutive turns of one speaker: joined";

    private const string Human = "\n\nHuman:";
    private const string Assistant = "\n\nAssistant:";

    public static bool Recognizes(DataRow row) =>
        row.Is("chosen", JsonValueKind.String) && row.Is("rejected", JsonValueKind.String)
        && IsTranscript(row.Text("chosen")) && IsTranscript(row.Text("rejected"));

    public void Read(DataRow row, RecordSink sink)
    {
        bool joined = false;
        List<ChatTurn>? chosen = Parse(row.Text("chosen"), ref joined);
        List<ChatTurn>? rejected = Parse(row.Text("rejected"), ref joined);
        if (chosen is null || rejected is null)
        {
            sink.Drop(NotATranscript);
            return;
        }

        Turns.AddPreference(chosen, rejected, row, sink, record =>
        {
            if (joined)
                sink.Correct(Joined);
            return record with { Section = row.FileStem };
        });
    }

    private static bool IsTranscript(string text) => text.AsSpan().TrimStart().StartsWith(Human.AsSpan().TrimStart(), StringComparison.Ordinal);

    private static List<ChatTurn>? Parse(string text, ref bool joined)
    {
        if (!IsTranscript(text))
            return null;
        var turns = new List<ChatTurn>();
        int at = text.IndexOf(Human.Trim(), StringComparison.Ordinal) + Human.Trim().Length;
        string role = ChatRole.User;
        while (true)
        {
            int human = text.IndexOf(Human, at, StringComparison.Ordinal);
            int assistant = text.IndexOf(Assistant, at, StringComparison.Ordinal);
            int next = human < 0 ? assistant : assistant < 0 ? human : Math.Min(human, assistant);
            string content = (next < 0 ? text[at..] : text[at..next]).Trim();
            if (turns is [.., { } last] && last.Role == role)
            {
                turns[^1] = last with { Content = $"{last.Content}\n\n{content}".Trim() };
                joined = true;
            }
            else
            {
                turns.Add(new ChatTurn(role, content));
            }

            if (next < 0)
                return turns;
            role = next == human ? ChatRole.User : ChatRole.Assistant;
            at = next + (next == human ? Human : Assistant).Length;
        }
    }
}
