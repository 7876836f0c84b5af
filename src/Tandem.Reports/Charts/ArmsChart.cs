using System.Xml.Linq;
using Tandem.Evaluation;

namespace Tandem.Reports.Charts;

/// <summary>One measure for each arm: every seed as a dot, their mean as a diamond with its interval.</summary>
internal static class ArmsChart
{
    private const double RowHeight = 30, Top = 8;

    /// <summary>Draws a measure over the arms.</summary>
    public static XElement Draw(string id, string measure, IReadOnlyList<(string Arm, IReadOnlyList<Estimate> Seeds, Estimate Mean)> arms)
    {
        double bottom = Top + (arms.Count * RowHeight);
        var drawing = new Drawing(id, bottom + 18, $"{measure} by arm", Describe(measure, arms));
        // The t interval of two seeds can be wider than the scale of the measure itself; it is then cut at the edge with an arrow.
        IEnumerable<double> values = arms.SelectMany(a => a.Seeds.Select(s => s.Value).Append(Math.Max(a.Mean.Lower, -0.5)).Append(Math.Min(a.Mean.Upper, 1.2)));
        Scale x = Scale.Around(values, 106, 292, 4);
        foreach (double tick in x.Ticks)
        {
            drawing.Line(x[tick], Top, x[tick], bottom, "grid");
            drawing.Text(x[tick], bottom + 13, Figures.Significant(Math.Round(tick, 6)), "t soft", "middle");
        }

        for (int i = 0; i < arms.Count; i++)
        {
            (string arm, IReadOnlyList<Estimate> seeds, Estimate mean) = arms[i];
            double y = Top + ((i + 0.5) * RowHeight);
            drawing.Text(0, y + 3.5, Drawing.Shorten(arm, 98), i == 0 ? "t strong" : "t");
            drawing.Interval(x, y, mean, i == 0 ? "line after" : "line soft");
            if (seeds.Count > 1)
            {
                foreach (Estimate seed in seeds)
                    drawing.Dot(x[seed.Value], y + 8, 2.2, "hollow soft", Figures.Inline(seed));
            }

            drawing.Diamond(x[mean.Value], y, 5, i == 0 ? "fill after" : "fill soft", Figures.Inline(mean));
        }

        return drawing.Svg;
    }

    private static string Describe(string measure, IReadOnlyList<(string Arm, IReadOnlyList<Estimate> Seeds, Estimate Mean)> arms) =>
        $"{measure}: " + string.Join("; ", arms.Select(a => $"{a.Arm} {Figures.Inline(a.Mean)}")) + ".";
}
