using System.Xml.Linq;
using Tandem.Evaluation;

namespace Tandem.Reports.Charts;

/// <summary>A small picture of a measure at the start and at the end, on one line.</summary>
internal static class ChangeChart
{
    /// <summary>Draws the change, or one value when both are the same; the line goes from 0 to 1, and further where the intervals do.</summary>
    public static XElement Draw(string id, string measure, Estimate start, Estimate end)
    {
        var drawing = new Drawing(id, 30, ReferenceEquals(start, end) ? measure : $"{measure}, start and end", ReferenceEquals(start, end) ? $"{measure} is {Figures.Inline(end)}." : $"{measure} was {Figures.Inline(start)} at the start and is {Figures.Inline(end)} at the end.", width: 150);
        Scale x = Scale.Around([0, 1, start.Lower, start.Upper, end.Lower, end.Upper], 6, 144, 4);
        drawing.Line(x[double.NegativeInfinity], 15, x[double.PositiveInfinity], 15, "grid");
        foreach (double tick in x.Ticks)
            drawing.Line(x[tick], 12, x[tick], 18, "grid");
        if (!ReferenceEquals(start, end))
        {
            drawing.Interval(x, 8, start, "line before");
            drawing.Dot(x[start.Value], 8, 4, "hollow before");
        }

        drawing.Interval(x, 22, end, "line after");
        drawing.Dot(x[end.Value], 22, 4, "fill after");
        return drawing.Svg;
    }
}
