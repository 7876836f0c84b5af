using System.Globalization;

namespace Tandem.Language;

/// <summary>JSON as Python's json.dumps writes it, without escapes of characters beyond ASCII.</summary>
internal static class TemplateJson
{
    private const int DeepestNesting = 64;

    public static MarkedText Write(object? value, int? indent)
    {
        var output = new MarkedText.Builder();
        Write(value, indent, 0, output);
        return output.Build();
    }

    private static void Write(object? value, int? indent, int depth, MarkedText.Builder output)
    {
        if (depth > DeepestNesting)
            throw new TemplateException($"values are nested deeper than {DeepestNesting}");
        switch (value)
        {
            case MarkedText text:
                WriteText(text, output);
                break;
            case List<object?> list:
                WriteItems("[", "]", list, item => Write(item, indent, depth + 1, output), indent, depth, output);
                break;
            case TemplateMap map:
                WriteItems("{", "}", map, pair =>
                {
                    WriteText(MarkedText.Of(pair.Key, MarkedText.Data), output);
                    output.Append(": ", MarkedText.Data);
                    Write(pair.Value, indent, depth + 1, output);
                }, indent, depth, output);
                break;
            case null:
                output.Append("null", MarkedText.Data);
                break;
            case bool flag:
                output.Append(flag ? "true" : "false", MarkedText.Data);
                break;
            case long or double:
                output.Append(TemplateValues.Print(value));
                break;
            default:
                throw new TemplateException($"{TemplateValues.Kind(value)} has no JSON");
        }
    }

    private static void WriteItems<T>(
        string open, string close, IReadOnlyCollection<T> items, Action<T> write, int? indent, int depth, MarkedText.Builder output)
    {
        output.Append(open, MarkedText.Data);
        bool first = true;
        foreach (var item in items)
        {
            output.Append(first ? "" : indent == null ? ", " : ",", MarkedText.Data);
            first = false;
            if (indent is { } width)
                output.Append("\n" + new string(' ', width * (depth + 1)), MarkedText.Data);
            write(item);
        }

        if (indent is { } outer && items.Count > 0)
            output.Append("\n" + new string(' ', outer * depth), MarkedText.Data);
        output.Append(close, MarkedText.Data);
    }

    private static void WriteText(MarkedText text, MarkedText.Builder output)
    {
        output.Append("\"", MarkedText.Data);
        int done = 0;
        for (int i = 0; i < text.Text.Length; i++)
        {
            char c = text.Text[i];
            if (c is not ('"' or '\\') && c >= ' ')
                continue;
            output.Append(text.Slice(done, i));
            done = i + 1;
            output.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            }, MarkedText.Data);
        }

        output.Append(text.Slice(done, text.Text.Length)).Append("\"", MarkedText.Data);
    }
}
