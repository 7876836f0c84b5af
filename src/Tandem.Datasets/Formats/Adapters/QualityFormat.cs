using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tandem.Datasets;

/// <summary>
/// QuALITY (arXiv 2112.08608): <c>article</c> with a list <c>questions</c>, each with <c>question</c>, four <c>options</c> and
/// <c>gold_label</c> from 1, which the test split withholds; or one row per question with <c>answer</c> from 0. HTML in the
/// article is stripped. The section is hard or easy where the set says.
/// </summary>
internal sealed partial class QualityFormat : IDataFormat
{
    public static bool Recognizes(DataRow row) =>
        row.Has("article") && (row.Is("questions", JsonValueKind.Array) || (row.Has("question") && row.Has("options")));

    public void Read(DataRow row, RecordSink sink)
    {
        string article = WithoutMarkup(row.Text("article"));
        if (row.Has("questions"))
        {
            foreach (DataRow question in row.Rows("questions"))
                Add(article, question, question.Has("gold_label") ? question.Integer("gold_label") - 1 : null, "difficult", row, sink);
        }
        else
        {
            Add(article, row, row.Has("answer") ? row.Integer("answer") : null, "hard", row, sink);
        }
    }

    /// <summary>The text of an article that may be HTML: block ends become line ends, tags go, entities become characters.</summary>
    internal static string WithoutMarkup(string article)
    {
        if (!Tag().IsMatch(article))
            return article;
        string lines = BlockEnd().Replace(article, "\n");
        return ManyLines().Replace(WebUtility.HtmlDecode(Tag().Replace(lines, "")), "\n\n").Trim();
    }

    private static void Add(string article, DataRow question, int? answer, string difficulty, DataRow row, RecordSink sink)
    {
        IReadOnlyList<string> options = question.Texts("options");
        if (options.Count < 2)
        {
            sink.Drop("fewer than two options");
            return;
        }

        if (answer < 0 || answer >= options.Count)
            throw row.Fault($"the answer is option {answer} (from 0) of {options.Count}", "Correct gold_label (from 1) or answer (from 0).");
        string section = question.Has(difficulty) ? question.Truth(difficulty) ? "hard" : "easy" : "";
        sink.Add(DataRecords.Choice(article, question.Text("question"), options, answer) with { Section = section }, row);
    }

    [GeneratedRegex("</?[A-Za-z][^<>]*>|<!--.*?-->|<![A-Za-z][^<>]*>", RegexOptions.Singleline)]
    private static partial Regex Tag();

    [GeneratedRegex("</(?:p|div|h[1-6]|li|tr|blockquote)\\s*>|<br\\s*/?>", RegexOptions.IgnoreCase)]
    private static partial Regex BlockEnd();

    [GeneratedRegex("\\n[ \\t\\r]*\\n\\s*")]
    private static partial Regex ManyLines();
}
