namespace Tandem.Datasets;

/// <summary>
/// SciQ (arXiv 1707.06209): <c>question</c>, <c>correct_answer</c>, <c>distractor1</c> to <c>distractor3</c>, <c>support</c>.
/// The form used for weak-to-strong generalization has each question twice, with a right and with a wrong answer in
/// <c>txt</c>, told apart by <c>hard_label</c>: the row with 0 is dropped.
/// </summary>
internal sealed class SciQFormat : IDataFormat
{
    public const string SecondRow = "the question's second row (hard_label 0)";

    public void Read(DataRow row, RecordSink sink)
    {
        if (row.Has("hard_label") && row.Integer("hard_label") == 0)
        {
            sink.Drop(SecondRow);
            return;
        }

        string[] wrong = [row.Text("distractor1"), row.Text("distractor2"), row.Text("distractor3")];
        ChoiceRecord record = OptionOrder.Choice(row.OptionalText("support"), row.Text("question"), [row.Text("correct_answer")], wrong);
        if (record.Options.Count < 4)
            sink.Correct("the same option twice: given once");
        sink.Add(record, row);
    }
}
