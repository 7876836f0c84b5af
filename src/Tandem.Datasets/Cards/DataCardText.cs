using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tandem.Datasets;

/// <summary>Writes a data card as lines, as Markdown, and as JSON.</summary>
public static class DataCardText
{
    private const int ShownDigits = 16;
    private const int MostShown = 12;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>
    /// The card as pairs of a heading and a value, for a table; an empty heading goes on with the one before. Checksums and
    /// long tallies are shortened, which JSON has whole.
    /// </summary>
    public static IReadOnlyList<(string Heading, string Value)> Lines(DataCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        var lines = new List<(string, string)>
        {
            ("data set", card.Name),
            ("format", $"{card.Format} ({card.RecordType})"),
            ("licence", card.Licence),
        };
        foreach (FileNote file in card.Files)
        {
            lines.Add(("file", file.Path));
            lines.Add(("", $"{Number(file.Bytes)} bytes, sha256 {file.Sha256[..ShownDigits]}…"));
        }

        DatasetCounts counts = card.Counts;
        lines.Add(("rows read", Number(counts.Rows)));
        lines.Add(("records kept", Number(counts.Kept)));
        if (counts.LeftOut > 0)
            lines.Add(("left out by the limit", Number(counts.LeftOut)));
        AddEach(lines, "dropped", counts.Dropped);
        AddEach(lines, "corrected", counts.Corrected);
        lines.Add(("duplicates", $"{Number(card.Duplicates)} of the records kept ({Percent(card.Duplicates, counts.Kept)})"));
        foreach ((string part, LengthQuantiles q) in card.Lengths)
        {
            lines.Add((
                $"words, {part}",
                $"median {Number(q.Median)}; 25% {Number(q.Quarter)}, 75% {Number(q.ThreeQuarters)}, 95% {Number(q.NinetyFive)}; {Number(q.Least)} to {Number(q.Most)}"));
        }

        AddShares(lines, "labels", card.Labels);
        AddShares(lines, "sections", card.Sections);
        if (card.Bias is { } bias)
        {
            if (bias is { BestPosition: { } best, ChanceOfPosition: { } chance })
                lines.Add(("position bias", $"always the commonest place is right in {Rate(best)}; chance {Rate(chance)}"));
            lines.Add(("length bias", $"the longest answer is right in {Rate(bias.LongestIsRight)}; chance {Rate(bias.ChanceOfLongest)}"));
        }

        AddShares(lines, "splits by content", card.Splits);
        if (card.Contamination is { } overlap)
        {
            lines.Add((
                "contamination",
                $"{Number(overlap.Affected)} of {Number(overlap.TestItems)} items ({Rate(overlap.Share)}) stand in the training data: {Number(overlap.Duplicates)} duplicates, {Number(overlap.Overlapping)} by {ContaminationCheck.RunLength} words in a row"));
        }

        return lines;
    }

    /// <summary>The card as a Markdown table.</summary>
    public static string Markdown(DataCard card)
    {
        var text = new StringBuilder($"# Data card: {Cell(card.Name)}\n\n| | |\n| --- | --- |\n");
        foreach ((string heading, string value) in Lines(card))
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(heading)} | {Cell(value)} |\n");
        return text.ToString();
    }

    /// <summary>The card as JSON: camelCase, indented.</summary>
    public static string Json(DataCard card) => JsonSerializer.Serialize(card, Options);

    private static string Cell(string text) =>
        text.ReplaceLineEndings(" ").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    private static void AddEach(List<(string, string)> lines, string heading, IReadOnlyDictionary<string, long> counts)
    {
        foreach ((string reason, long count) in counts)
        {
            lines.Add((heading, $"{Number(count)}: {reason}"));
            heading = "";
        }
    }

    private static void AddShares(List<(string, string)> lines, string heading, IReadOnlyDictionary<string, long> counts)
    {
        long sum = counts.Values.Sum();
        if (sum > 0)
        {
            IEnumerable<string> shown = counts.OrderByDescending(c => c.Value).Take(MostShown).Select(c => $"{c.Key} {Number(c.Value)} ({Percent(c.Value, sum)})");
            string more = counts.Count > MostShown ? $", and {Number(counts.Count - MostShown)} more" : "";
            lines.Add((heading, string.Join(", ", shown) + more));
        }
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Percent(long part, long whole) => whole == 0 ? "–" : Rate((double)part / whole);

    private static string Rate(double value) => (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + "%";
}
