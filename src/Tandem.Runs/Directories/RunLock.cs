using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>
/// The right of one process to write a run directory. The lock is the operating system's own on <c>run.lock</c>, so it
/// ends with the process however that ends, <c>kill -9</c> included; <c>run.owner.json</c> says who holds it.
/// </summary>
internal sealed class RunLock : IDisposable
{
    public const string FileName = "run.lock";
    public const string OwnerFileName = "run.owner.json";
    private readonly FileStream _stream;
    private readonly string _ownerPath;

    private RunLock(FileStream stream, string ownerPath, RunOwner? previous)
    {
        _stream = stream;
        _ownerPath = ownerPath;
        Previous = previous;
    }

    /// <summary>The holder that ended without giving the lock back, if any.</summary>
    public RunOwner? Previous { get; }

    /// <summary>Takes the lock, also from a process that died.</summary>
    /// <exception cref="UserFaultException">Another process holds it, or the directory cannot be written.</exception>
    public static RunLock Take(string directory, RunOwner owner, DurableOperations operations)
    {
        string ownerPath = Path.Combine(directory, OwnerFileName);
        string lockPath = Path.Combine(directory, FileName);
        FileStream stream;
        try
        {
            operations.Before("take lock");
            // On Unix FileShare.None is flock(LOCK_EX): advisory, held by the open file, released by the kernel.
            stream = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(lockPath) && !StorageFault.IsFull(e))
        {
            RunOwner? holder = ReadOwner(ownerPath);
            string who = holder is null ? "another process" : $"process {holder.ProcessId} on {holder.Host} (since {holder.Since:yyyy-MM-dd HH:mm:ss}Z)";
            throw new UserFaultException(
                $"{directory}: this run directory is in use by {who}.", "Wait until it ends, stop it, or choose another --out.", FaultKind.Failure, e);
        }
        catch (Exception e) when (StorageFault.Describe(e, directory) is { } fault)
        {
            throw fault;
        }

        try
        {
            RunOwner? previous = ReadOwner(ownerPath);
            AtomicFile.Write(ownerPath, s => JsonSerializer.Serialize(s, owner, RunJson.Options), operations);
            return new RunLock(stream, ownerPath, previous);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(_ownerPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The owner file only serves messages; the lock itself is released below.
        }

        _stream.Dispose();
    }

    /// <summary>Ends as a dying process does: the lock is released and the owner file stays.</summary>
    public void Abandon() => _stream.Dispose();

    private static RunOwner? ReadOwner(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<RunOwner>(File.ReadAllBytes(path), RunJson.Options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>The process that writes a run directory.</summary>
/// <param name="ProcessId">Its process id on its host.</param>
/// <param name="Host">The host's name.</param>
/// <param name="Since">When it took the lock (UTC).</param>
public sealed record RunOwner(int ProcessId, string Host, DateTimeOffset Since);
