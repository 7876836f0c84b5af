using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace Tandem.Language;

/// <summary>A value that is not there. It prints as nothing.</summary>
internal sealed class Undefined(string name)
{
    public string Name { get; } = name;
}

/// <summary>A mapping in order of insertion.</summary>
internal sealed class TemplateMap() : Dictionary<string, object?>(StringComparer.Ordinal)
{
    /// <summary>Whether a template may set its entries.</summary>
    public bool IsNamespace { get; init; }
}

/// <summary>A function of a template.</summary>
internal delegate object? TemplateFunction(object?[] positional, IReadOnlyDictionary<string, object?> named);

/// <summary>
/// The values of templates: null, <see cref="Undefined"/>, bool, long, double, <see cref="MarkedText"/>, List of object,
/// <see cref="TemplateMap"/> and <see cref="TemplateFunction"/>, with Python's notions of truth, equality and order.
/// </summary>
internal static class TemplateValues
{
    private const int DeepestNesting = 64;

    /// <summary>A value of the program as one of templates. Its texts are data.</summary>
    public static object? From(object? value, int depth = 0)
    {
        if (depth > DeepestNesting)
            throw new TemplateException($"a variable is nested deeper than {DeepestNesting}");
        return value switch
        {
            null or bool or long or double or MarkedText or TemplateMap or TemplateFunction => value,
            string text => MarkedText.Of(text, MarkedText.Data),
            int number => (long)number,
            float number => (double)number,
            JsonElement element => FromJson(element, depth),
            IEnumerable<KeyValuePair<string, object?>> map => Map(map.Select(p => (p.Key, From(p.Value, depth + 1)))),
            IEnumerable list => list.Cast<object?>().Select(item => From(item, depth + 1)).ToList(),
            _ => throw new TemplateException($"a variable of type {value.GetType().Name} is not supported"),
        };
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        MarkedText text => text.Text.Length > 0,
        List<object?> list => list.Count > 0,
        TemplateMap { IsNamespace: false } map => map.Count > 0,
        _ => true,
    };

    public static bool AreEqual(object? left, object? right, int depth = 0)
    {
        if (depth > DeepestNesting)
            throw new TemplateException($"values are nested deeper than {DeepestNesting}");
        return (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (MarkedText a, MarkedText b) => a.Text == b.Text,
            (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(p => AreEqual(p.First, p.Second, depth + 1)),
            (TemplateMap a, TemplateMap b) => a.Count == b.Count && a.All(p => b.TryGetValue(p.Key, out object? other) && AreEqual(p.Value, other, depth + 1)),
            _ when Number(left) is { } a && Number(right) is { } b => a == b,
            _ => ReferenceEquals(left, right),
        };
    }

    public static int Compare(object? left, object? right) => (left, right) switch
    {
        (MarkedText a, MarkedText b) => string.CompareOrdinal(a.Text, b.Text),
        (long a, long b) => a.CompareTo(b),
        _ when Number(left) is { } a && Number(right) is { } b => a.CompareTo(b),
        _ => throw new TemplateException($"{Kind(left)} and {Kind(right)} have no order"),
    };

    public static bool Contains(object? container, object? item) => container switch
    {
        MarkedText text when item is MarkedText part => text.Text.Contains(part.Text, StringComparison.Ordinal),
        List<object?> list => list.Exists(i => AreEqual(i, item)),
        TemplateMap map => item is MarkedText key && map.ContainsKey(key.Text),
        Undefined => false,
        _ => throw new TemplateException($"{Kind(container)} holds nothing: 'in' does not apply to it"),
    };

    /// <summary>A number, which a truth value is too.</summary>
    public static double? Number(object? value) => value switch
    {
        long number => number,
        double number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        TemplateMap map => [.. map.Keys.Select(k => (object?)MarkedText.Of(k, MarkedText.Data))],
        MarkedText text => [.. Enumerable.Range(0, text.Text.Length).Select(i => (object?)text.Slice(i, i + 1))],
        Undefined => [],
        _ => throw new TemplateException($"{Kind(value)} cannot be run through"),
    };

    /// <summary>What a value prints as.</summary>
    public static MarkedText Print(object? value) => value switch
    {
        MarkedText text => text,
        Undefined => MarkedText.Empty,
        null => MarkedText.Of("None", MarkedText.Data),
        bool flag => MarkedText.Of(flag ? "True" : "False", MarkedText.Data),
        long number => MarkedText.Of(number.ToString(CultureInfo.InvariantCulture), MarkedText.Data),
        double number => MarkedText.Of(Float(number), MarkedText.Data),
        _ => throw new TemplateException($"printing {Kind(value)} is not supported: use tojson"),
    };

    public static string Float(double number) =>
        double.IsInteger(number) && Math.Abs(number) < 1e16
            ? number.ToString("F1", CultureInfo.InvariantCulture)
            : number.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();

    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined undefined => $"the undefined '{undefined.Name}'",
        bool => "a truth value",
        long or double => "a number",
        MarkedText => "a text",
        List<object?> => "a list",
        TemplateMap => "a mapping",
        _ => "a function",
    };

    public static TemplateMap Map(IEnumerable<(string Key, object? Value)> items)
    {
        var map = new TemplateMap();
        foreach (var (key, value) in items)
            map[key] = value;
        return map;
    }

    private static object? FromJson(JsonElement element, int depth) => element.ValueKind switch
    {
        JsonValueKind.Object => Map(element.EnumerateObject().Select(p => (p.Name, From(p.Value, depth + 1)))),
        JsonValueKind.Array => element.EnumerateArray().Select(item => From(item, depth + 1)).ToList(),
        JsonValueKind.String => MarkedText.Of(element.GetString()!, MarkedText.Data),
        JsonValueKind.Number => element.TryGetInt64(out long number) ? number : element.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}
