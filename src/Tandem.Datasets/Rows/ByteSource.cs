using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>The bytes of a file without its byte order mark; what a stream can throw becomes a fault with file and line.</summary>
internal sealed class ByteSource(Stream stream, string file)
{
    private static ReadOnlySpan<byte> Utf8Mark => [0xEF, 0xBB, 0xBF];

    private readonly byte[] _head = new byte[3];
    private int _headStart;
    private int _headEnd;
    private bool _begun;

    public string File => file;

    /// <summary>Reads as a stream does; 0 is the end.</summary>
    /// <param name="buffer">Where to put the bytes; not empty.</param>
    /// <param name="line">The line being read, for messages.</param>
    public int Read(Span<byte> buffer, long line)
    {
        try
        {
            if (!_begun)
            {
                _begun = true;
                _headEnd = stream.ReadAtLeast(_head, _head.Length, throwOnEndOfStream: false);
                ReadOnlySpan<byte> head = _head.AsSpan(0, _headEnd);
                if (head.StartsWith(Utf8Mark))
                    _headStart = Utf8Mark.Length;
                else if (head is [0xFE, 0xFF, ..] or [0xFF, 0xFE, ..])
                    throw RowFault.At(file, 1, "the text is UTF-16", "Save it as UTF-8.");
            }

            if (_headStart < _headEnd)
            {
                int count = Math.Min(buffer.Length, _headEnd - _headStart);
                _head.AsSpan(_headStart, count).CopyTo(buffer);
                _headStart += count;
                return count;
            }

            return stream.Read(buffer);
        }
        catch (InvalidDataException error)
        {
            throw RowFault.At(file, line, $"the compressed data is damaged: {error.Message}", "Fetch the file again.", error);
        }
        catch (IOException error)
        {
            throw RowFault.At(file, line, $"it cannot be read: {error.Message}", "Check the disk and the file's permissions.", error);
        }
    }
}

/// <summary>Faults of data files: file, line, what is wrong, and the remedy.</summary>
internal static class RowFault
{
    public const int LongestRecord = 64 << 20;

    public static UserFaultException At(string file, long line, string what, string remedy, Exception? inner = null) =>
        new($"{file}:{line}: {what.ReplaceLineEndings(" ").TrimEnd('.')}.", remedy, inner: inner);

    public static UserFaultException NotUtf8(string file, long line) =>
        At(file, line, "the text is not valid UTF-8", "Convert the file to UTF-8, for example with iconv.");

    public static UserFaultException TooLong(string file, long line, long limit) =>
        At(file, line, $"a record is longer than {limit:N0} bytes", "Look for a missing line end or a quote that is not closed.");

    /// <summary>The reason of a JSON fault without the position, which is relative to the record.</summary>
    public static string Reason(Exception error)
    {
        string message = error.Message;
        foreach (string end in new[] { " Path:", " LineNumber:" })
        {
            int at = message.IndexOf(end, StringComparison.Ordinal);
            if (at > 0)
                message = message[..at];
        }

        return message.ReplaceLineEndings(" ");
    }
}
