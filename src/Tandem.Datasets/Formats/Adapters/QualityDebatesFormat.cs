using System.Text.RegularExpressions;

namespace Tandem.Datasets;

/// <summary>
/// Debates on QuALITY stories (arXiv 2311.08702, 2409.16636): <c>background_text</c>, <c>question</c>, two <c>positions</c>,
/// <c>correct_index</c>, and <c>speeches</c> with <c>speaker_type</c> 1 for a debater and 2 for the judge. Passages between
/// the marks &lt;quote&gt; and &lt;/quote&gt; are quotes. The file of annotated speeches has no stories; its rows are dropped.
/// </summary>
internal sealed partial class QualityDebatesFormat : IDataFormat
{
    public const string NoStory = "annotated speeches without a story";

    private const int DebaterType = 1;
    private const int JudgeType = 2;

    public static bool Recognizes(DataRow row) =>
        row.Has("speeches") && ((row.Has("background_text") && row.Has("positions")) || row.Has("debate"));

    public void Read(DataRow row, RecordSink sink)
    {
        if (row.Has("debate") && !row.Has("background_text"))
        {
            sink.Drop(NoStory);
            return;
        }

        IReadOnlyList<string> answers = row.Texts("positions");
        int correct = row.Integer("correct_index");
        if (answers.Count < 2 || correct < 0 || correct >= answers.Count)
            throw row.Fault($"the right answer is {correct} of {answers.Count} positions", "Give two positions or more, and correct_index from 0.");
        DebateSpeech[] speeches = [.. row.Rows("speeches").Select(s => Speech(s, answers.Count))];
        sink.Add(
            DataRecords.Debate(row.OptionalText("story_title"), row.Text("background_text"), row.Text("question"), answers, correct, speeches), row);
    }

    private static DebateSpeech Speech(DataRow speech, int positions)
    {
        string text = speech.Text("text");
        string[] quotes = [.. Quote().Matches(text).Select(m => m.Groups[1].Value.Trim())];
        string plain = Mark().Replace(text, "");
        int type = speech.Integer("speaker_type");
        if (type == JudgeType)
            return new DebateSpeech(DebateSpeaker.Judge, null, plain, quotes);
        int position = speech.Integer("position");
        return type == DebaterType && position >= 0 && position < positions
            ? new DebateSpeech(DebateSpeaker.Debater, position, plain, quotes)
            : throw speech.Fault($"speaker_type {type} with position {position}", "speaker_type is 1 for a debater, whose position is an index of positions, and 2 for the judge.");
    }

    [GeneratedRegex("<quote>(.*?)</quote>", RegexOptions.Singleline)]
    private static partial Regex Quote();

    [GeneratedRegex("</?quote>")]
    private static partial Regex Mark();
}
