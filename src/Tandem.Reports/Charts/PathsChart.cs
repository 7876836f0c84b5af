using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports.Charts;

/// <summary>
/// The way of one arm through the plane of competence and conformity: hollow A⁻, an arrow, filled A⁺, each with its
/// interval bars; further seeds as thin lines. All arms share one pair of axes.
/// </summary>
internal sealed class PathsChart
{
    private const double Left = 30, Right = 294, Top = 22, Bottom = 222, Height = 254, Radius = 7;

    // A narrower axis would show the noise of one model as if it were a difference.
    private const double LeastSpan = 0.2;

    private readonly Scale _x;
    private readonly Scale _y;

    /// <summary>Fits the axes to all arms.</summary>
    public PathsChart(IEnumerable<ArmSummary> arms)
    {
        ModelMeasurement[] measured =
        [
            .. arms.SelectMany(a => a.Generations).SelectMany(g => new[] { g.BeforeAlignment, g.AfterAlignment }).OfType<ModelMeasurement>(),
        ];
        _x = Scale.Around(measured.SelectMany(m => Ends(m.Competence)), Left, Right, 5, LeastSpan);
        _y = Scale.Around(measured.SelectMany(m => Ends(m.Conformity)), Bottom, Top, 5, LeastSpan);
    }

    /// <summary>Draws one arm.</summary>
    public XElement Draw(string id, string name, IReadOnlyList<ArmSummary> seeds)
    {
        var drawing = new Drawing(id, Height, $"Competence against conformity: {name}", Describe(name, seeds));
        foreach (double tick in _x.Ticks)
        {
            drawing.Line(_x[tick], Top, _x[tick], Bottom, "grid");
            drawing.Text(_x[tick], Bottom + 13, Tick(tick), "t soft", "middle");
        }

        foreach (double tick in _y.Ticks)
        {
            drawing.Line(Left, _y[tick], Right, _y[tick], "grid");
            drawing.Text(Left - 4, _y[tick] + 3.5, Tick(tick), "t soft", "end");
        }

        drawing.Text(2, 9, "conformity ↑", "t soft");
        drawing.Text(Right, Bottom + 27, "competence →", "t soft", "end");
        foreach (ArmSummary other in seeds.Skip(1))
            Thin(drawing, other);
        if (seeds.Count > 0)
            Full(drawing, seeds[0]);
        return drawing.Svg;
    }

    private void Thin(Drawing drawing, ArmSummary arm)
    {
        var points = new List<(double, double)>();
        foreach (GenerationSummary generation in arm.Generations)
        {
            if (generation.BeforeAlignment is { } before)
                points.Add(At(before));
            if (generation.AfterAlignment is { } after)
                points.Add(At(after));
        }

        drawing.Path(points, "line soft thin");
        foreach ((double x, double y) in points)
            drawing.Dot(x, y, 1.6, "fill soft");
    }

    private void Full(Drawing drawing, ArmSummary arm)
    {
        (double X, double Y)? last = null;
        foreach (GenerationSummary generation in arm.Generations)
        {
            if (generation.BeforeAlignment is { } before)
            {
                Bars(drawing, before, "line before faint");
                if (last is { } from)
                    drawing.Arrow(from.X, from.Y, At(before).X, At(before).Y, Radius + 1, "before dashed");
            }

            if (generation.AfterAlignment is { } after)
                Bars(drawing, after, "line after faint");
            if (generation.BeforeAlignment is { } a && generation.AfterAlignment is { } b)
                drawing.Arrow(At(a).X, At(a).Y, At(b).X, At(b).Y, Radius + 1, "after");
            if (!Reading.IsRolledBack(generation) && Reading.Outcome(generation) is { } outcome)
                last = At(outcome);
        }

        for (int i = 0; i < arm.Generations.Count; i++)
        {
            GenerationSummary generation = arm.Generations[i];
            string label = Reading.Label(arm, i);
            if (generation.BeforeAlignment is { } before)
                Point(drawing, before, label, "hollow before", "t before num", $"Generation {label} before alignment");
            if (generation.AfterAlignment is { } after)
            {
                bool back = Reading.IsRolledBack(generation);
                Point(drawing, after, label, back ? "hollow after" : "fill after", back ? "t after num" : "t on num", $"Generation {label} after alignment{(back ? ", rolled back" : string.Empty)}");
                if (back)
                    Cross(drawing, At(after));
            }
        }
    }

    private static void Cross(Drawing drawing, (double X, double Y) at) =>
        drawing.Line(at.X - 9, at.Y + 9, at.X + 9, at.Y - 9, "line bad");

    private void Point(Drawing drawing, ModelMeasurement model, string label, string style, string text, string meaning)
    {
        (double x, double y) = At(model);
        drawing.Dot(x, y, Radius, style, $"{meaning}: competence {Figures.Inline(model.Competence)}, conformity {Figures.Inline(model.Conformity)}");
        drawing.Text(x, y + 3.4, label, text, "middle");
    }

    private void Bars(Drawing drawing, ModelMeasurement model, string style)
    {
        (double x, double y) = At(model);
        drawing.Line(_x[model.Competence.Lower], y, _x[model.Competence.Upper], y, style);
        drawing.Line(x, _y[model.Conformity.Lower], x, _y[model.Conformity.Upper], style);
    }

    private (double X, double Y) At(ModelMeasurement model) => (_x[Finite(model.Competence.Value)], _y[Finite(model.Conformity.Value)]);

    private static double Finite(double value) => double.IsFinite(value) ? value : 0;

    private static IEnumerable<double> Ends(Estimate estimate) => [estimate.Lower, estimate.Value, estimate.Upper];

    private static string Tick(double value) => Figures.Significant(Math.Round(value, 6));

    private static string Describe(string name, IReadOnlyList<ArmSummary> seeds)
    {
        if (seeds.Count == 0)
            return "Nothing was measured.";
        IEnumerable<string> steps = seeds[0].Generations.Select((g, i) =>
            $"generation {Reading.Label(seeds[0], i)}: " + string.Join(", then ", new[] { ("before alignment", g.BeforeAlignment), ("after alignment", g.AfterAlignment) }
                .Where(m => m.Item2 is not null)
                .Select(m => $"{m.Item1} competence {Figures.Rate(m.Item2!.Competence.Value)}, conformity {Figures.Rate(m.Item2.Conformity.Value)}")));
        return $"{name}, seed {seeds[0].Seed}. {Figures.Sentence(string.Join("; ", steps))}. The tables give the intervals.";
    }
}
