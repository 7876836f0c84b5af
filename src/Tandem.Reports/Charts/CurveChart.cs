using System.Xml.Linq;
using Tandem.Generations;

namespace Tandem.Reports.Charts;

/// <summary>A stage's training curve: the loss, and below it the accuracy where it was measured, each on its own axis.</summary>
internal static class CurveChart
{
    private const int Buckets = 90;
    private const double Left = 34, Right = 294, Top = 16, LossBottom = 108, AccuracyTop = 128, AccuracyBottom = 172;

    /// <summary>Draws a curve; points whose loss is not finite are left out.</summary>
    public static XElement Draw(string id, TrainingCurve curve)
    {
        TrainingPoint[] points = [.. curve.Points.Where(p => double.IsFinite(p.Loss)).OrderBy(p => p.Step)];
        (double Step, double Value)[] accuracy = [.. curve.Points.Where(p => p.Accuracy is { } a && double.IsFinite(a)).OrderBy(p => p.Step).Select(p => ((double)p.Step, p.Accuracy!.Value))];
        double bottom = accuracy.Length > 0 ? AccuracyBottom : LossBottom;
        var drawing = new Drawing(id, bottom + 18, $"Training curve: {curve.Stage}", Describe(curve, points));
        if (points.Length == 0)
        {
            drawing.Text(Left, 60, "no finite loss was recorded", "t soft");
            return drawing.Svg;
        }

        Scale x = Scale.Around([points[0].Step, points[^1].Step], Left, Right, 3);
        (double Step, double Low, double Mean, double High)[] buckets = Reduce([.. points.Select(p => ((double)p.Step, p.Loss))]);
        Panel(drawing, x, Scale.Around(points.Select(p => p.Loss), LossBottom, Top, 3), buckets, "loss", Top, "before");
        if (accuracy.Length > 0)
            Panel(drawing, x, Scale.Around(accuracy.Select(p => p.Value), AccuracyBottom, AccuracyTop, 2), Reduce(accuracy), "accuracy", AccuracyTop, "after");
        foreach (double tick in x.Ticks)
            drawing.Text(x[tick], bottom + 13, Figures.Large(tick), "t soft small", "middle");
        drawing.Text(Right, bottom - 4, "step", "t soft small halo", "end");
        return drawing.Svg;
    }

    private static void Panel(Drawing drawing, Scale x, Scale y, (double Step, double Low, double Mean, double High)[] buckets, string name, double top, string style)
    {
        foreach (double tick in y.Ticks)
        {
            drawing.Line(Left, y[tick], Right, y[tick], "grid");
            drawing.Text(Left - 4, y[tick] + 3.5, Figures.Significant(Math.Round(tick, 9)), "t soft small", "end");
        }

        drawing.Text(Left, top - 6, name, "t soft small");
        if (buckets.Any(b => b.High > b.Low))
            drawing.Path(buckets.Select(b => (x[b.Step], y[b.High])).Concat(buckets.Reverse().Select(b => (x[b.Step], y[b.Low]))), "area " + style, closed: true);
        if (buckets.Length == 1)
            drawing.Dot(x[buckets[0].Step], y[buckets[0].Mean], 2.5, "fill " + style);
        else
            drawing.Path(buckets.Select(b => (x[b.Step], y[b.Mean])), "line " + style);
    }

    // A picture 260 units wide shows no more points; a bucket keeps its range, so that a spike is not averaged away.
    private static (double Step, double Low, double Mean, double High)[] Reduce((double Step, double Value)[] points)
    {
        int buckets = Math.Min(Buckets, points.Length);
        var reduced = new (double, double, double, double)[buckets];
        for (int b = 0; b < buckets; b++)
        {
            ReadOnlySpan<(double Step, double Value)> part = points.AsSpan((int)((long)points.Length * b / buckets)..(int)((long)points.Length * (b + 1) / buckets));
            double step = 0, sum = 0, low = double.PositiveInfinity, high = double.NegativeInfinity;
            foreach ((double s, double v) in part)
            {
                step += s;
                sum += v;
                low = Math.Min(low, v);
                high = Math.Max(high, v);
            }

            reduced[b] = (step / part.Length, low, sum / part.Length, high);
        }

        return reduced;
    }

    private static string Describe(TrainingCurve curve, TrainingPoint[] points) =>
        points.Length == 0
            ? "No finite loss was recorded."
            : $"Loss from {Figures.Significant(points[0].Loss)} at step {Figures.Count(points[0].Step)} to {Figures.Significant(points[^1].Loss)} at step {Figures.Count(points[^1].Step)}"
              + (curve.Points.LastOrDefault(p => p.Accuracy is not null)?.Accuracy is { } accuracy ? $"; last accuracy {Figures.Rate(accuracy)}." : ".");
}
