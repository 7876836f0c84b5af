using System.IO.Compression;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>Opens a file of rows with the reader for its kind.</summary>
public static class RowFile
{
    /// <summary>The endings that name a kind; each may be followed by <c>.gz</c>.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt"];

    /// <summary>
    /// The rows of a file, read while they are asked for. The ending decides the kind; a file named <c>.json</c> and one
    /// without a known ending are read as JSON Lines when their first line is a whole object.
    /// </summary>
    /// <param name="path">The file; compressed by gzip when it ends in <c>.gz</c>.</param>
    /// <exception cref="UserFaultException">It cannot be opened, or is malformed.</exception>
    public static IEnumerable<DataRow> Read(string path)
    {
        IRowReader reader = ReaderOf(path);
        using Stream stream = Open(path);
        foreach (DataRow row in reader.Read(stream, path))
            yield return row;
    }

    /// <summary>The reader for a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserFaultException">It cannot be opened, or neither its ending nor its content tells its kind.</exception>
    public static IRowReader ReaderOf(string path) => Ending(path) switch
    {
        ".jsonl" or ".ndjson" => new JsonLinesReader(),
        ".csv" => new CsvReader(),
        ".tsv" => new CsvReader('\t'),
        ".txt" => new PlainTextReader(),
        ".json" => Sniffed(path, mustBeJson: true),
        ".parquet" or ".arrow" => throw new UserFaultException(
            $"{path}: columns in binary form cannot be read.", "Export the rows as .jsonl or .csv; 'tandem data pull' fetches them so.", FaultKind.Usage),
        _ => Sniffed(path, mustBeJson: false),
    };

    /// <summary>The file's bytes, uncompressed.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserFaultException">It cannot be opened.</exception>
    public static Stream Open(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            return IsCompressed(path) ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the name and the permissions.", FaultKind.Usage, error);
        }
    }

    internal static bool HasKnownEnding(string path) => Endings.Contains(Ending(path));

    private static bool IsCompressed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    private static string Ending(string path) => Path.GetExtension(IsCompressed(path) ? path[..^3] : path).ToLowerInvariant();

    private static IRowReader Sniffed(string path, bool mustBeJson)
    {
        using Stream stream = Open(path);
        var lines = new LineReader(new ByteSource(stream, path));
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            if (JsonLinesReader.IsBlank(line.Span))
                continue;
            byte first = line.Span[line.Span.IndexOfAnyExcept(" \t\r"u8)];
            if (first == '{')
                return IsRow(line.Span) ? new JsonLinesReader() : new JsonReader();
            if (first == '[' || mustBeJson)
                return new JsonReader();
            throw new UserFaultException(
                $"{path}: neither the name nor the first line tells what kind of file this is.",
                $"Give it one of the endings {string.Join(", ", Endings)}.", FaultKind.Usage);
        }

        return new JsonLinesReader();
    }

    // A whole object that is a row itself, not one that holds the rows.
    private static bool IsRow(ReadOnlySpan<byte> line)
    {
        try
        {
            return !JsonElement.Parse(line).EnumerateObject().Any(p =>
                JsonReader.ListNames.Contains(p.Name, StringComparer.OrdinalIgnoreCase)
                && p.Value.ValueKind == JsonValueKind.Array
                && p.Value.EnumerateArray().All(e => e.ValueKind == JsonValueKind.Object));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
