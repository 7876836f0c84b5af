using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Training.Checkpoints;

/// <summary>
/// A folder of checkpoints <c>step-0000000123</c>. Each is written under a temporary name, its files flushed to disk,
/// renamed, and then marked complete by a file that lists the length and SHA-256 of the others: after a crash at any
/// instant there is the checkpoint before or the one after, and a damaged file is recognised before it is used.
/// </summary>
public sealed class CheckpointDirectory
{
    /// <summary>The name of the completion marker inside a checkpoint.</summary>
    public const string MarkerName = "complete.json";

    private const string Prefix = "step-";
    private const string TemporarySuffix = ".tmp";
    private readonly int _keep;

    /// <summary>Opens a folder of checkpoints, which need not exist yet.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="keep">How many complete checkpoints are kept; at least 1. With 2, a damaged last one costs one interval.</param>
    public CheckpointDirectory(string path, int keep = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        Path = System.IO.Path.GetFullPath(path);
        _keep = keep;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The complete checkpoints, the latest first. A marker is trusted here; <see cref="Open"/> checks the files.</summary>
    public IReadOnlyList<string> Complete()
    {
        if (!Directory.Exists(Path))
            return [];
        return
        [
            .. Directory.EnumerateDirectories(Path, Prefix + "*")
                .Where(d => !d.EndsWith(TemporarySuffix, StringComparison.Ordinal) && File.Exists(System.IO.Path.Combine(d, MarkerName)))
                .OrderByDescending(d => d, StringComparer.Ordinal),
        ];
    }

    /// <summary>Writes a checkpoint and removes all but the latest few.</summary>
    /// <param name="step">The number of steps done; orders the checkpoints.</param>
    /// <param name="write">Writes its files into the folder that it is given.</param>
    /// <returns>The folder of the checkpoint.</returns>
    /// <exception cref="UserFaultException">The disk is full or not writable; earlier checkpoints are untouched.</exception>
    public string Save(long step, Action<string> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        string name = Prefix + step.ToString("D10", CultureInfo.InvariantCulture);
        string final = System.IO.Path.Combine(Path, name);
        string temporary = final + TemporarySuffix;
        try
        {
            Delete(temporary);
            Directory.CreateDirectory(temporary);
            write(temporary);
            var files = new SortedDictionary<string, FileMark>(StringComparer.Ordinal);
            foreach (string file in Directory.EnumerateFiles(temporary))
                files.Add(System.IO.Path.GetFileName(file), FileMark.Of(file));

            // The same step is written again after a resume; the old one goes only when the new one is whole.
            Delete(final);
            Directory.Move(temporary, final);
            AtomicFile.WriteText(System.IO.Path.Combine(final, MarkerName), JsonSerializer.Serialize(files));
            foreach (string old in Complete().Skip(_keep))
                Delete(old);
            return final;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot write checkpoint {final}: {error.Message.ReplaceLineEndings(" ")}",
                "Free some space or choose another folder, then run the same command to resume.",
                inner: error);
        }
    }

    /// <summary>Finds the latest complete checkpoint and checks every file of it.</summary>
    /// <param name="fallBack">Whether to take an earlier checkpoint when the latest is damaged.</param>
    /// <returns>Its folder; null when there is none.</returns>
    /// <exception cref="UserFaultException">
    /// A file is damaged or missing and <paramref name="fallBack"/> is false, or no checkpoint is sound. The message
    /// names the file and the earlier checkpoint that is usable, if any.
    /// </exception>
    public string? Open(bool fallBack = false)
    {
        string? fault = null;
        foreach (string checkpoint in Complete())
        {
            string? found = FindFault(checkpoint);
            if (found is null)
            {
                if (fault is null || fallBack)
                    return checkpoint;
                throw new UserFaultException(
                    fault,
                    $"Resume with fall-back, or delete the folder of that file: the earlier checkpoint {checkpoint} is usable.");
            }

            fault ??= found;
        }

        if (fault is null)
            return null;
        throw new UserFaultException(fault, $"No earlier checkpoint is usable: delete {Path} to start anew.");
    }

    /// <summary>What is wrong with a checkpoint: null when each file has the length and hash that its marker gives.</summary>
    public static string? FindFault(string checkpoint)
    {
        string marker = System.IO.Path.Combine(checkpoint, MarkerName);
        Dictionary<string, FileMark>? files;
        try
        {
            files = JsonSerializer.Deserialize<Dictionary<string, FileMark>>(File.ReadAllText(marker));
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            return $"Checkpoint marker {marker} cannot be read: {error.Message.ReplaceLineEndings(" ")}";
        }

        foreach (var (name, expected) in files ?? [])
        {
            string file = System.IO.Path.Combine(checkpoint, System.IO.Path.GetFileName(name));
            if (!File.Exists(file))
                return $"Checkpoint file {file} is missing.";
            long length = new FileInfo(file).Length;
            if (length != expected.Length)
                return $"Checkpoint file {file} is truncated or corrupt: {length} bytes, {expected.Length} were written.";
            if (FileMark.Of(file) != expected)
                return $"Checkpoint file {file} is corrupt: its SHA-256 is not the one that was written.";
        }

        return files is { Count: > 0 } ? null : $"Checkpoint marker {marker} lists no files.";
    }

    private static void Delete(string directory)
    {
        if (!Directory.Exists(directory))
            return;

        // Without its marker a half-deleted checkpoint is never taken for a complete one.
        File.Delete(System.IO.Path.Combine(directory, MarkerName));
        Directory.Delete(directory, recursive: true);
    }

    private sealed record FileMark(long Length, string Sha256)
    {
        public static FileMark Of(string file)
        {
            using var stream = File.OpenRead(file);
            return new FileMark(stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
        }
    }
}
