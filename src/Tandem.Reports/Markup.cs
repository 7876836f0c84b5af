using System.Text;
using System.Xml.Linq;

namespace Tandem.Reports;

/// <summary>
/// Builds a page as a tree and writes it so that it is HTML5 and well-formed XML at once: every text is escaped in one
/// place, every element is closed, and void elements are written as such.
/// </summary>
internal static class Markup
{
    private static readonly HashSet<string> VoidElements = ["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"];

    /// <summary>An element; a null in the content is left out, a string is text, an attribute is an attribute.</summary>
    public static XElement El(string name, params object?[] content) => new(name, content);

    /// <summary>An attribute.</summary>
    public static XAttribute At(string name, object value) => new(name, value);

    /// <summary>A class attribute.</summary>
    public static XAttribute Class(string value) => new("class", value);

    /// <summary>Writes a whole page after its document type.</summary>
    public static void WritePage(XElement html, TextWriter writer)
    {
        writer.Write("<!DOCTYPE html>\n");
        Write(html, writer);
        writer.Write('\n');
    }

    /// <summary>Replaces what no document may hold or what could reorder it: control characters, lone surrogates, bidirectional overrides.</summary>
    public static string Clean(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        StringBuilder? cleaned = null;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool pair = char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            bool good = pair || !(char.IsSurrogate(c) || IsUnfit(c));
            if (!good && cleaned is null)
                cleaned = new StringBuilder(text, 0, i, text.Length);
            if (pair)
            {
                cleaned?.Append(c).Append(text[i + 1]);
                i++;
            }
            else
            {
                cleaned?.Append(good ? c : '\uFFFD');
            }
        }

        return cleaned?.ToString() ?? text;
    }

    private static bool IsUnfit(char c) =>
        (char.IsControl(c) && c is not ('\n' or '\r' or '\t'))
        || c is >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069' or '\uFFFE' or '\uFFFF';

    private static void Write(XElement element, TextWriter writer)
    {
        string name = element.Name.LocalName;
        writer.Write('<');
        writer.Write(name);
        foreach (XAttribute attribute in element.Attributes())
        {
            writer.Write(' ');
            writer.Write(attribute.Name.LocalName);
            writer.Write("=\"");
            WriteEscaped(attribute.Value, writer);
            writer.Write('"');
        }

        if (VoidElements.Contains(name))
        {
            writer.Write(" />");
            return;
        }

        writer.Write('>');
        foreach (XNode node in element.Nodes())
        {
            if (node is XElement child)
                Write(child, writer);
            else if (node is XText text && name == "style")
                writer.Write(text.Value); // the program's own style sheet: raw text in HTML, free of < and &
            else if (node is XText other)
                WriteEscaped(other.Value, writer);
        }

        writer.Write("</");
        writer.Write(name);
        writer.Write('>');
    }

    private static void WriteEscaped(string text, TextWriter writer)
    {
        foreach (char c in Clean(text))
        {
            switch (c)
            {
                case '&': writer.Write("&amp;"); break;
                case '<': writer.Write("&lt;"); break;
                case '>': writer.Write("&gt;"); break;
                case '"': writer.Write("&quot;"); break;
                case '\'': writer.Write("&#39;"); break;
                default: writer.Write(c); break;
            }
        }
    }
}
