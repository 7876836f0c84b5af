using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports.Charts;

/// <summary>The candidates of one decision, in order of their gap: measured saliency and imitation with their intervals and limits, the chosen one marked.</summary>
internal static class GapChart
{
    private const double RowHeight = 26, Top = 34;

    /// <summary>Draws a decision.</summary>
    public static XElement Draw(string id, string generation, GapDecisionSummary decision)
    {
        GapCandidateSummary[] candidates = [.. decision.Candidates.OrderBy(c => c.Gap)];
        double bottom = Top + (candidates.Length * RowHeight);
        var drawing = new Drawing(id, bottom + 18, $"Candidates for generation {generation}", Describe(candidates));
        Scale saliency = Axis(drawing, candidates.Select(c => c.Saliency), decision.SaliencyFloor, "saliency", "at least", 92, 182, bottom);
        Scale imitation = Axis(drawing, candidates.Select(c => c.Imitation), decision.ImitationCeiling, "imitation", "at most", 206, 296, bottom);
        for (int i = 0; i < candidates.Length; i++)
        {
            GapCandidateSummary candidate = candidates[i];
            double y = Top + ((i + 0.5) * RowHeight);
            if (candidate.Chosen)
                drawing.Box(0, y - (RowHeight / 2) + 1, Drawing.Width, RowHeight - 2, "band", 4);
            drawing.Text(4, y - 1, Drawing.Shorten(candidate.Rung, 80), candidate.Chosen ? "t strong" : "t");
            drawing.Text(4, y + 9.5, $"δ {Figures.Rate(candidate.Gap)}{(candidate.Chosen ? " · chosen" : candidate.Feasible ? string.Empty : " · barred")}", "t soft small");
            Mark(drawing, saliency, y, candidate.Saliency, candidate, 92);
            Mark(drawing, imitation, y, candidate.Imitation, candidate, 206);
        }

        return drawing.Svg;
    }

    private static Scale Axis(Drawing drawing, IEnumerable<Estimate?> estimates, double? limit, string name, string relation, double left, double right, double bottom)
    {
        IEnumerable<double> values = estimates.OfType<Estimate>().SelectMany(e => new[] { e.Lower, e.Upper }).Append(0).Append(0.5);
        Scale scale = Scale.Around(limit is { } l ? values.Append(l) : values, left, right, 2);
        drawing.Text(left, 10, name, "t");
        foreach (double tick in scale.Ticks)
        {
            drawing.Line(scale[tick], Top - 4, scale[tick], bottom, "grid");
            drawing.Text(scale[tick], bottom + 12, Figures.Significant(Math.Round(tick, 6)), "t soft small", "middle");
        }

        if (limit is { } threshold)
        {
            drawing.Line(scale[threshold], Top - 6, scale[threshold], bottom, "line limit");
            drawing.Text(left, 22, $"{relation} {Figures.Rate(threshold)}", "t soft small");
        }

        return scale;
    }

    private static void Mark(Drawing drawing, Scale scale, double y, Estimate? estimate, GapCandidateSummary candidate, double left)
    {
        if (estimate is null)
        {
            drawing.Text(left, y + 3.5, "not measured", "t soft small halo");
            return;
        }

        drawing.Interval(scale, y, estimate, candidate.Chosen ? "line after" : "line soft");
        double x = scale[estimate.Value];
        if (candidate.Chosen)
            drawing.Diamond(x, y, 5.5, "fill after", Figures.Inline(estimate));
        else
            drawing.Dot(x, y, 3.6, candidate.Feasible ? "fill soft" : "hollow soft", Figures.Inline(estimate));
    }

    private static string Describe(GapCandidateSummary[] candidates) =>
        candidates.Length == 0
            ? "There were no candidates."
            : string.Join(" ", candidates.Select(c =>
                $"{c.Rung}, gap {Figures.Rate(c.Gap)}: saliency {Known(c.Saliency)}, imitation {Known(c.Imitation)}{(c.Chosen ? ", chosen" : c.Feasible ? ", feasible" : ", not feasible")}."));

    private static string Known(Estimate? estimate) => estimate is null ? "not measured" : Figures.Inline(estimate);
}
