namespace Tandem.Datasets.Hub;

/// <summary>The part of the file system that can run full.</summary>
internal interface IFileStore
{
    /// <summary>The bytes that can still be written in a folder, which need not exist yet.</summary>
    long FreeBytes(string folder);

    /// <summary>Opens a file to append to it; creates it if it is absent.</summary>
    Stream OpenAppend(string path);
}

/// <summary>The file system.</summary>
internal sealed class SystemFileStore : IFileStore
{
    public long FreeBytes(string folder)
    {
        for (DirectoryInfo? existing = new(Path.GetFullPath(folder)); existing is not null; existing = existing.Parent)
        {
            if (existing.Exists)
                return new DriveInfo(existing.FullName).AvailableFreeSpace;
        }

        return long.MaxValue;
    }

    public Stream OpenAppend(string path)
    {
        // Not FileMode.Append: a file is cut back to its start when a server does not continue it.
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        stream.Seek(0, SeekOrigin.End);
        return stream;
    }
}
