using System.Text;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>Replaces files as a whole: after a crash a reader finds the old content or the new, never a part.</summary>
public static class AtomicFile
{
    /// <summary>What a file is called while it is being written: its name and this.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>
    /// Writes to a temporary name in the same folder, flushes the file to disk, renames it over
    /// <paramref name="path"/>, and flushes the folder. When <paramref name="write"/> throws, the old file stays.
    /// </summary>
    /// <exception cref="UserFaultException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, Action<Stream> write) => Write(path, write, DurableOperations.Unobserved);

    /// <summary>Writes text as UTF-8; see <see cref="Write(string, Action{Stream})"/>.</summary>
    /// <exception cref="UserFaultException">The disk is full or the folder cannot be written.</exception>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    internal static void Write(string path, Action<Stream> write, DurableOperations operations)
    {
        string full = Path.GetFullPath(path);
        string temporary = full + TemporarySuffix;
        string name = Path.GetFileName(full);
        try
        {
            operations.Before($"write {name}");
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            operations.Before($"rename {name}");
            File.Move(temporary, full, overwrite: true);
            operations.Before($"flush folder of {name}");
            FileSystem.FlushDirectory(Path.GetDirectoryName(full)!);
        }
        catch (Exception e) when (StorageFault.Describe(e, full) is { } fault)
        {
            TryDelete(temporary);
            throw fault;
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The fault that is being reported is the cause; a left-over temporary file is overwritten by the next write.
        }
    }
}
