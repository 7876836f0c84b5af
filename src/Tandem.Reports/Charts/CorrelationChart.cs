using System.Xml.Linq;
using Tandem.Generations;

namespace Tandem.Reports.Charts;

/// <summary>The correlation of the sources' errors as a heat map with its numbers.</summary>
internal static class CorrelationChart
{
    /// <summary>Draws the matrix; missing entries stay empty.</summary>
    public static XElement Draw(string id, SupervisionSummary supervision)
    {
        int n = supervision.Sources.Count;
        const double labels = 116;
        double cell = Math.Min(38, (Drawing.Width - labels) / Math.Max(1, n));
        double row = Math.Max(20, Math.Min(cell, 28));
        double height = 18 + (n * row) + 4;
        var drawing = new Drawing(id, height, "Correlation of the sources' errors", Describe(supervision));
        for (int i = 0; i < n; i++)
        {
            double y = 18 + (i * row);
            drawing.Text(labels + ((i + 0.5) * cell), 11, Number(i), "t soft", "middle");
            drawing.Text(0, y + (row / 2) + 3.6, $"{Number(i)} {Drawing.Shorten(supervision.Sources[i], labels - 14)}", "t");
            for (int j = 0; j < n; j++)
            {
                if (Value(supervision, i, j) is not { } value)
                    continue;
                double x = labels + (j * cell);
                if (i != j)
                    drawing.Box(x + 1, y + 1, cell - 2, row - 2, value < 0 ? "fill after" : "fill before", 2, Math.Round(0.06 + (0.6 * Math.Min(1, Math.Abs(value))), 2));
                drawing.Text(x + (cell / 2), y + (row / 2) + 3.6, cell < 24 ? Figures.Rate(value).Replace("0.", ".", StringComparison.Ordinal) : Figures.Rate(value), i == j ? "t soft" : "t", "middle");
            }
        }

        return drawing.Svg;
    }

    private static double? Value(SupervisionSummary supervision, int i, int j) =>
        i < supervision.ErrorCorrelation.Count && j < supervision.ErrorCorrelation[i].Count ? supervision.ErrorCorrelation[i][j] : null;

    private static string Number(int index) => Figures.Count(index + 1);

    private static string Describe(SupervisionSummary supervision)
    {
        var pairs = new List<string>();
        for (int i = 0; i < supervision.Sources.Count; i++)
        {
            for (int j = i + 1; j < supervision.Sources.Count; j++)
            {
                if (Value(supervision, i, j) is { } value)
                    pairs.Add($"{supervision.Sources[i]} and {supervision.Sources[j]} {Figures.Rate(value)}");
            }
        }

        return pairs.Count == 0 ? "There is no pair of sources." : string.Join("; ", pairs) + ".";
    }
}
