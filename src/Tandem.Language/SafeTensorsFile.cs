using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// An open safetensors file. The header is checked before anything is allocated by its word: its length against the
/// file, every type and shape against its byte range, and the ranges against each other (they tile the data exactly,
/// as the reference implementation demands). Values are read on demand, from the mapped file where there is one.
/// </summary>
/// <remarks>The file must not be shortened while it is open: other programs replace it under another name, as this one does.</remarks>
public sealed unsafe class SafeTensorsFile : IDisposable
{
    internal const string MetadataKey = "__metadata__";

    // The limit of the reference implementation (safetensors, MAX_HEADER_SIZE).
    private const long MaximumHeaderBytes = 100_000_000;
    private const int MaximumDimensions = 8;
    private const int ChunkBytes = 8192;
    private const string Remedy = "Fetch or save the file again.";

    private readonly Dictionary<string, SafeTensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly Stream _stream;
    private readonly long _start;
    private readonly long _dataStart;
    private MemoryMappedFile? _map;
    private MemoryMappedViewAccessor? _view;
    private byte* _mapped; // the start of the file

    private SafeTensorsFile(Stream stream, string name)
    {
        (_stream, Name, _start) = (stream, name, stream.Position);
        _dataStart = ReadHeader();
    }

    /// <summary>The file's path, or what the stream was called: faults name it.</summary>
    public string Name { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafeTensorEntry> Entries => _entries;

    /// <summary>The free-form metadata of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="UserFaultException">The file is absent, unreadable or malformed; the message names it.</exception>
    public static SafeTensorsFile Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot open {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the path and its permissions.", inner: error);
        }

        try
        {
            return new SafeTensorsFile(stream, path);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads from a stream, from its current position to its end; the stream is disposed with this.</summary>
    /// <param name="stream">A seekable stream, as of an embedded resource; another is read into memory.</param>
    /// <param name="name">What faults call it.</param>
    /// <exception cref="UserFaultException">The content is malformed.</exception>
    public static SafeTensorsFile Read(Stream stream, string name = "safetensors stream")
    {
        if (stream.CanSeek)
            return new SafeTensorsFile(stream, name);
        var copy = new MemoryStream();
        stream.CopyTo(copy);
        stream.Dispose();
        copy.Position = 0;
        return new SafeTensorsFile(copy, name);
    }

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Contains(string tensor) => _entries.ContainsKey(tensor);

    /// <summary>The entry of a tensor.</summary>
    /// <exception cref="UserFaultException">There is none of this name.</exception>
    public SafeTensorEntry Entry(string tensor) =>
        _entries.GetValueOrDefault(tensor) ?? throw Malformed($"it has no tensor '{tensor}'");

    /// <summary>The values of a tensor as its little-endian bytes.</summary>
    public byte[] ReadBytes(string tensor)
    {
        var entry = Entry(tensor);
        if (entry.ByteCount > Array.MaxLength)
            throw Malformed($"tensor '{tensor}' takes {entry.ByteCount} bytes, more than {Array.MaxLength} can be held at once");
        byte[] bytes = new byte[entry.ByteCount];
        Seek(entry);
        Fill(bytes);
        return bytes;
    }

    /// <summary>Copies the values of an F32, F16 or BF16 tensor, widened exactly to fp32.</summary>
    /// <exception cref="UserFaultException">There is no such tensor, its type is another, or the file ends early.</exception>
    /// <exception cref="ArgumentException">The destination's length is not the tensor's count.</exception>
    public void CopyTo(string tensor, Span<float> destination)
    {
        var entry = Readable(tensor, destination.Length);
        byte* mapped = Mapped(tensor);
        if (mapped != null)
        {
            StoredValues.Widen(mapped, entry.Type, destination);
            return;
        }

        Seek(entry);
        int size = entry.Type.Size();
        byte* chunk = stackalloc byte[ChunkBytes];
        while (destination.Length > 0)
        {
            int count = Math.Min(ChunkBytes / size, destination.Length);
            Fill(new Span<byte>(chunk, count * size));
            StoredValues.Widen(chunk, entry.Type, destination[..count]);
            destination = destination[count..];
        }
    }

    /// <summary>Copies the values of an F32, F16 or BF16 tensor into a parameter; bfloat16 to bfloat16 bit for bit.</summary>
    /// <exception cref="UserFaultException">See <see cref="CopyTo(string, Span{float})"/>.</exception>
    /// <exception cref="ArgumentException">The parameter has another number of values.</exception>
    public void CopyTo(string tensor, Parameter destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (destination.Halves == null)
        {
            CopyTo(tensor, destination.Tensor.Values);
            return;
        }

        var entry = Readable(tensor, destination.Tensor.Length);
        byte* mapped = Mapped(tensor);
        if (mapped != null)
            StoredValues.Round(mapped, entry.Type, new Span<BFloat16>(destination.Halves, destination.Tensor.Length));
        else
            destination.WriteValues(0, ReadFloats(tensor));
    }

    /// <summary>The bytes of a tensor in the mapped file; null for an empty tensor or another stream than a file.</summary>
    /// <exception cref="UserFaultException">The file cannot be mapped, or has been shortened since it was opened.</exception>
    internal byte* Mapped(string tensor)
    {
        var entry = Entry(tensor);
        if (_stream is not FileStream file || entry.ByteCount == 0)
            return null;
        try
        {
            if (_mapped == null)
            {
                _map ??= MemoryMappedFile.CreateFromFile(
                    file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                _view ??= _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
                _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _mapped);
            }

            // To read past the end of a mapped file would end the process.
            if (RandomAccess.GetLength(file.SafeFileHandle) < _dataStart + entry.Offset + entry.ByteCount)
                throw Malformed("it has become shorter since it was opened");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Malformed($"it cannot be mapped: {error.Message.ReplaceLineEndings(" ")}", error);
        }

        return _mapped + _view!.PointerOffset + _dataStart + entry.Offset;
    }

    /// <summary>The values of an F32, F16 or BF16 tensor.</summary>
    public float[] ReadFloats(string tensor)
    {
        float[] values = new float[CheckedCount(tensor)];
        CopyTo(tensor, values);
        return values;
    }

    /// <summary>The values of an I64 tensor.</summary>
    public long[] ReadIntegers(string tensor)
    {
        if (Entry(tensor).Type != SafeTensorType.I64)
            throw Malformed($"tensor '{tensor}' has type {Entry(tensor).Type}, expected I64");
        return MemoryMarshal.Cast<byte, long>(ReadBytes(tensor)).ToArray();
    }

    /// <summary>Closes the file or stream.</summary>
    public void Dispose()
    {
        if (_mapped != null)
        {
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
            _mapped = null;
        }

        _view?.Dispose();
        _map?.Dispose();
        _stream.Dispose();
    }

    private SafeTensorEntry Readable(string tensor, int count)
    {
        var entry = Entry(tensor);
        if (entry.Count != count)
            throw new ArgumentException($"'{tensor}' has {entry.Count} values, the destination takes {count}.");
        return StoredValues.IsReadable(entry.Type)
            ? entry
            : throw Malformed($"tensor '{tensor}' has type {entry.Type}; allowed here are F32, F16 and BF16");
    }

    private long CheckedCount(string tensor)
    {
        var entry = Entry(tensor);
        return entry.Count <= Array.MaxLength
            ? entry.Count
            : throw Malformed($"tensor '{tensor}' has {entry.Count} values, more than {Array.MaxLength} can be held at once");
    }

    private void Seek(SafeTensorEntry entry) => _stream.Position = _dataStart + entry.Offset;

    private void Fill(Span<byte> destination)
    {
        try
        {
            _stream.ReadExactly(destination);
        }
        catch (IOException error)
        {
            throw Malformed($"it cannot be read to its end: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private long ReadHeader()
    {
        long available = _stream.Length - _start - 8;
        if (available < 2)
            throw Malformed($"it has {_stream.Length - _start} bytes, too few for a header");
        Span<byte> prefix = stackalloc byte[8];
        Fill(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Math.Min(available, MaximumHeaderBytes))
            throw Malformed($"its header claims {length} bytes; allowed are up to {Math.Min(available, MaximumHeaderBytes)}");

        byte[] header = new byte[length];
        Fill(header);
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw Malformed("its header is not a JSON object");
            foreach (var property in json.RootElement.EnumerateObject())
                ReadProperty(property);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            // InvalidOperationException: a string that is not valid UTF-16, or a value of another kind than asked for.
            throw Malformed($"its header is not valid: {error.Message.ReplaceLineEndings(" ")}", error);
        }

        CheckTiling(available - (long)length);
        return _start + 8 + (long)length;
    }

    private void ReadProperty(JsonProperty property)
    {
        if (property.Name == MetadataKey)
        {
            foreach (var pair in property.Value.EnumerateObject())
                _metadata[pair.Name] = pair.Value.GetString() ?? "";
            return;
        }

        string name = property.Name;
        var value = property.Value;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var dtype)
            || !value.TryGetProperty("shape", out var shape)
            || !value.TryGetProperty("data_offsets", out var offsets))
        {
            throw Malformed($"tensor '{name}' lacks dtype, shape or data_offsets");
        }

        if (!Enum.TryParse(dtype.GetString(), out SafeTensorType type) || type.ToString() != dtype.GetString())
            throw Malformed($"tensor '{name}' has the unknown type {dtype}");
        if (shape.GetArrayLength() > MaximumDimensions)
            throw Malformed($"tensor '{name}' has {shape.GetArrayLength()} dimensions; allowed are up to {MaximumDimensions}");
        long[] dimensions = [.. shape.EnumerateArray().Select(d => Integer(d, name))];
        if (offsets.GetArrayLength() != 2)
            throw Malformed($"tensor '{name}' has {offsets.GetArrayLength()} data_offsets, expected 2");
        long begin = Integer(offsets[0], name);
        long end = Integer(offsets[1], name);

        // An empty dimension makes the count zero whatever the others say.
        UInt128 count = 1;
        foreach (long dimension in dimensions)
            count = count > ulong.MaxValue && dimension > 0 ? count : count * (ulong)dimension;
        if (end < begin || count > long.MaxValue || count * (ulong)type.Size() != (ulong)(end - begin))
            throw Malformed($"tensor '{name}' ({type}, shape [{string.Join(", ", dimensions)}]) does not fit its byte range [{begin}, {end})");
        _entries.Add(name, new SafeTensorEntry(name, type, dimensions, (long)count, begin, end - begin));
    }

    private long Integer(JsonElement element, string tensor) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long value) && value >= 0
            ? value
            : throw Malformed($"tensor '{tensor}' has the dimension or offset {element}, expected an integer of at least 0");

    private void CheckTiling(long dataBytes)
    {
        long position = 0;
        foreach (var entry in _entries.Values.OrderBy(e => e.Offset).ThenBy(e => e.ByteCount))
        {
            if (entry.Offset != position)
            {
                throw Malformed(
                    $"tensor '{entry.Name}' starts at byte {entry.Offset} where the one before it ends at {position}: they overlap or leave a hole");
            }

            position += entry.ByteCount;
        }

        if (position != dataBytes)
            throw Malformed($"its tensors take {position} bytes, the file holds {dataBytes}");
    }

    private UserFaultException Malformed(string what, Exception? inner = null) =>
        new($"{Name} is not a usable safetensors file: {what}.", Remedy, inner: inner);
}

/// <summary>A tensor of a <see cref="SafeTensorsFile"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its dimensions, outermost first; none for a scalar.</param>
/// <param name="Count">The number of elements.</param>
/// <param name="Offset">Where it starts, in bytes from the start of the data.</param>
/// <param name="ByteCount">The bytes it takes.</param>
public sealed record SafeTensorEntry(
    string Name, SafeTensorType Type, IReadOnlyList<long> Shape, long Count, long Offset, long ByteCount);
