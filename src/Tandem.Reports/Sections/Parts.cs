using System.Xml.Linq;
using Tandem.Evaluation;
using static Tandem.Reports.Markup;

namespace Tandem.Reports.Sections;

/// <summary>The pieces that the sections share: how an estimate, a table and an outcome look everywhere.</summary>
internal static class Parts
{
    /// <summary>An estimate for a table cell: value, interval and n, one below the other.</summary>
    public static XElement Stacked(Estimate? estimate, string missing = "–", bool signed = false) =>
        estimate is null
            ? El("span", Class("none"), missing)
            : El(
                "span",
                Class("estimate"),
                El("span", Class("value"), signed ? Figures.Signed(estimate.Value) : Figures.Rate(estimate.Value)),
                " ",
                El("span", Class("interval"), Figures.Interval(estimate)),
                " ",
                El("span", Class("count"), Figures.Observations(estimate)));

    /// <summary>An estimate in a line of text.</summary>
    public static XElement Inline(Estimate estimate) =>
        El("span", Class("inline-estimate"), El("strong", Figures.Rate(estimate.Value)), $" ({Figures.Interval(estimate)}, {Figures.Observations(estimate)})");

    /// <summary>A table that scrolls sideways by itself where the page is too narrow.</summary>
    /// <param name="caption">What the table shows.</param>
    /// <param name="style">Its class.</param>
    /// <param name="head">The column headings; the first is above the row headings.</param>
    /// <param name="rows">The rows, each a row heading and its cells.</param>
    public static XElement Table(string caption, string style, IEnumerable<object?> head, IEnumerable<(object? Heading, IEnumerable<object?> Cells)> rows) =>
        El(
            "div",
            Class("scroll"),
            At("role", "region"),
            At("tabindex", "0"),
            At("aria-label", caption),
            El(
                "table",
                Class(style),
                El("caption", El("span", caption)),
                El("thead", El("tr", head.Select(h => El("th", At("scope", "col"), h)))),
                El("tbody", rows.Select(r => El("tr", El("th", At("scope", "row"), r.Heading), r.Cells.Select(c => El("td", c)))))));

    /// <summary>An outcome by sign and word, and by colour besides.</summary>
    public static XElement Outcome(bool good, string words) =>
        El("span", Class(good ? "outcome good" : "outcome bad"), El("span", At("aria-hidden", "true"), good ? "✓ " : "✕ "), words);

    /// <summary>A picture with its caption.</summary>
    public static XElement Figure(XElement picture, params object?[] caption) =>
        El("figure", picture, El("figcaption", caption));

    /// <summary>A part that is closed at first.</summary>
    public static XElement Fold(string summary, params object?[] content) =>
        El("details", El("summary", summary), content);

    /// <summary>A heading for a row with a hint of what it means.</summary>
    public static object[] Hinted(string name, string hint) => [name, " ", El("small", Class("hint"), hint)];
}
