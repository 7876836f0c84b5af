using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Tandem.Runs;

/// <summary>Makes files and directory entries durable.</summary>
internal static partial class FileSystem
{
    private const int ReadOnlyFlag = 0;
    private const int InvalidArgument = 22;

    /// <summary>Flushes a directory's entries to disk, so that a created or renamed file survives a power loss.</summary>
    /// <remarks>Windows journals directory entries itself and has no such call.</remarks>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = Open(path, ReadOnlyFlag);
        if (descriptor < 0)
            throw new IOException($"The directory '{path}' cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());
        try
        {
            // Some file systems cannot flush a directory and say EINVAL.
            if (FlushDescriptor(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error && error != InvalidArgument)
                throw new IOException($"The directory '{path}' cannot be flushed: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Flushes a file's content to disk and returns its length and SHA-256 in hexadecimal.</summary>
    public static (long Bytes, string Sha256) FlushAndHash(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
        stream.Flush(flushToDisk: true);
        return (stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>The SHA-256 of a file in hexadecimal.</summary>
    public static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FlushDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
