using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports.Charts;

/// <summary>The lineage of hazards: one row for each, one lane for each generation, with the failure rate of A⁻ and of A⁺ from 0 to 1.</summary>
internal static class HazardChart
{
    private const double RowHeight = 58, LaneGap = 14;

    /// <summary>Draws the lineage along a chain; up to three lanes are readable on a phone.</summary>
    /// <param name="id">Unique in the page.</param>
    /// <param name="arm">The chain.</param>
    /// <param name="lines">Its hazards.</param>
    /// <param name="positions">The positions of the generations that become lanes.</param>
    public static XElement Draw(string id, ArmSummary arm, IReadOnlyList<HazardLine> lines, IReadOnlyList<int> positions)
    {
        bool undone = positions.Any(p => Reading.IsRolledBack(arm.Generations[p]));
        double top = undone ? 32 : 20, height = top + (lines.Count * RowHeight) + 4;
        var drawing = new Drawing(id, height, "Hazards by generation", Describe(arm, lines));
        double laneWidth = (Drawing.Width - (LaneGap * (positions.Count - 1))) / positions.Count;
        Scale[] lanes =
        [
            .. positions.Select((_, lane) => Scale.Between(0, 1, 0.5, (lane * (laneWidth + LaneGap)) + 3, (lane * (laneWidth + LaneGap)) + laneWidth - 3)),
        ];
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            drawing.Text(lanes[lane][0] - 3, 10, $"Generation {Reading.Label(arm, positions[lane])}", "t soft");
            if (Reading.IsRolledBack(arm.Generations[positions[lane]]))
                drawing.Text(lanes[lane][0] - 3, 23, "rolled back", "t bad small");
        }

        for (int row = 0; row < lines.Count; row++)
        {
            double y = top + (row * RowHeight);
            HazardLine line = lines[row];
            drawing.Line(0, y, Drawing.Width, y, "grid");
            drawing.Text(0, y + 14, Drawing.Shorten(line.Id, 205), "t strong");
            Severity(drawing, y + 10.5, line.First.Severity);
            for (int lane = 0; lane < lanes.Length; lane++)
                Lane(drawing, lanes[lane], y, line.Found.TryGetValue(positions[lane], out var entry) ? entry : null);
        }

        return drawing.Svg;
    }

    private static void Severity(Drawing drawing, double y, int severity)
    {
        int level = Math.Clamp(severity, 0, 5);
        for (int i = 0; i < 5; i++)
            drawing.Dot(Drawing.Width - 4 - ((4 - i) * 8.5), y, 2.8, i < level ? "fill ink" : "hollow soft");
        drawing.Text(Drawing.Width - 47, y + 3.4, "severity", "t soft small", "end");
    }

    private static void Lane(Drawing drawing, Scale x, double y, (HazardSummary Hazard, HazardState State)? entry)
    {
        double axis = y + 34;
        drawing.Line(x[0], axis, x[1], axis, "grid");
        if (entry is not { } found)
        {
            drawing.Text(x[0] - 3, y + 52, "not found", "t soft small");
            return;
        }

        drawing.Line(x[0], axis - 10, x[0], axis + 8, "grid");
        drawing.Line(x[1], axis - 10, x[1], axis + 8, "grid");
        drawing.Interval(x, axis - 5, found.Hazard.RateBefore, "line before");
        drawing.Dot(x[found.Hazard.RateBefore.Value], axis - 5, 3.4, "hollow before", "A⁻ fails: " + Figures.Inline(found.Hazard.RateBefore));
        if (found.Hazard.RateAfter is { } after)
        {
            drawing.Interval(x, axis + 5, after, "line after");
            drawing.Dot(x[after.Value], axis + 5, 3.4, "fill after", "A⁺ fails: " + Figures.Inline(after));
        }

        bool mended = found.State is HazardState.Mended or HazardState.RecurredMended;
        string words = Short(found.State);
        drawing.Text(x[0] - 3, y + 52, (mended ? "✓ " : "✕ ") + words, mended ? "t after small" : "t bad small");
    }

    private static string Short(HazardState state) => state switch
    {
        HazardState.Mended => "mended",
        HazardState.Remaining => "not mended",
        HazardState.RecurredMended => "again, mended",
        _ => "again, open",
    };

    private static string Describe(ArmSummary arm, IReadOnlyList<HazardLine> lines) =>
        string.Join(" ", lines.Select(line => $"{line.Id}: " + string.Join("; ", line.Found.OrderBy(f => f.Key).Select(f =>
            $"generation {Reading.Label(arm, f.Key)}, {Reading.Words(f.Value.State)}, fails {Figures.Rate(f.Value.Hazard.RateBefore.Value)} before"
            + (f.Value.Hazard.RateAfter is { } after ? $" and {Figures.Rate(after.Value)} after" : string.Empty))) + "."));
}
