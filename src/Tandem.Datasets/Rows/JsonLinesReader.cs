using System.Text.Json;

namespace Tandem.Datasets;

/// <summary>JSON Lines: one object per line; empty lines are skipped.</summary>
/// <param name="longestRecord">The longest line accepted, in bytes.</param>
public sealed class JsonLinesReader(int longestRecord = RowFault.LongestRecord) : IRowReader
{
    /// <inheritdoc/>
    public IEnumerable<DataRow> Read(Stream stream, string file)
    {
        var lines = new LineReader(new ByteSource(stream, file), longestRecord);
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            if (!IsBlank(line.Span))
                yield return DataRow.OfJson(file, lines.Line, Parse(line.Span, file, lines.Line));
        }
    }

    internal static bool IsBlank(ReadOnlySpan<byte> line) => line.IndexOfAnyExcept(" \t\r"u8) < 0;

    private static JsonElement Parse(ReadOnlySpan<byte> line, string file, long number)
    {
        try
        {
            return JsonElement.Parse(line);
        }
        catch (JsonException error)
        {
            string remedy = line.TrimStart((byte)' ') is [(byte)'[', ..] && number == 1
                ? "A JSON list is read from a file named .json."
                : "Each line must be one JSON object; mend or remove the line.";
            throw RowFault.At(file, number, $"the line is not valid JSON: {RowFault.Reason(error)}", remedy, error);
        }
    }
}
