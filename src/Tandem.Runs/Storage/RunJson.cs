using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tandem.Runs;

/// <summary>How values are written as JSON in a run directory: stage results, decision inputs, events.</summary>
public static class RunJson
{
    /// <summary>
    /// One line, camelCase, enumerations by name, NaN and infinities as strings, tuples by their fields. Floating-point
    /// numbers take the shortest text that reads back to the same bits.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            IncludeFields = true,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        options.Converters.Add(new JsonStringEnumConverter());
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
