using System.Globalization;
using System.Text.Json;

namespace Tandem.Datasets;

/// <summary>
/// Questions with options: <c>question</c>, <c>options</c> or <c>choices</c> (a list, or an object with the lists text and
/// label), and <c>answer</c>, <c>label</c> or <c>answerKey</c>: an option's text, its letter, its label, or its index from 0.
/// <c>context</c> or <c>passage</c> may come before the question. A null or absent answer is withheld.
/// </summary>
internal sealed class ChoiceFormat : IDataFormat
{
    private static readonly string[] OptionNames = ["options", "choices"];
    private static readonly string[] AnswerNames = ["answer", "answerKey", "answer_index", "label"];
    private static readonly string[] ContextNames = ["context", "passage"];

    public static bool Recognizes(DataRow row) => row.Has("question") && OptionNames.Any(row.Has);

    public void Read(DataRow row, RecordSink sink)
    {
        string field = OptionNames.FirstOrDefault(row.Has) ?? OptionNames[0];
        IReadOnlyList<string> labels = [];
        IReadOnlyList<string> options;
        if (row.Is(field, JsonValueKind.Object))
        {
            DataRow both = row.Object(field);
            (options, labels) = (both.Texts("text"), both.Has("label") ? both.Texts("label") : []);
        }
        else
        {
            options = row.Texts(field);
        }

        if (options.Count < 2)
        {
            sink.Drop("fewer than two options");
            return;
        }

        string? context = ContextNames.FirstOrDefault(row.Has);
        sink.Add(DataRecords.Choice(context is null ? "" : row.Text(context), row.Text("question"), options, Answer(row, options, labels)), row);
    }

    private static int? Answer(DataRow row, IReadOnlyList<string> options, IReadOnlyList<string> labels)
    {
        string? name = AnswerNames.FirstOrDefault(row.Has);
        if (name is null)
            return null;
        bool number = row.Is(name, JsonValueKind.Number);
        string text = number ? row.Integer(name).ToString(CultureInfo.InvariantCulture) : row.Text(name).Trim();
        if (text.Length == 0)
            return null;
        int index = number ? -1 : IndexOf(options, text);
        if (index < 0 && !number)
            index = IndexOf(labels, text);
        if (index < 0 && !number && text.Trim('(', ')', '.') is [>= 'A' and <= 'Z' or >= 'a' and <= 'z'] letter)
            index = char.ToUpperInvariant(letter[0]) - 'A';
        if (index < 0 && !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out index))
            index = -1;
        return index >= 0 && index < options.Count
            ? index
            : throw row.Fault($"the answer '{text}' is none of the {options.Count} options", "Give an option's text, its letter, or its index from 0.");
    }

    private static int IndexOf(IReadOnlyList<string> texts, string text)
    {
        for (int i = 0; i < texts.Count; i++)
        {
            if (texts[i].Trim() == text)
                return i;
        }

        return -1;
    }
}
