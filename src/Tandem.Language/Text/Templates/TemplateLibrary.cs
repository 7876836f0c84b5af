namespace Tandem.Language;

/// <summary>The filters, tests and methods of templates.</summary>
internal static class TemplateLibrary
{
    /// <summary>Applies a filter.</summary>
    public static object? Filter(string name, object? value, object?[] arguments, IReadOnlyDictionary<string, object?> named)
    {
        object? First(string parameter, object? otherwise) => arguments.Length > 0 ? arguments[0] : named.TryGetValue(parameter, out object? v) ? v : otherwise;
        switch (name)
        {
            case "trim":
                return Text(name, TemplateValues.Print(value)).Strip((First("chars", null) as MarkedText)?.Text, true, true);
            case "tojson":
                return TemplateJson.Write(value, First("indent", null) is long indent ? (int)Math.Clamp(indent, 0, 16) : null);
            case "length" or "count":
                return Length(value);
            case "string":
                return TemplateValues.Print(value);
            case "default" or "d":
                bool replacesFalse = TemplateValues.IsTrue(arguments.Length > 1 ? arguments[1] : named.GetValueOrDefault("boolean"));
                return value is Undefined || (replacesFalse && !TemplateValues.IsTrue(value)) ? First("default_value", MarkedText.Empty) : value;
            case "upper" or "lower" or "title" or "capitalize" or "replace":
                return Method(Text(name, TemplateValues.Print(value)), name, arguments);
            case "join":
                return Join(TemplateValues.Items(value), First("d", MarkedText.Empty) is MarkedText glue ? glue : MarkedText.Empty);
            case "items":
                return value is Undefined ? new List<object?>() : Method(value, "items", []);
            case "list":
                return TemplateValues.Items(value).ToList();
            case "first":
                return TemplateValues.Items(value) is [var first, ..] ? first : new Undefined("first");
            case "last":
                return TemplateValues.Items(value) is [.., var last] ? last : new Undefined("last");
            case "reverse":
                return TemplateValues.Items(value).AsEnumerable().Reverse().ToList();
            case "int":
                return value is long or bool or double ? (long)TemplateValues.Number(value)!.Value
                    : value is MarkedText digits && long.TryParse(digits.Text, System.Globalization.CultureInfo.InvariantCulture, out long parsed) ? parsed : 0L;
            case "safe":
                return value;
            default:
                throw new TemplateException($"the filter '{name}' is not supported");
        }
    }

    /// <summary>Applies a test.</summary>
    public static bool Test(string name, object? value, object?[] arguments) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "string" => value is MarkedText,
        "mapping" => value is TemplateMap,
        "sequence" => value is MarkedText or List<object?> or TemplateMap,
        "iterable" => value is MarkedText or List<object?> or TemplateMap or Undefined,
        "number" => value is long or double or bool,
        "integer" => value is long,
        "float" => value is double,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "callable" => value is TemplateFunction,
        "odd" => value is long odd && odd % 2 != 0,
        "even" => value is long even && even % 2 == 0,
        "divisibleby" when arguments is [long divisor and not 0] => value is long number && number % divisor == 0,
        "equalto" or "eq" when arguments is [var other] => TemplateValues.AreEqual(value, other),
        "in" when arguments is [var container] => TemplateValues.Contains(container, value),
        _ => throw new TemplateException($"the test '{name}' is not supported"),
    };

    /// <summary>Whether a value has a method.</summary>
    public static bool HasMethod(object? value, string name) => value switch
    {
        MarkedText => name is "startswith" or "endswith" or "split" or "strip" or "lstrip" or "rstrip" or "replace" or "upper" or "lower"
            or "title" or "capitalize" or "join" or "find",
        TemplateMap { IsNamespace: false } => name is "items" or "keys" or "values" or "get",
        _ => false,
    };

    /// <summary>Calls a method.</summary>
    public static object? Method(object? value, string name, object?[] arguments)
    {
        if (value is TemplateMap map)
        {
            return name switch
            {
                "items" => map.Select(p => (object?)new List<object?> { MarkedText.Of(p.Key, MarkedText.Data), p.Value }).ToList(),
                "keys" => TemplateValues.Items(map),
                "values" => map.Values.ToList(),
                "get" when arguments is [MarkedText key, ..] =>
                    map.TryGetValue(key.Text, out object? found) ? found : arguments.Length > 1 ? arguments[1] : null,
                _ => throw new TemplateException($"'{name}' of a mapping is not called so"),
            };
        }

        var text = Text(name, value);
        string? first = (arguments.FirstOrDefault() as MarkedText)?.Text;
        switch (name)
        {
            case "startswith" or "endswith":
                var choices = arguments is [List<object?> list] ? list : [.. arguments.Take(1)];
                return choices.OfType<MarkedText>().Any(c => name == "startswith"
                    ? text.Text.StartsWith(c.Text, StringComparison.Ordinal)
                    : text.Text.EndsWith(c.Text, StringComparison.Ordinal));
            case "strip" or "lstrip" or "rstrip":
                return text.Strip(first, name != "rstrip", name != "lstrip");
            case "split":
                return Split(text, first, arguments.Length > 1 && arguments[1] is long most and >= 0 ? most : long.MaxValue);
            case "replace" when arguments is [MarkedText { Text.Length: > 0 } old, MarkedText replacement, ..]:
                return Join(Split(text, old.Text, arguments.Length > 2 && arguments[2] is long count ? count : long.MaxValue), replacement);
            case "join" when arguments is [var items]:
                return Join(TemplateValues.Items(items), text);
            case "find" when first != null:
                return (long)text.Text.IndexOf(first, StringComparison.Ordinal);
            case "upper":
                return text.With(text.Text.ToUpperInvariant());
            case "lower":
                return text.With(text.Text.ToLowerInvariant());
            case "capitalize" or "title":
                char[] characters = text.Text.ToLowerInvariant().ToCharArray();
                for (int i = 0; i < characters.Length; i++)
                {
                    if (i == 0 || (name == "title" && !char.IsLetter(characters[i - 1])))
                        characters[i] = char.ToUpperInvariant(characters[i]);
                }

                return text.With(new string(characters));
            default:
                throw new TemplateException($"'{name}' of a text is not called so");
        }
    }

    public static long Length(object? value) => value switch
    {
        // Python counts characters, not UTF-16 units.
        MarkedText text => text.Text.Length - text.Text.Count(char.IsLowSurrogate),
        Undefined => 0,
        List<object?> list => list.Count,
        TemplateMap map => map.Count,
        _ => throw new TemplateException($"{TemplateValues.Kind(value)} has no length"),
    };

    private static MarkedText Text(string name, object? value) =>
        value as MarkedText ?? throw new TemplateException($"'{name}' applies to texts, not to {TemplateValues.Kind(value)}");

    private static MarkedText Join(List<object?> items, MarkedText glue)
    {
        var joined = new MarkedText.Builder();
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                joined.Append(glue);
            joined.Append(TemplateValues.Print(items[i]));
        }

        return joined.Build();
    }

    private static List<object?> Split(MarkedText text, string? separator, long most)
    {
        if (separator == "")
            throw new TemplateException("a text is split at nothing");
        var parts = new List<object?>();
        int done = 0;
        string source = text.Text;
        while (separator == null && done < source.Length && char.IsWhiteSpace(source[done]))
            done++;
        for (int at = done; at < source.Length && parts.Count < most;)
        {
            int length = 0;
            if (separator != null)
            {
                at = source.IndexOf(separator, at, StringComparison.Ordinal);
                if (at < 0)
                    break;
                length = separator.Length;
            }
            else
            {
                while (at + length < source.Length && char.IsWhiteSpace(source[at + length]))
                    length++;
                if (length == 0)
                {
                    at++;
                    continue;
                }
            }

            parts.Add(text.Slice(done, at));
            at += length;
            done = at;
        }

        if (separator != null || done < source.Length)
            parts.Add(text.Slice(done, source.Length));
        return parts;
    }
}
