using System.Text.Json;

namespace Tandem.Datasets;

/// <summary>
/// JSON: a list of objects, or an object that holds such a list under one of <see cref="ListNames"/>. The list is
/// streamed. Elements of the form <c>{"row_idx": …, "row": {…}}</c>, as the hub's rows interface gives them, are unwrapped.
/// </summary>
/// <param name="longestRecord">The longest element accepted, in bytes.</param>
public sealed class JsonReader(int longestRecord = RowFault.LongestRecord) : IRowReader
{
    /// <summary>The names under which an object may hold its rows.</summary>
    public static IReadOnlyList<string> ListNames { get; } =
        ["data", "rows", "examples", "items", "records", "instances", "train", "validation", "test"];

    /// <inheritdoc/>
    public IEnumerable<DataRow> Read(Stream stream, string file)
    {
        var cursor = new JsonCursor(new ByteSource(stream, file), longestRecord);
        if (!EnterList(cursor))
            yield break;
        while (cursor.TryElement(out JsonElement element))
            yield return DataRow.OfJson(file, cursor.Line, Unwrap(element));

        // What follows the list is read to its end: a file that was cut there is not whole.
        while (cursor.TryToken(out _, out _))
        {
        }
    }

    private static bool EnterList(JsonCursor cursor)
    {
        if (!cursor.TryToken(out JsonTokenType first, out _))
            return false;
        if (first == JsonTokenType.StartArray)
            return true;
        if (first != JsonTokenType.StartObject)
            throw NoList(cursor, "the file holds a single value");
        while (cursor.TryToken(out JsonTokenType type, out string name) && type == JsonTokenType.PropertyName)
        {
            bool named = ListNames.Contains(name, StringComparer.OrdinalIgnoreCase);
            if (!cursor.TryToken(out JsonTokenType value, out _))
                break;
            if (named && value == JsonTokenType.StartArray)
                return true;
            if (value is JsonTokenType.StartArray or JsonTokenType.StartObject)
                cursor.SkipContainer();
        }

        throw NoList(cursor, "the file holds an object without a list of rows");
    }

    private static JsonElement Unwrap(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("row_idx", out _) && element.TryGetProperty("row", out JsonElement row)
            ? row
            : element;

    private static Exception NoList(JsonCursor cursor, string what) => RowFault.At(
        cursor.File, 1, what, $"Rows are a list of objects, alone or under one of the names {string.Join(", ", ListNames)}; one object per line is JSON Lines (.jsonl).");
}
