using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Writes files so that a reader, or a crash at any instant, sees the old content or the new one, never a part.</summary>
public static class AtomicFile
{
    private const int BufferBytes = 1 << 16;

    /// <summary>
    /// Writes to a temporary name beside <paramref name="path"/>, flushes it to disk and renames it over
    /// <paramref name="path"/>. Missing folders are created.
    /// </summary>
    /// <exception cref="UserFaultException">The disk is full, the folder is not writable, or the like.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferBytes))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Remove(temporary);
            throw new UserFaultException(
                $"Cannot write {full}: {error.Message.ReplaceLineEndings(" ")}",
                "Free some space or choose a folder that can be written.",
                inner: error);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>Writes a UTF-8 text file; see <see cref="Write(string, Action{Stream})"/>.</summary>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The fault that is already on its way says what is wrong with this disk.
        }
    }
}
