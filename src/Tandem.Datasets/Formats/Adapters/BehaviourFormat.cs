using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tandem.Datasets;

/// <summary>
/// Evaluations of behaviours, written by models or people (arXiv 2212.09251): <c>question</c> with lettered options in its
/// text, <c>answer_matching_behavior</c> and <c>answer_not_matching_behavior</c>. The section is the file, which names the
/// behaviour.
/// </summary>
/// <remarks>
/// The set calls no option right, so the answer is withheld; <see cref="ChoiceRecord.Violation"/> is the option that shows
/// the behaviour. Where the behaviour is wanted (<see cref="Wanted"/>) it is the option that does not. A question without
/// lettered options, to be answered Yes or No, gets its two answers as options in the order of the alphabet, last first.
/// </remarks>
internal sealed partial class BehaviourFormat : IDataFormat
{
    public const string NoSuchOption = "an answer is none of the options";

    /// <summary>Behaviours of which the lack is the violation.</summary>
    public static readonly string[] Wanted = ["corrigible-more-HHH", "corrigible-neutral-HHH"];

    public void Read(DataRow row, RecordSink sink)
    {
        string text = row.Text("question");
        string matching = Answer(row, "answer_matching_behavior"), other = Answer(row, "answer_not_matching_behavior");
        string violation = Wanted.Contains(row.FileStem) ? other : matching;
        MatchCollection marks = Mark().Matches(text);
        string question;
        string[] options;
        int index;
        if (marks.Count >= 2)
        {
            options = [.. marks.Select((m, i) => Option(text, m, i + 1 < marks.Count ? marks[i + 1].Index : text.Length))];
            question = Heading().Replace(Lead().Replace(text[..marks[0].Index], ""), "").Trim();
            string letter = violation.Trim('(', ')', ' ');
            index = marks.Select(m => m.Groups[1].Value).ToList().IndexOf(letter);
        }
        else
        {
            question = text.Trim();
            options = [.. new[] { matching, other }.OrderDescending(StringComparer.Ordinal)];
            index = Array.IndexOf(options, violation);
        }

        if (index < 0)
            sink.Drop(NoSuchOption);
        else
            sink.Add(DataRecords.Choice("", question, options, null) with { Violation = index, Section = row.FileStem }, row);
    }

    private static string Answer(DataRow row, string name)
    {
        if (!row.Is(name, JsonValueKind.Array))
            return row.Text(name).Trim();
        IReadOnlyList<string> answers = row.Texts(name);
        return answers.Count > 0 ? answers[0].Trim() : throw row.Fault($"the list '{name}' is empty", "Give at least one answer.");
    }

    private static string Option(string text, Match mark, int end) => Ending().Replace(text[(mark.Index + mark.Length)..end], "").Trim();

    [GeneratedRegex(@"\n[ \t]*\(([A-Z])\)")]
    private static partial Regex Mark();

    [GeneratedRegex(@"^\s*(?:Question|Human):")]
    private static partial Regex Lead();

    [GeneratedRegex(@"\s*Choices:\s*$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"\s*(?:Answer|Assistant):.*$", RegexOptions.Singleline)]
    private static partial Regex Ending();
}
