using System.Globalization;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>
/// One row of a file: fields by name, and where it stands. Reading a field that is missing or of another type is a fault
/// that names file, line, field and the nearest name that the row has.
/// </summary>
public sealed class DataRow
{
    private readonly Dictionary<string, JsonElement>? _json;
    private readonly Dictionary<string, int>? _header;
    private readonly string[] _values = [];
    private readonly string _path = "";

    private DataRow(string file, long line, Dictionary<string, JsonElement> json, string path)
    {
        (File, Line, _json, _path) = (file, line, json, path);
    }

    private DataRow(string file, long line, Dictionary<string, int> header, string[] values)
    {
        (File, Line, _header, _values) = (file, line, header, values);
    }

    /// <summary>The file's name as it was given to the reader.</summary>
    public string File { get; }

    /// <summary>The line in which the row begins, from 1.</summary>
    public long Line { get; }

    /// <summary>File and line.</summary>
    public string Origin => $"{File}:{Line}";

    /// <summary>The file's name without its folder and its ending: the part of the data set, where a set has one file per part.</summary>
    public string FileStem
    {
        get
        {
            string name = Path.GetFileName(File);
            int dot = name.IndexOf('.', StringComparison.Ordinal);
            return dot > 0 ? name[..dot] : name;
        }
    }

    /// <summary>The names of the fields.</summary>
    public IReadOnlyCollection<string> Fields => _json is not null ? _json.Keys : _header!.Keys;

    /// <summary>The row of a JSON object.</summary>
    internal static DataRow OfJson(string file, long line, JsonElement element) => OfJson(file, line, element, "");

    /// <summary>The row of separated values. The header is shared by the rows.</summary>
    internal static DataRow OfText(string file, long line, Dictionary<string, int> header, string[] values) => new(file, line, header, values);

    /// <summary>Whether there is such a field and it is not null.</summary>
    public bool Has(string name) =>
        _json is not null ? _json.TryGetValue(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null : _header!.ContainsKey(name);

    /// <summary>Whether the field is there and of a JSON type.</summary>
    /// <param name="name">The field.</param>
    /// <param name="kind">The JSON type. Separated values hold texts only.</param>
    public bool Is(string name, JsonValueKind kind) =>
        _json is not null ? _json.TryGetValue(name, out JsonElement value) && value.ValueKind == kind : kind == JsonValueKind.String && Has(name);

    /// <summary>A text.</summary>
    public string Text(string name)
    {
        if (_json is null)
            return Value(name);
        JsonElement element = Element(name);
        return element.ValueKind == JsonValueKind.String ? String(element, name) : throw Mistyped(name, "a text", element);
    }

    /// <summary>A text, or empty where the field is missing or null.</summary>
    public string OptionalText(string name) => Has(name) ? Text(name) : "";

    /// <summary>An integer, also one that is written as text.</summary>
    public int Integer(string name)
    {
        if (_json is null)
            return WholeNumber(Value(name)) ?? throw Mistyped(name, "an integer", Value(name));
        JsonElement element = Element(name);
        int? value = element.ValueKind switch
        {
            JsonValueKind.Number => element.TryGetInt32(out int number) ? number : null,
            JsonValueKind.String => WholeNumber(String(element, name)),
            _ => null,
        };
        return value ?? throw Mistyped(name, "an integer", element);
    }

    /// <summary>A finite number, also one that is written as text; null where the field is missing, null, empty or "N/A".</summary>
    public double? OptionalNumber(string name)
    {
        if (!Has(name))
            return null;
        string text = _json is null ? Value(name) : Element(name) switch
        {
            { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
            { ValueKind: JsonValueKind.String } written => String(written, name),
            JsonElement other => throw Mistyped(name, "a number", other),
        };
        text = text.Trim();
        if (text.Length == 0 || text.Equals("N/A", StringComparison.OrdinalIgnoreCase))
            return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? value
            : throw Mistyped(name, "a number", text);
    }

    /// <summary>A truth value: a JSON one, 0 or 1, or true, false, yes, no as text.</summary>
    public bool Truth(string name)
    {
        string text;
        if (_json is null)
        {
            text = Value(name);
        }
        else
        {
            JsonElement element = Element(name);
            text = element.ValueKind switch
            {
                JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number => element.GetRawText(),
                JsonValueKind.String => String(element, name),
                _ => throw Mistyped(name, "true or false", element),
            };
        }

        return text.Trim().ToUpperInvariant() switch
        {
            "TRUE" or "YES" or "1" => true,
            "FALSE" or "NO" or "0" => false,
            _ => throw Mistyped(name, "true or false", text),
        };
    }

    /// <summary>A list of texts; in separated values a JSON list in the field.</summary>
    public IReadOnlyList<string> Texts(string name)
    {
        JsonElement list = List(name);
        var texts = new List<string>(list.GetArrayLength());
        foreach (JsonElement element in list.EnumerateArray())
            texts.Add(element.ValueKind == JsonValueKind.String ? String(element, name) : throw Mistyped($"{name}[{texts.Count}]", "a text", element));
        return texts;
    }

    /// <summary>A list of integers; in separated values a JSON list in the field.</summary>
    public IReadOnlyList<int> Integers(string name)
    {
        JsonElement list = List(name);
        var values = new List<int>(list.GetArrayLength());
        foreach (JsonElement element in list.EnumerateArray())
        {
            values.Add(element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value)
                ? value
                : throw Mistyped($"{name}[{values.Count}]", "an integer", element));
        }

        return values;
    }

    /// <summary>A list of objects as rows; in separated values a JSON list in the field.</summary>
    public IReadOnlyList<DataRow> Rows(string name)
    {
        JsonElement list = List(name);
        var rows = new List<DataRow>(list.GetArrayLength());
        foreach (JsonElement element in list.EnumerateArray())
            rows.Add(OfJson(File, Line, element, $"{_path}{name}[{rows.Count}]."));
        return rows;
    }

    /// <summary>An object as a row.</summary>
    public DataRow Object(string name) => OfJson(File, Line, _json is null ? Parsed(name) : Element(name), $"{_path}{name}.");

    /// <summary>A fault at this row.</summary>
    /// <param name="what">What is wrong.</param>
    /// <param name="remedy">What the user does about it.</param>
    public UserFaultException Fault(string what, string remedy) => RowFault.At(File, Line, what, remedy);

    private static DataRow OfJson(string file, long line, JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            string place = path.Length == 0 ? "the row" : $"'{path[..^1]}'";
            throw RowFault.At(file, line, $"{place} is {Kind(element.ValueKind)} where an object is expected", "Write it as an object with named fields.");
        }

        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        try
        {
            foreach (JsonProperty property in element.EnumerateObject())
                fields[property.Name] = property.Value;
        }
        catch (InvalidOperationException error)
        {
            throw RowFault.At(file, line, "a field's name holds half of a surrogate pair", "Mend the escape sequence \\uD… in the name.", error);
        }

        return new DataRow(file, line, fields, path);
    }

    private static int? WholeNumber(string text) =>
        int.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static string Kind(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a truth value",
        _ => "null",
    };

    private string String(JsonElement element, string name)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw RowFault.At(File, Line, $"the field '{_path}{name}' holds half of a surrogate pair", "Mend the escape sequence \\uD… in the text.", error);
        }
    }

    private JsonElement List(string name)
    {
        JsonElement element = _json is null ? Parsed(name) : Element(name);
        return element.ValueKind == JsonValueKind.Array ? element : throw Mistyped(name, "a list", element);
    }

    private JsonElement Parsed(string name)
    {
        string text = Value(name);
        try
        {
            return JsonElement.Parse(text);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw Mistyped(name, "a JSON list or object", text);
        }
    }

    private JsonElement Element(string name) =>
        _json!.TryGetValue(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : throw Missing(name);

    private string Value(string name) => _header!.TryGetValue(name, out int index) ? _values[index] : throw Missing(name);

    private UserFaultException Missing(string name)
    {
        string? nearest = NearestName.Find(name, Fields.Where(f => f != name));
        string remedy = nearest is null
            ? $"The row has {Excerpt(string.Join(", ", Fields))}: rename the field, or choose another --format."
            : $"Did you mean '{nearest}'? Rename it, or choose another --format.";
        return RowFault.At(File, Line, $"the field '{_path}{name}' is missing", remedy);
    }

    private UserFaultException Mistyped(string name, string expected, JsonElement found) =>
        Mistyped(name, expected, found.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? Kind(found.ValueKind) : found.GetRawText());

    private UserFaultException Mistyped(string name, string expected, string found) => RowFault.At(
        File, Line, $"the field '{_path}{name}' must be {expected}, and is {Excerpt(found)}", "Correct the value, or choose another --format.");

    private static string Excerpt(string text) => text.Length <= 80 ? text : string.Concat(text.AsSpan(0, 80), "…");
}
