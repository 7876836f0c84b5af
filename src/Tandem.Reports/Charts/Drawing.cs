using System.Text;
using System.Xml.Linq;
using Tandem.Evaluation;
using static Tandem.Reports.Markup;

namespace Tandem.Reports.Charts;

/// <summary>
/// An SVG picture in units of about one pixel on a phone: 300 wide, text of 11. Colours come from the page's classes,
/// so that light, dark and print are one drawing. Each picture has a title and a description for those who do not see it.
/// </summary>
internal sealed class Drawing
{
    /// <summary>The width of a picture.</summary>
    public const double Width = 300;

    private readonly XElement _svg;

    /// <summary>Starts a picture.</summary>
    /// <param name="id">Unique in the page.</param>
    /// <param name="height">Its height in units.</param>
    /// <param name="title">What it shows, in a few words.</param>
    /// <param name="description">What it says, in sentences with its numbers.</param>
    /// <param name="width">Its width in units.</param>
    public Drawing(string id, double height, string title, string description, double width = Width)
    {
        _svg = El(
            "svg",
            At("viewBox", $"0 0 {Figures.Coordinate(width)} {Figures.Coordinate(height)}"),
            At("role", "img"),
            At("aria-labelledby", $"{id}-t {id}-d"),
            Class("chart"),
            El("title", At("id", id + "-t"), title),
            El("desc", At("id", id + "-d"), description));
    }

    /// <summary>The finished picture.</summary>
    public XElement Svg => _svg;

    /// <summary>A straight line.</summary>
    public void Line(double x1, double y1, double x2, double y2, string style) =>
        _svg.Add(El("line", Place("x1", x1), Place("y1", y1), Place("x2", x2), Place("y2", y2), Class(style)));

    /// <summary>A filled or outlined rectangle.</summary>
    public void Box(double x, double y, double width, double height, string style, double radius = 0, double opacity = 1)
    {
        XElement box = El("rect", Place("x", x), Place("y", y), Place("width", width), Place("height", height), Class(style));
        if (radius > 0)
            box.Add(Place("rx", radius));
        if (opacity < 1)
            box.Add(At("fill-opacity", opacity.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)));
        _svg.Add(box);
    }

    /// <summary>A circle, with what it stands for.</summary>
    public void Dot(double x, double y, double radius, string style, string? meaning = null) =>
        _svg.Add(El("circle", Place("cx", x), Place("cy", y), Place("r", radius), Class(style), meaning is null ? null : El("title", meaning)));

    /// <summary>A diamond, with what it stands for.</summary>
    public void Diamond(double x, double y, double radius, string style, string? meaning = null) =>
        _svg.Add(El("path", At("d", $"M{C(x)} {C(y - radius)}L{C(x + radius)} {C(y)}L{C(x)} {C(y + radius)}L{C(x - radius)} {C(y)}Z"), Class(style), meaning is null ? null : El("title", meaning)));

    /// <summary>A line through points.</summary>
    public void Path(IEnumerable<(double X, double Y)> points, string style, bool closed = false)
    {
        var data = new StringBuilder();
        foreach ((double x, double y) in points)
            data.Append(data.Length == 0 ? 'M' : 'L').Append(C(x)).Append(' ').Append(C(y));
        if (data.Length == 0)
            return;
        if (closed)
            data.Append('Z');
        _svg.Add(El("path", At("d", data.ToString()), Class(style)));
    }

    /// <summary>An arrow that stops short of its end by <paramref name="gap"/>; too short a way is left out.</summary>
    public void Arrow(double x1, double y1, double x2, double y2, double gap, string style)
    {
        double dx = x2 - x1, dy = y2 - y1, length = Math.Sqrt((dx * dx) + (dy * dy));
        if (length < (2 * gap) + 4)
            return;
        (dx, dy) = (dx / length, dy / length);
        (double sx, double sy) = (x1 + (dx * gap), y1 + (dy * gap));
        (double ex, double ey) = (x2 - (dx * gap), y2 - (dy * gap));
        Line(sx, sy, ex - (dx * 4), ey - (dy * 4), style + " shaft");
        (double bx, double by) = (ex - (dx * 6), ey - (dy * 6));
        Path([(ex, ey), (bx - (dy * 3), by + (dx * 3)), (bx + (dy * 3), by - (dx * 3))], style + " head", closed: true);
    }

    /// <summary>A text; <paramref name="anchor"/> is start, middle or end.</summary>
    public void Text(double x, double y, string text, string style = "t", string anchor = "start") =>
        _svg.Add(El("text", Place("x", x), Place("y", y), Class(style), anchor == "start" ? null : At("text-anchor", anchor), text));

    /// <summary>A horizontal interval with end caps.</summary>
    public void Interval(Scale x, double y, Estimate estimate, string style)
    {
        double from = x[estimate.Lower], to = x[estimate.Upper];
        Line(from, y, to, y, style);
        Line(from, y - 2.5, from, y + 2.5, style);
        Line(to, y - 2.5, to, y + 2.5, style);
    }

    /// <summary>A text shortened to about the given width, for labels whose whole is in a table.</summary>
    public static string Shorten(string text, double width)
    {
        int characters = Math.Max(2, (int)(width / 5.4));
        string clean = Clean(text);
        if (clean.Length <= characters)
            return clean;
        int cut = characters - 1;
        if (char.IsHighSurrogate(clean[cut - 1]))
            cut--;
        return clean[..cut] + "…";
    }

    private static XAttribute Place(string name, double value) => At(name, C(value));

    private static string C(double value) => Figures.Coordinate(value);
}
