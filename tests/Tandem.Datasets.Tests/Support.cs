using System.IO.Compression;
using System.Text;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Datasets.Tests;

/// <summary>
/// Finds the real data sets, which lie beside the repository (shared/data) or where TANDEM_DATA says, and are not part of
/// it because their licences differ.
/// </summary>
internal static class SharedData
{
    private static readonly string? Root = FindRoot();

    /// <summary>The path of a file or folder; null, with a note in the test's output, when it is absent.</summary>
    public static string? Find(string name, ITestOutputHelper output)
    {
        string? path = Root is null ? null : Path.Combine(Root, name);
        if (path is not null && (File.Exists(path) || Directory.Exists(path)))
            return path;
        output.WriteLine($"not checked: {name} absent");
        return null;
    }

    private static string? FindRoot()
    {
        if (Environment.GetEnvironmentVariable("TANDEM_DATA") is { Length: > 0 } set)
            return set;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "data");
            if (Directory.Exists(candidate))
                return candidate;
        }

        return null;
    }
}

/// <summary>A folder that is removed when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("tandem-datasets-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public string WriteCompressed(string name, string text)
    {
        using (var gzip = new GZipStream(File.Create(this[name]), CompressionLevel.Fastest))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

internal static class Read
{
    /// <summary>The rows of a text.</summary>
    public static DataRow[] Rows(IRowReader reader, string text, string file = "sample") => Rows(reader, Encoding.UTF8.GetBytes(text), file);

    public static DataRow[] Rows(IRowReader reader, byte[] bytes, string file = "sample") => [.. reader.Read(new MemoryStream(bytes), file)];

    /// <summary>The fault that reading a text ends in.</summary>
    public static string Fault(IRowReader reader, string text) => Fault(reader, Encoding.UTF8.GetBytes(text));

    public static string Fault(IRowReader reader, byte[] bytes) =>
        Assert.Throws<UserFaultException>(() => Rows(reader, bytes)).Message;

    /// <summary>What a format makes of rows of JSON Lines.</summary>
    public static (IReadOnlyList<DataRecord> Records, RecordSink Sink) Records(string format, string lines, string file = "sample.jsonl") =>
        Records(format, Rows(new JsonLinesReader(), lines, file));

    public static (IReadOnlyList<DataRecord> Records, RecordSink Sink) Records(string format, DataRow[] rows)
    {
        var records = new List<DataRecord>();
        var sink = new RecordSink(records.Add);
        foreach (DataRow row in rows)
            DataFormats.Named(format).Reader.Read(row, sink);
        return (records, sink);
    }

    /// <summary>The one record of one row, which is also recognized without the format's name.</summary>
    public static T Only<T>(string format, string line, string file = "sample.jsonl")
        where T : DataRecord
    {
        DataRow[] rows = Rows(new JsonLinesReader(), line, file);
        Assert.Equal(format, DataFormats.Detect(rows).Name);
        return Assert.IsType<T>(Assert.Single(Records(format, rows).Records));
    }
}
