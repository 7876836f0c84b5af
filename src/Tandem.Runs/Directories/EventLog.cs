using System.Text;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>
/// The append-only <c>events.jsonl</c>: one JSON object per line, <c>{"at": time, "event": name, "data": {...}}</c>.
/// Every line is handed to the operating system before <see cref="Write"/> returns, so it survives the process. It tells
/// what happened, in order, and so contains times and restarts; what was measured is in the ledger. Thread-safe.
/// </summary>
public sealed class EventLog : IDisposable
{
    /// <summary>The name of the file in a run directory.</summary>
    public const string FileName = "events.jsonl";

    private static readonly byte[] NewLine = [(byte)'\n'];
    private readonly Lock _gate = new();
    private readonly FileStream _stream;
    private readonly TimeProvider _time;
    private readonly DurableOperations _operations;
    private readonly string _path;

    private EventLog(FileStream stream, string path, TimeProvider time, DurableOperations operations, long discarded)
    {
        (_stream, _path, _time, _operations, DiscardedBytes) = (stream, path, time, operations, discarded);
    }

    /// <summary>The bytes of a torn last line that were cut off when the file was opened.</summary>
    public long DiscardedBytes { get; }

    /// <summary>Appends an event.</summary>
    /// <param name="name">The event's name in kebab-case: <c>stage-completed</c>.</param>
    /// <param name="data">Its data, an object that serialises to JSON.</param>
    /// <exception cref="UserFaultException">The disk is full.</exception>
    public void Write(string name, object? data = null)
    {
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(
            new { At = _time.GetUtcNow(), Event = name, Data = data }, RunJson.Options);
        lock (_gate)
        {
            _operations.Before($"event {name}");
            long start = _stream.Position;
            try
            {
                _stream.Write([.. line, .. NewLine]);
                _stream.Flush();
            }
            catch (Exception e) when (StorageFault.Describe(e, _path) is { } fault)
            {
                TryTruncate(start);
                throw fault;
            }
        }
    }

    /// <summary>
    /// Reads the events of a file, which may be growing. A torn last line is left out.
    /// </summary>
    public static IEnumerable<RunEvent> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string text = reader.ReadToEnd();
        int start = 0;
        for (int end; (end = text.IndexOf('\n', start)) >= 0; start = end + 1)
        {
            if (Parse(text[start..end]) is { } item)
                yield return item;
        }
    }

    /// <summary>Flushes to disk and closes.</summary>
    public void Dispose()
    {
        try
        {
            _stream.Flush(flushToDisk: true);
        }
        catch (Exception e) when (StorageFault.Describe(e, _path) is { } fault)
        {
            throw fault;
        }
        finally
        {
            _stream.Dispose();
        }
    }

    /// <summary>Opens for appending; cuts off a last line that a crash left torn.</summary>
    internal static EventLog Open(string path, TimeProvider time, DurableOperations operations)
    {
        operations.Before("open events");
        // bufferSize 0: each line reaches the operating system in one write.
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            long length = stream.Length;
            long valid = ValidLength(stream);
            if (valid < length)
                stream.SetLength(valid);
            stream.Seek(0, SeekOrigin.End);
            return new EventLog(stream, path, time, operations, length - valid);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Closes without flushing to disk, as a dying process does.</summary>
    internal void Abandon() => _stream.Dispose();

    internal static RunEvent? Parse(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("at", out JsonElement at) && at.TryGetDateTimeOffset(out DateTimeOffset time)
                && root.TryGetProperty("event", out JsonElement name) && name.GetString() is { } text
                ? new RunEvent(time, text, root.TryGetProperty("data", out JsonElement data) ? data.Clone() : default)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>
    /// The length up to the last line that is whole. Lines before the last were followed by others and so were complete;
    /// after a power loss several last ones may be filled with zero bytes.
    /// </summary>
    private static long ValidLength(FileStream stream)
    {
        long end = LineStart(stream, stream.Length);
        while (end > 0)
        {
            long start = LineStart(stream, end - 1);
            byte[] line = new byte[end - 1 - start];
            stream.Seek(start, SeekOrigin.Begin);
            stream.ReadExactly(line);
            if (Parse(Encoding.UTF8.GetString(line)) is not null)
                break;
            end = start;
        }

        return end;
    }

    /// <summary>The position after the last line feed before <paramref name="end"/>, or 0.</summary>
    private static long LineStart(FileStream stream, long end)
    {
        byte[] block = new byte[4096];
        while (end > 0)
        {
            int count = (int)Math.Min(block.Length, end);
            stream.Seek(end - count, SeekOrigin.Begin);
            stream.ReadExactly(block, 0, count);
            int index = Array.LastIndexOf(block, (byte)'\n', count - 1, count);
            if (index >= 0)
                return end - count + index + 1;
            end -= count;
        }

        return 0;
    }

    private void TryTruncate(long length)
    {
        try
        {
            _stream.SetLength(length);
            _stream.Seek(0, SeekOrigin.End);
        }
        catch (IOException)
        {
            // The next open cuts the torn line off.
        }
    }
}

/// <summary>A line of <c>events.jsonl</c>.</summary>
/// <param name="At">When it was written (UTC).</param>
/// <param name="Name">What happened, in kebab-case.</param>
/// <param name="Data">Its data; undefined when there are none.</param>
public sealed record RunEvent(DateTimeOffset At, string Name, JsonElement Data);
