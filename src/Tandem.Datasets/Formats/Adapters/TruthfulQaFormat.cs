namespace Tandem.Datasets;

/// <summary>
/// TruthfulQA (arXiv 2109.07958): <c>Question</c>, <c>Best Answer</c>, and <c>Correct Answers</c> and <c>Incorrect Answers</c>
/// separated by semicolons; or the hub's <c>mc1_targets</c> and <c>mc2_targets</c> with <c>choices</c> and <c>labels</c>.
/// With several right options (MC2) all are in <see cref="ChoiceRecord.Answers"/>; with one (MC1) the best stands alone.
/// </summary>
internal sealed class TruthfulQaFormat(bool oneRight) : IDataFormat
{
    public static bool Recognizes(DataRow row) =>
        (row.Has("Best Answer") && row.Has("Incorrect Answers")) || (row.Has("mc1_targets") && row.Has("mc2_targets"));

    public void Read(DataRow row, RecordSink sink)
    {
        (string question, List<string> right, List<string> wrong) = row.Has("mc1_targets") ? OfTargets(row) : OfText(row);
        if (oneRight && right.Count > 1)
            right.RemoveRange(1, right.Count - 1);
        if (right.Count == 0 || wrong.Count == 0)
            sink.Drop("no right or no wrong option");
        else if (right.Intersect(wrong).Any())
            sink.Drop("the same option is right and wrong");
        else
            sink.Add(OptionOrder.Choice("", question, right, wrong) with { Section = row.OptionalText("Category") }, row);
    }

    private static (string Question, List<string> Right, List<string> Wrong) OfText(DataRow row)
    {
        string best = row.Text("Best Answer").Trim();
        List<string> right = [best, .. Parts(row.Text("Correct Answers")).Where(a => a != best)];
        right.RemoveAll(a => a.Length == 0);
        return (row.Text("Question"), right, [.. Parts(row.Text("Incorrect Answers"))]);
    }

    private (string Question, List<string> Right, List<string> Wrong) OfTargets(DataRow row)
    {
        string name = oneRight ? "mc1_targets" : "mc2_targets";
        DataRow targets = row.Object(name);
        IReadOnlyList<string> choices = targets.Texts("choices");
        IReadOnlyList<int> labels = targets.Integers("labels");
        if (choices.Count != labels.Count)
            throw row.Fault($"'{name}' has {choices.Count} choices and {labels.Count} labels", "Give each choice one label, 1 or 0.");
        return (row.Text("question"), [.. choices.Where((_, i) => labels[i] == 1)], [.. choices.Where((_, i) => labels[i] != 1)]);
    }

    private static string[] Parts(string text) => text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
