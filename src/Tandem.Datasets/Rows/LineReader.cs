using System.Text.Unicode;

namespace Tandem.Datasets;

/// <summary>Splits bytes into lines; the buffer grows to the longest line, and no further than the limit.</summary>
internal sealed class LineReader(ByteSource source, int limit = RowFault.LongestRecord)
{
    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>The number of the line returned last, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The next line without its end; it is valid UTF-8, and valid until the next call.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        int searched = _start;
        while (true)
        {
            int newline = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (newline >= 0 || (_ended && _start < _end))
            {
                int stop = newline >= 0 ? searched + newline : _end;
                line = _buffer.AsMemory(_start, stop - _start);
                _start = newline >= 0 ? stop + 1 : _end;
                Line++;
                if (line.Length > limit)
                    throw RowFault.TooLong(source.File, Line, limit);
                if (line.Span is [.., (byte)'\r'])
                    line = line[..^1];
                return Utf8.IsValid(line.Span) ? true : throw RowFault.NotUtf8(source.File, Line);
            }

            if (_ended)
            {
                line = default;
                return false;
            }

            if (_end - _start > limit)
                throw RowFault.TooLong(source.File, Line + 1, limit);
            searched = Fill();
        }
    }

    // Reads on behind what is not used yet; returns where the new bytes begin.
    private int Fill()
    {
        int kept = _end - _start;
        if (_start > 0)
            _buffer.AsSpan(_start, kept).CopyTo(_buffer);
        else if (kept == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        (_start, _end) = (0, kept);
        int count = source.Read(_buffer.AsSpan(_end), Line + 1);
        _ended = count == 0;
        _end += count;
        return kept;
    }
}
