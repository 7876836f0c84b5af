using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>Copies the files of a snapshot to a folder of the user's, where nothing is overwritten.</summary>
internal static class SnapshotCopy
{
    /// <summary>Copies; files that are there with the same content are left alone.</summary>
    /// <exception cref="UserFaultException">A file is there with another content, or the folder cannot be written.</exception>
    public static void Copy(string snapshot, string target, IEnumerable<string> files, CancellationToken cancellation)
    {
        foreach (string file in files)
        {
            cancellation.ThrowIfCancellationRequested();
            string source = Path.Combine(snapshot, Path.Combine(file.Split('/')));
            string destination = Path.GetFullPath(Path.Combine(target, Path.Combine(file.Split('/'))));
            using FileStream from = File.OpenRead(source);
            if (File.Exists(destination))
            {
                if (!IsSame(from, destination, cancellation))
                {
                    throw new UserFaultException(
                        $"{destination} is there already, with another content.", "Choose another --out, or move that file away.", FaultKind.Usage);
                }

                continue;
            }

            AtomicFile.Write(destination, to => from.CopyTo(to, 1 << 20));
        }
    }

    private static bool IsSame(FileStream a, string path, CancellationToken cancellation)
    {
        using FileStream b = File.OpenRead(path);
        if (a.Length != b.Length)
            return false;
        byte[] left = new byte[1 << 17], right = new byte[1 << 17];
        for (; ; )
        {
            cancellation.ThrowIfCancellationRequested();
            int read = a.ReadAtLeast(left, left.Length, throwOnEndOfStream: false);
            b.ReadAtLeast(right, right.Length, throwOnEndOfStream: false);
            if (!left.AsSpan(0, read).SequenceEqual(right.AsSpan(0, read)))
                return false;
            if (read == 0)
                return true;
        }
    }
}
