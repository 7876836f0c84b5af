using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// Writes the safetensors format (github.com/huggingface/safetensors): eight bytes of header length, a JSON header of
/// names, types, shapes and offsets, then the values, little-endian. <see cref="SafeTensorsFile"/> reads it.
/// </summary>
public static class SafeTensors
{
    /// <summary>Writes a file atomically (temporary name, flush to disk, rename).</summary>
    /// <exception cref="Tandem.Tensors.UserFaultException">The file cannot be written.</exception>
    public static void Write(
        string path, IReadOnlyList<SafeTensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes to a stream. Wider elements come first, so that every tensor is aligned to its element size.</summary>
    /// <exception cref="ArgumentException">Two tensors have one name.</exception>
    public static void Write(
        Stream stream, IReadOnlyList<SafeTensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = tensors.OrderByDescending(t => t.Type.Size()).ToList();
        byte[] header = Header(ordered, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var tensor in ordered)
            tensor.WriteTo(stream);
    }

    private static byte[] Header(List<SafeTensorData> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafeTensorsFile.MetadataKey };
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafeTensorsFile.MetadataKey);
                foreach (var (key, value) in metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"Two tensors are named '{tensor.Name}'.", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (long dimension in tensor.Shape)
                    json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // The format pads the header with spaces so that the values start on a multiple of 8.
        byte[] padded = new byte[(buffer.WrittenCount + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(padded);
        return padded;
    }
}

/// <summary>A tensor to be written by <see cref="SafeTensors"/>.</summary>
public sealed unsafe class SafeTensorData
{
    private const int ChunkElements = 1 << 14;
    private const int DirectElements = 1 << 24;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly float* _values;
    private readonly Parameter? _parameter;

    private SafeTensorData(
        string name, SafeTensorType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes, float* values, Parameter? parameter = null)
    {
        long count = 1;
        foreach (long dimension in shape)
            count = checked(count * dimension);
        (Name, Type, Shape, ByteCount) = (name, type, shape, checked(count * type.Size()));
        _bytes = bytes;
        _values = values;
        _parameter = parameter;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The element type in the file.</summary>
    public SafeTensorType Type { get; }

    /// <summary>The dimensions, outermost first; none for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The bytes that the values take in the file.</summary>
    public long ByteCount { get; }

    /// <summary>A tensor of any type from its little-endian bytes.</summary>
    /// <exception cref="ArgumentException">The bytes do not fit type and shape.</exception>
    public static SafeTensorData FromBytes(string name, SafeTensorType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes)
    {
        var tensor = new SafeTensorData(name, type, shape, bytes, null);
        if (tensor.ByteCount != bytes.Length)
            throw new ArgumentException($"'{name}' takes {tensor.ByteCount} bytes by its type and shape, {bytes.Length} are given.", nameof(bytes));
        return tensor;
    }

    /// <summary>A tensor from fp32 values, stored as they are.</summary>
    public static SafeTensorData FromFloats(string name, IReadOnlyList<long> shape, ReadOnlySpan<float> values) =>
        FromBytes(name, SafeTensorType.F32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A tensor from 64-bit integers.</summary>
    public static SafeTensorData FromIntegers(string name, IReadOnlyList<long> shape, ReadOnlySpan<long> values) =>
        FromBytes(name, SafeTensorType.I64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>
    /// A tensor from fp32 values in native memory, rounded to a storage type while it is written. The memory is not
    /// copied: it must stay alive and unchanged until then.
    /// </summary>
    public static SafeTensorData FromMemory(string name, IReadOnlyList<long> shape, float* values, StorageType storage = StorageType.F32) =>
        new(name, storage.Element(), shape, default, values);

    /// <summary>As <see cref="FromMemory"/>, from a parameter under its own name.</summary>
    public static SafeTensorData FromParameter(Parameter parameter, StorageType storage = StorageType.F32) =>
        FromParameter(parameter, storage, null);

    /// <summary>As the other, under another name.</summary>
    internal static SafeTensorData FromParameter(Parameter parameter, StorageType storage, string? name)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        Tensor tensor = parameter.Tensor;
        long[] shape = parameter.IsVector ? [tensor.Columns] : [tensor.Rows, tensor.Columns];
        return new SafeTensorData(name ?? parameter.Name, storage.Element(), shape, default, tensor.Data, parameter);
    }

    internal void WriteTo(Stream stream)
    {
        if (_values == null && _parameter is null)
        {
            stream.Write(_bytes.Span);
            return;
        }

        if (_parameter is { } stored && stored.Halves != null && Type == SafeTensorType.BF16)
        {
            for (int start = 0; start < stored.Tensor.Length; start += DirectElements)
            {
                int part = Math.Min(DirectElements, stored.Tensor.Length - start);
                stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<BFloat16>(stored.Halves + start, part)));
            }

            return;
        }

        long count = ByteCount / Type.Size();
        float[]? widened = _values == null ? new float[ChunkElements] : null;
        ushort[]? halves = Type == SafeTensorType.F32 ? null : new ushort[ChunkElements];
        for (long start = 0; start < count; start += ChunkElements)
        {
            int length = (int)Math.Min(ChunkElements, count - start);
            ReadOnlySpan<float> chunk = widened is null ? new ReadOnlySpan<float>(_values + start, length) : Widened(widened.AsSpan(0, length), (int)start);
            if (halves == null)
            {
                stream.Write(MemoryMarshal.AsBytes(chunk));
                continue;
            }

            for (int i = 0; i < chunk.Length; i++)
                halves[i] = Type == SafeTensorType.F16 ? BitConverter.HalfToUInt16Bits((Half)chunk[i]) : BFloat16.Round(chunk[i]).Bits;
            stream.Write(MemoryMarshal.AsBytes(halves.AsSpan(0, chunk.Length)));
        }
    }

    private ReadOnlySpan<float> Widened(Span<float> chunk, int start)
    {
        _parameter!.ReadValues(start, chunk);
        return chunk;
    }
}
