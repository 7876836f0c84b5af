using System.Text.Json;
using System.Text.Unicode;

namespace Tandem.Datasets;

/// <summary>Walks through JSON of any length with a buffer that holds one token, or one element of a list, at a time.</summary>
internal sealed class JsonCursor(ByteSource source, int limit)
{
    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _ended;
    private JsonReaderState _state;

    /// <summary>The line of the first byte that is not consumed, from 1.</summary>
    private long _line = 1;

    public string File => source.File;

    /// <summary>The line of the token or value returned last.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>The next token; false at the end of the text.</summary>
    public bool TryToken(out JsonTokenType type, out string name)
    {
        while (true)
        {
            Utf8JsonReader reader = Reader();
            try
            {
                if (reader.Read())
                {
                    Consume(ref reader);
                    type = reader.TokenType;
                    name = type == JsonTokenType.PropertyName ? reader.GetString()! : "";
                    return true;
                }
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                throw Malformed(error);
            }

            if (_ended)
            {
                (type, name) = (JsonTokenType.None, "");
                return false;
            }

            Fill();
        }
    }

    /// <summary>The next element of the list that was entered; false at the list's end.</summary>
    public bool TryElement(out JsonElement element)
    {
        while (true)
        {
            Utf8JsonReader reader = Reader();
            try
            {
                if (reader.Read())
                {
                    int begin = (int)reader.TokenStartIndex;
                    bool end = reader.TokenType == JsonTokenType.EndArray;
                    if (end || reader.TrySkip())
                    {
                        ReadOnlySpan<byte> bytes = _buffer.AsSpan(_start + begin, (int)reader.BytesConsumed - begin);
                        long line = _line + _buffer.AsSpan(_start, begin).Count((byte)'\n');
                        if (bytes.Length > limit)
                            throw RowFault.TooLong(File, line, limit);
                        if (!Utf8.IsValid(bytes))
                            throw RowFault.NotUtf8(File, line);
                        element = end ? default : JsonElement.Parse(bytes);
                        Consume(ref reader);
                        Line = line;
                        return !end;
                    }
                }
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                throw Malformed(error);
            }

            if (_ended)
                throw Malformed(new JsonException("The text ends inside a list."));
            Fill();
        }
    }

    /// <summary>Passes over the rest of a list or object whose opening token was read last.</summary>
    public void SkipContainer()
    {
        int depth = 1;
        while (depth > 0 && TryToken(out JsonTokenType type, out _))
        {
            if (type is JsonTokenType.StartArray or JsonTokenType.StartObject)
                depth++;
            else if (type is JsonTokenType.EndArray or JsonTokenType.EndObject)
                depth--;
        }
    }

    private Utf8JsonReader Reader() => new(_buffer.AsSpan(_start, _end - _start), _ended, _state);

    private void Consume(ref Utf8JsonReader reader)
    {
        int count = (int)reader.BytesConsumed;
        ReadOnlySpan<byte> bytes = _buffer.AsSpan(_start, count);
        Line = _line + bytes[..(int)Math.Min(reader.TokenStartIndex, count)].Count((byte)'\n');
        _line += bytes.Count((byte)'\n');
        _start += count;
        _state = reader.CurrentState;
    }

    private Exception Malformed(Exception error)
    {
        ReadOnlySpan<byte> rest = _buffer.AsSpan(_start, _end - _start);
        int first = rest.IndexOfAnyExcept(" \t\r\n,"u8);
        long line = _line + rest[..Math.Max(0, first)].Count((byte)'\n');
        return RowFault.At(
            File, line, $"the record that begins here is not valid JSON: {RowFault.Reason(error)}", "Mend the file; a JSON checker shows the place.", error);
    }

    // The buffer is filled up, so that an element is scanned again only after it has doubled.
    private void Fill()
    {
        int kept = _end - _start;
        if (kept > limit)
            throw RowFault.TooLong(File, _line, limit);
        _buffer.AsSpan(_start, kept).CopyTo(_buffer);
        if (kept > _buffer.Length / 2)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        (_start, _end) = (0, kept);
        while (_end < _buffer.Length)
        {
            int count = source.Read(_buffer.AsSpan(_end), _line);
            if (count == 0)
            {
                _ended = true;
                break;
            }

            _end += count;
        }
    }
}
