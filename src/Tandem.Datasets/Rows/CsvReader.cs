using System.Text;
using System.Text.Unicode;

namespace Tandem.Datasets;

/// <summary>
/// Comma- or tab-separated values by RFC 4180: a header, quoted fields with doubled quotes and line ends in them, CRLF or
/// LF. A quote inside a field that does not begin with one is an ordinary character. Empty lines are skipped.
/// </summary>
/// <param name="separator">The separator: a comma or a tab.</param>
/// <param name="longestRecord">The longest record accepted, in bytes.</param>
public sealed class CsvReader(char separator = ',', int longestRecord = RowFault.LongestRecord) : IRowReader
{
    /// <inheritdoc/>
    public IEnumerable<DataRow> Read(Stream stream, string file)
    {
        var scanner = new Scanner(new ByteSource(stream, file), (byte)separator, longestRecord);
        Dictionary<string, int>? header = null;
        while (scanner.TryRecord(out string[] values))
        {
            // A line with nothing in it is no record, except where the empty text is the one field's value in quotes.
            if (values is [""] && !scanner.Quoted)
                continue;
            if (header is null)
            {
                header = Header(values, file, scanner.FirstLine);
                continue;
            }

            if (values.Length != header.Count)
            {
                throw RowFault.At(
                    file, scanner.FirstLine, $"the record has {values.Length} fields where the header has {header.Count}",
                    "Put fields with a separator, a quote or a line end between double quotes.");
            }

            yield return DataRow.OfText(file, scanner.FirstLine, header, values);
        }
    }

    private static Dictionary<string, int> Header(string[] names, string file, long line)
    {
        var header = new Dictionary<string, int>(names.Length, StringComparer.Ordinal);
        for (int i = 0; i < names.Length; i++)
        {
            if (!header.TryAdd(names[i].Trim(), i))
                throw RowFault.At(file, line, $"the header names the column '{names[i].Trim()}' twice", "Give each column a name of its own.");
        }

        return header;
    }

    private sealed class Scanner(ByteSource source, byte separator, int limit)
    {
        private readonly byte[] _buffer = new byte[1 << 16];
        private readonly List<string> _values = [];
        private byte[] _field = new byte[256];
        private int _length;
        private long _recordLength;
        private int _next;
        private int _end;
        private long _line = 1;

        public long FirstLine { get; private set; }

        /// <summary>Whether a field of the record returned last was in quotes.</summary>
        public bool Quoted { get; private set; }

        public bool TryRecord(out string[] values)
        {
            _values.Clear();
            _recordLength = 0;
            Quoted = false;
            FirstLine = _line;
            values = [];
            if (Peek() < 0)
                return false;
            while (true)
            {
                int end = Peek() == '"' ? QuotedField() : PlainField();
                Emit();
                if (end == separator)
                    continue;
                values = [.. _values];
                return true;
            }
        }

        // Reads to the separator, the line's end or the text's end, and returns which.
        private int PlainField()
        {
            while (true)
            {
                int value = Take();
                if (value < 0 || value == separator)
                    return value;
                if (value == '\n' || (value == '\r' && Peek() == '\n'))
                {
                    if (value == '\r')
                        Take();
                    _line++;
                    return '\n';
                }

                Append((byte)value);
            }
        }

        private int QuotedField()
        {
            Quoted = true;
            Take();
            while (true)
            {
                int value = Take();
                if (value < 0)
                    throw RowFault.At(source.File, FirstLine, "a quoted field of the record that begins here is never closed", "Close the quote, or double quotes that are part of the text.");
                if (value == '\n')
                    _line++;
                if (value != '"')
                {
                    Append((byte)value);
                    continue;
                }

                int after = Take();
                if (after == '"')
                {
                    Append((byte)'"');
                    continue;
                }

                if (after == '\r' && (Peek() is '\n' or < 0))
                    after = Take();
                if (after == '\n')
                    _line++;
                if (after < 0 || after == separator || after == '\n')
                    return after;
                throw RowFault.At(source.File, FirstLine, "text follows the closing quote of a field", "Double the quotes that are part of the text.");
            }
        }

        private void Append(byte value)
        {
            Count();
            if (_length == _field.Length)
                Array.Resize(ref _field, _field.Length * 2);
            _field[_length++] = value;
        }

        private void Count()
        {
            if (++_recordLength > limit)
                throw RowFault.TooLong(source.File, FirstLine, limit);
        }

        private void Emit()
        {
            Count();
            ReadOnlySpan<byte> bytes = _field.AsSpan(0, _length);
            if (!Utf8.IsValid(bytes))
                throw RowFault.NotUtf8(source.File, FirstLine);
            _values.Add(Encoding.UTF8.GetString(bytes));
            _length = 0;
        }

        private int Peek() => _next < _end || Fill() ? _buffer[_next] : -1;

        private int Take() => _next < _end || Fill() ? _buffer[_next++] : -1;

        private bool Fill()
        {
            (_next, _end) = (0, source.Read(_buffer, FirstLine));
            return _end > 0;
        }
    }
}
