namespace Tandem.Datasets;

/// <summary>
/// Orders options where a data set keeps the right ones apart from the wrong ones: by the hash of question and option, so
/// that the place says nothing about the truth and is the same in every run.
/// </summary>
internal static class OptionOrder
{
    /// <summary>A choice record of right and wrong options; <paramref name="right"/> begins with the best one.</summary>
    public static ChoiceRecord Choice(string context, string question, IReadOnlyList<string> right, IReadOnlyList<string> wrong)
    {
        string[] options =
        [
            .. right.Concat(wrong).Distinct()
                .Select(o => (Option: o, Key: ContentHash.Number("option", [question, o])))
                .OrderBy(o => o.Key).ThenBy(o => o.Option, StringComparer.Ordinal).Select(o => o.Option),
        ];
        ChoiceRecord record = DataRecords.Choice(context, question, options, Array.IndexOf(options, right[0]));
        int[] answers = [.. right.Distinct().Select(o => Array.IndexOf(options, o)).Order()];
        return answers.Length > 1 ? record with { Answers = answers } : record;
    }
}
