using System.Globalization;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Reads the values of a JSON object by name and kind; null stands for an absent or null value.</summary>
internal sealed class ConfigurationReader
{
    private readonly JsonElement _object;
    private readonly string _place;

    public ConfigurationReader(JsonElement element, string place)
    {
        (_object, _place) = (element, place);
        if (element.ValueKind != JsonValueKind.Object)
            throw new UserFaultException($"{place}: expected a JSON object, found {element.ValueKind}.", "Correct the file.", FaultKind.Usage);
    }

    public int Count => _object.EnumerateObject().Count();

    public int? Integer(string name) => Find(name) is { } value ? Integer(name, value) : null;

    public int? FirstInteger(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() == 0 ? null : Integer(name, list[0]),
        { } value => Integer(name, value),
    };

    public float? Number(string name)
    {
        if (Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number)
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
