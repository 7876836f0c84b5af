using System.Text;

namespace Tandem.Datasets;

/// <summary>Plain text: each paragraph, ended by an empty line, is a row with the one field <c>text</c>.</summary>
/// <param name="longestRecord">The longest paragraph accepted, in bytes.</param>
public sealed class PlainTextReader(int longestRecord = RowFault.LongestRecord) : IRowReader
{
    /// <inheritdoc/>
    public IEnumerable<DataRow> Read(Stream stream, string file)
    {
        var lines = new LineReader(new ByteSource(stream, file), longestRecord);
        var paragraph = new StringBuilder();
        long first = 1;
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            if (JsonLinesReader.IsBlank(line.Span))
            {
                if (paragraph.Length > 0)
                    yield return Row(paragraph, file, first);
                continue;
            }

            if (paragraph.Length == 0)
                first = lines.Line;
            else
                paragraph.Append('\n');
            paragraph.Append(Encoding.UTF8.GetString(line.Span));
            if (paragraph.Length > longestRecord)
                throw RowFault.TooLong(file, first, longestRecord);
        }

        if (paragraph.Length > 0)
            yield return Row(paragraph, file, first);
    }

    private static DataRow Row(StringBuilder paragraph, string file, long line)
    {
        string text = paragraph.ToString();
        paragraph.Clear();
        return DataRow.OfText(file, line, new Dictionary<string, int> { ["text"] = 0 }, [text]);
    }
}
