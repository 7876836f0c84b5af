using System.Globalization;
using Tandem.Cli.Commands.Data;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Evaluation.Questions;

namespace Tandem.Cli.Commands.Evaluations;

/// <summary>An evaluation as tables in plain text.</summary>
internal static class EvalTable
{
    private const string Nothing = "-";

    public static void Print(EvalReport report, TextWriter output)
    {
        output.WriteLine($"{Printable.Line(report.Model)} on {Printable.Line(report.Data)} by {report.Method}");
        if (report.Reference is { } reference)
            output.WriteLine($"reference: {Printable.Line(reference)}");
        output.WriteLine();
        if (report.Preferences is { } preferences)
            Rows(output, ["section", "n", "unscored", "accuracy", "95% interval"], Sections(preferences).Select(Row));
        if (report.Choices is { } choices)
            Print(choices, report.ListsOptions, output);
        if (report.Published is { } published)
            Print(published, report.Format, output);
        if (report.Comparison is { } comparison)
            Print(comparison, output);
        Notes(report, output);
    }

    private static IEnumerable<SectionScore> Sections(PreferenceScore score) => score.Sections.Count == 1 ? [score.All] : [.. score.Sections, score.All];

    private static string[] Row(SectionScore section) =>
        [Name(section.Name), Text(section.Items), Text(section.Unscored), .. section.Accuracy.Count == 0 ? [Nothing, Nothing] : Pair(section.Accuracy)];

    private static void Print(ChoiceScore score, bool listed, TextWriter output)
    {
        ChoiceSectionScore[] sections = score.Sections.Count == 1 ? [score.All] : [.. score.Sections, score.All];
        bool right = score.All.Accuracy is not null, valued = score.All.Conformity is not null;
        string[] heads = ["section", "n", "unscored"];
        if (right)
            heads = [.. heads, "accuracy", "95% interval", "chance", "p(right)", "calibration error"];
        if (valued)
            heads = [.. heads, "conformity", "95% interval"];
        Rows(output, heads, sections.Select(section =>
        {
            string[] cells = [Name(section.Name), Text(section.Items), Text(section.Unscored)];
            if (right)
            {
                cells =
                [
                    .. cells, .. Pair(section.Accuracy), Text(section.Chance), Text(section.RightProbability),
                    section.Calibration is { } calibration ? $"{Text(calibration.Error)} n={Text(calibration.Count)}" : Nothing,
                ];
            }

            return valued ? [.. cells, .. Pair(section.Conformity)] : cells;
        }));
        if (listed && score.All.Places is { Shares.Count: > 0 } places)
        {
            output.WriteLine(
                $"places chosen: {string.Join(", ", places.Shares.Select((share, place) => $"{(char)('A' + place)} {Text(share)}"))} " +
                $"(a blind choice: {string.Join(", ", places.Expected.Select(share => Text(share)))}; distance {Text(places.Distance)})");
        }

        if (score.All.Accuracy is { } accuracy && accuracy.Count < score.All.Items - score.All.Unscored)
            output.WriteLine($"contexts repeat: intervals are bootstrapped over {Text(accuracy.Count)} contexts");
    }

    private static void Print(BenchmarkScore score, string format, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine(format == "rewardbench2" ? "RewardBench 2's score (arXiv 2506.01937):" : "RewardBench's score (arXiv 2403.13787):");
        Rows(output, ["section", "score", "95% interval", "not measured"],
        [
            .. score.Sections.Select(section => (string[])[section.Name, .. Pair(section.Accuracy), string.Join(", ", section.Missing)]),
            ["score", .. Pair(score.Overall), score.Sections.Any(section => section.Missing.Count > 0) ? "parts are missing: not comparable with published scores" : ""],
        ]);
    }

    private static void Print(IReadOnlyList<ItemComparison> comparisons, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("this run less the other, on the items that both scored:");
        Rows(output, ["section", "pairs", "unpaired", "better", "worse", "difference", "95% interval", "McNemar p"], comparisons.Select(comparison => (string[])
        [
            Name(comparison.Section), Text(comparison.Pairs), Text(comparison.Unpaired), Text(comparison.Better), Text(comparison.Worse), .. Pair(comparison.Difference),
            comparison.Test.PValue < 0.0001 ? "<0.0001" : comparison.Test.PValue.ToString("0.0000", CultureInfo.InvariantCulture),
        ]));
    }

    private static void Notes(EvalReport report, TextWriter output)
    {
        if (report.Replies is { } replies)
            output.WriteLine($"asked {Text(replies.Total)}: {Text(replies.Answered)} answered, {Text(replies.Refused)} refused, {Text(replies.Unparsed)} unparsed, {Text(replies.Failed)} failed");
        if (report.Contradictions is { } contradictions)
            output.WriteLine($"contradictory answers in the two orders: {string.Join(' ', Pair(contradictions))} of {Text(contradictions.Count)} comparisons");
        if (report.Unscored.Count > 0)
            output.WriteLine($"unscored: {string.Join(", ", report.Unscored.Select(pair => $"{Text(pair.Value)} {pair.Key}"))}");
        if (report.LeftOut > 0)
            output.WriteLine($"{Text(report.LeftOut)} records have no right or no wrong option and were left out");
        if (report.Truncated > 0)
            output.WriteLine($"{Text(report.Truncated)} prompts were too long and lost their beginning");
    }

    private static void Rows(TextWriter output, string[] heads, IEnumerable<string[]> rows)
    {
        string[][] all = [heads, .. rows];
        int[] widths = [.. heads.Select((_, column) => all.Max(row => row[column].Length))];
        foreach (string[] row in all)
        {
            // Names to the left, numbers to the right.
            output.WriteLine(string.Join("  ", row.Select((cell, column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column]))).TrimEnd());
        }
    }

    private static string Name(string section) => section.Length == 0 ? "(none)" : Printable.Line(section);

    private static string[] Pair(Estimate? estimate) => estimate is null ? [Nothing, Nothing] : [Text(estimate.Value), $"[{Text(estimate.Lower)}, {Text(estimate.Upper)}]"];

    private static string Text(double? value) => value is { } number ? number.ToString("0.000", CultureInfo.InvariantCulture) : Nothing;

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
