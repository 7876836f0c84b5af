using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Reads the values of a JSON object by name and kind; null stands for an absent or null value.</summary>
internal sealed class ConfigurationReader
{
    // The index of a model of a thousand shards has a few megabytes.
    private const long LargestFile = 64 << 20;

    private static readonly JsonDocumentOptions Options = new() { AllowTrailingCommas = true, AllowDuplicateProperties = false };
    private readonly JsonElement _object;
    private readonly string _place;

    public ConfigurationReader(JsonElement element, string place)
    {
        (_object, _place) = (element, place);
        if (element.ValueKind != JsonValueKind.Object)
            throw new UserFaultException($"{place}: expected a JSON object, found {element.ValueKind}.", "Correct the file.", FaultKind.Usage);
    }

    /// <summary>Reads a file that holds an object.</summary>
    /// <exception cref="UserFaultException">It is absent, not JSON, or the callback finds a fault.</exception>
    public static T ReadFile<T>(string path, Func<ConfigurationReader, T> read)
    {
        string text;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > LargestFile and long length })
                throw new UserFaultException($"{path} has {length} bytes; allowed: up to {LargestFile}.", "Fetch the file again.");
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the path of the model directory.", inner: error);
        }

        return Read(text, path, read);
    }

    /// <summary>Reads a text that is an object; everything the callback returns must be a copy.</summary>
    /// <exception cref="UserFaultException">See <see cref="ReadFile"/>.</exception>
    public static T Read<T>(string json, string place, Func<ConfigurationReader, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Options);
            return read(new ConfigurationReader(document.RootElement, place));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            // The latter two: an escaped character that is not valid UTF-16.
            throw new UserFaultException(
                $"{place} is not valid JSON: {error.Message.ReplaceLineEndings(" ")}", "Correct the file.", FaultKind.Usage, error);
        }
    }

    public string Place => _place;

    public IEnumerable<string> Names => _object.EnumerateObject().Select(property => property.Name);

    public int Count => _object.EnumerateObject().Count();

    public int? Integer(string name) => Find(name) is { } value ? Integer(name, value) : null;

    public float? Number(string name)
    {
        if (Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number)
            ? number
            : throw Fault(name, $"{Shown(value)}, expected a number");
    }

    public double? Double(string name)
    {
        if (Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw Fault(name, $"{Shown(value)}, expected a number");
    }

    public bool? Boolean(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Fault(name, $"{Shown(value)}, expected true or false"),
    };

    public string? Text(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw Fault(name, $"{Shown(value)}, expected a string"),
    };

    /// <summary>A list of strings, or a string as a list of one.</summary>
    public IReadOnlyList<string>? Texts(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => [value.GetString()!],
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. list.EnumerateArray().Select(item => item.GetString()!)],
        { } value => throw Fault(name, $"{Shown(value)}, expected strings"),
    };

    /// <summary>A list of integers, or an integer as a list of one.</summary>
    public IReadOnlyList<int>? Integers(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => Integer(name, item))],
        { } value => [Integer(name, value)],
    };

    public bool Has(string name) => Find(name) is not null;

    public bool IsText(string name) => Find(name) is { ValueKind: JsonValueKind.String };

    public bool IsList(string name) => Find(name) is { ValueKind: JsonValueKind.Array };

    /// <summary>Whether a value switches something on: neither null, false, 0, "" nor an empty list or object.</summary>
    public bool IsActive(string name) => Find(name) is { } value && value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Number => !value.TryGetDouble(out double number) || number != 0,
        JsonValueKind.String => value.GetString()!.Length > 0,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    /// <summary>The values of all names but some, as the text of a JSON object in the order of the file; null for none.</summary>
    public string? Others(Predicate<string> isKnown)
    {
        var others = new JsonObject();
        foreach (JsonProperty property in _object.EnumerateObject().Where(property => !isKnown(property.Name)))
            others.Add(property.Name, JsonNode.Parse(property.Value.GetRawText()));
        return others.Count == 0 ? null : others.ToJsonString();
    }

    public string? FirstText(string name)
    {
        if (Find(name) is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 0)
            return null;
        return list[0].ValueKind == JsonValueKind.String ? list[0].GetString() : null;
    }

    public ConfigurationReader? Child(string name) =>
        Find(name) is { } value ? new ConfigurationReader(value, $"{_place}: {name}") : null;

    public void Expect(string name, string allowed)
    {
        if (Text(name) is { } value && value != allowed)
            throw Fault(name, $"'{value}'; supported: {allowed}");
    }

    public void ExpectFalse(string name)
    {
        if (Boolean(name) == true)
            throw Fault(name, "true; supported: false");
    }

    public void ExpectNumber(string name, float allowed)
    {
        if (Number(name) is { } value && value != allowed)
            throw Fault(name, string.Create(CultureInfo.InvariantCulture, $"{value}; supported: {allowed}"));
    }

    public void ExpectInactive(string name)
    {
        if (IsActive(name))
            throw Fault(name, $"{Shown(Find(name)!.Value)}, which is not supported");
    }

    public UserFaultException Missing(string name) => Fault(name, "missing");

    public UserFaultException Fault(string name, string what) =>
        new($"{_place}: {name} is {what}.", "Correct the file or choose another model.", FaultKind.Usage);

    private static string Shown(JsonElement value)
    {
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 40 ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, 40)}…");
    }

    private int Integer(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw Fault(name, $"{Shown(value)}, expected an integer");

    private JsonElement? Find(string name) =>
        _object.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
