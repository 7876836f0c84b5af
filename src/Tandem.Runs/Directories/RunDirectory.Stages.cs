using System.Collections.Concurrent;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Runs;

public sealed partial class RunDirectory
{
    private readonly ConcurrentDictionary<string, bool> _active = new(StringComparer.Ordinal);

    /// <summary>
    /// The result of a stage: from the ledger when the stage is complete, else by computing it. Completion is one
    /// transaction, after the artefacts are on disk: a crash before it leaves the stage to be computed again, from what
    /// its <see cref="StageContext.ScratchDirectory"/> holds. The computation has to be deterministic.
    /// </summary>
    /// <typeparam name="T">
    /// A plain value that System.Text.Json writes and reads. What is returned has always gone through JSON, also the
    /// first time, so that a resumed run sees the same values.
    /// </typeparam>
    /// <param name="key">Names of parts separated by <c>/</c>: <c>adaptive/seed1/generation2/competence</c>.</param>
    /// <param name="compute">The computation.</param>
    /// <exception cref="OperationCanceledException">The run was interrupted; the stage resumes with the next start.</exception>
    /// <exception cref="UserFaultException">The disk is full, or the recorded result is of another type.</exception>
    public T Stage<T>(string key, Func<StageContext, T> compute)
    {
        StageKey.Check(key);
        if (!_active.TryAdd(key, true))
            throw new InvalidOperationException($"The stage '{key}' is already being computed.");
        try
        {
            StageRow? recorded = Ledger.FindStage(key);
            if (recorded is { IsComplete: true })
            {
                DeleteScratch(key);
                Events.Write("stage-reused", new { Key = key });
                return FromJson<T>(key, recorded.Result);
            }

            return FromJson<T>(key, Compute(key, compute, recorded));
        }
        finally
        {
            _active.TryRemove(key, out _);
        }
    }

    /// <summary>The path of an artefact of a stage.</summary>
    public string ArtefactPath(string key, string name) => System.IO.Path.Combine(StageDirectory(key), name);

    /// <summary>The directory of a stage's files.</summary>
    public string StageDirectory(string key) => System.IO.Path.Combine(Path, CheckpointsFolder, key);

    /// <summary>
    /// Compares every artefact with its recorded SHA-256. Stages with a missing or damaged one, and the stages that
    /// enclose them, are computed again when next asked for. Opening a run compares the lengths only.
    /// </summary>
    /// <returns>What was found wrong; empty when all is well.</returns>
    public IReadOnlyList<ArtefactFault> Verify() => Verify(hash: true);

    private List<ArtefactFault> Verify(bool hash)
    {
        var faults = new List<ArtefactFault>();
        var stages = Ledger.Stages();
        foreach (StageRow stage in stages.Where(s => s.IsComplete))
        {
            foreach (Artefact artefact in stage.Artefacts)
            {
                var file = new FileInfo(ArtefactPath(stage.Key, artefact.Name));
                string? problem = !file.Exists ? "is missing"
                    : file.Length != artefact.Bytes ? $"has {file.Length} bytes instead of {artefact.Bytes}"
                    : hash && FileSystem.Hash(file.FullName) != artefact.Sha256 ? "has another SHA-256 than recorded"
                    : null;
                if (problem is not null)
                    faults.Add(new ArtefactFault(stage.Key, artefact.Name, problem));
            }
        }

        if (faults.Count > 0)
        {
            // An enclosing stage would be taken from the ledger without ever asking for the damaged one.
            var known = stages.Select(s => s.Key).ToHashSet(StringComparer.Ordinal);
            string[] keys = [.. faults.SelectMany(f => StageKey.Ancestors(f.Stage).Prepend(f.Stage)).Where(known.Contains).Distinct().Order(StringComparer.Ordinal)];
            Ledger.MarkDamaged(keys);
            Events.Write("artefacts-damaged", new { Faults = faults, RecomputedStages = keys });
        }

        return faults;
    }

    private string Compute<T>(string key, Func<StageContext, T> compute, StageRow? recorded)
    {
        Cancellation.ThrowIfCancellationRequested();
        string path = StageDirectory(key);
        long last = _time.GetTimestamp();
        var gate = new Lock();
        bool started = false;
        try
        {
            Ledger.StartStage(key);
            started = true;
            int attempt = Ledger.Timings().First(t => t.Key == key).Attempts;
            Events.Write("stage-started", new { Key = key, Attempt = attempt });
            var context = new StageContext(this, key, attempt, () => Ledger.AddStageSeconds(key, Lap(), _session, SessionSeconds));
            T value = compute(context);
            string result = JsonSerializer.Serialize(value, RunJson.Options);
            var stage = new StageRow(key, result, true, Seal(context));
            double seconds = Lap();
            Ledger.CompleteStage(stage, context.Rows, seconds, _session, SessionSeconds);
            Events.Write("stage-completed", new { Key = key, Seconds = seconds, Artefacts = stage.Artefacts.Count });
            if (recorded is not null && !(recorded.Result == result && recorded.Artefacts.SequenceEqual(stage.Artefacts)))
                Events.Write("stage-not-reproduced", new { Key = key, Before = recorded, After = stage });
            DeleteScratch(key);
            return result;
        }
        catch (OperationCanceledException)
        {
            Ledger.AddStageSeconds(key, Lap(), _session, SessionSeconds);
            Events.Write("stage-interrupted", new { Key = key });
            throw;
        }
        catch (Exception e) when (started && e is UserFaultException)
        {
            TryRecordFailure(key, Lap(), e);
            throw;
        }
        catch (Exception e) when (StorageFault.IsFull(e) && StorageFault.Describe(e, path) is { } fault)
        {
            TryRecordFailure(key, Lap(), fault);
            throw fault;
        }

        double Lap()
        {
            lock (gate)
            {
                long now = _time.GetTimestamp();
                double seconds = _time.GetElapsedTime(last, now).TotalSeconds;
                last = now;
                return seconds;
            }
        }
    }

    /// <summary>Flushes the artefacts and their folders to disk, and measures them.</summary>
    private List<Artefact> Seal(StageContext context)
    {
        var sealedArtefacts = new List<Artefact>();
        var folders = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string name in context.Artefacts)
        {
            string path = System.IO.Path.Combine(context.Directory, name);
            string[] files = Directory.Exists(path) ? Directory.GetFiles(path, "*", SearchOption.AllDirectories)
                : File.Exists(path) ? [path]
                : throw new InvalidOperationException($"The stage '{context.Key}' declared the artefact '{name}' and did not write it.");
            foreach (string file in files)
            {
                string relative = System.IO.Path.GetRelativePath(context.Directory, file).Replace('\\', '/');
                _operations.Before($"flush artefact {relative}");
                (long bytes, string sha256) = FileSystem.FlushAndHash(file);
                sealedArtefacts.Add(new Artefact(relative, bytes, sha256));
                for (string folder = System.IO.Path.GetDirectoryName(file)!; folder.Length >= Path.Length; folder = System.IO.Path.GetDirectoryName(folder)!)
                    folders.Add(folder);
            }
        }

        foreach (string folder in folders)
        {
            _operations.Before("flush artefact folder");
            FileSystem.FlushDirectory(folder);
        }

        sealedArtefacts.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return sealedArtefacts;
    }

    private void TryRecordFailure(string key, double seconds, Exception failure)
    {
        try
        {
            Ledger.AddStageSeconds(key, seconds, _session, SessionSeconds);
            Events.Write("stage-failed", new { Key = key, failure.Message });
        }
        catch (UserFaultException)
        {
            // The failure itself is thrown; on a full disk there is no room to note it.
        }
    }

    private void DeleteScratch(string key)
    {
        string scratch = System.IO.Path.Combine(StageDirectory(key), ScratchFolder);
        if (!Directory.Exists(scratch))
            return;
        _operations.Before("delete scratch");
        try
        {
            Directory.Delete(scratch, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Events.Write("scratch-left", new { Key = key, e.Message });
        }
    }

    private T FromJson<T>(string key, string json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, RunJson.Options)!;
        }
        catch (JsonException e)
        {
            throw new UserFaultException(
                $"{Path}: the recorded result of the stage '{key}' is not a {typeof(T).Name} ({e.Message.TrimEnd('.')}): another version of the program made it.",
                "Continue with that version, or choose another --out.", FaultKind.Failure, e);
        }
    }
}

/// <summary>An artefact that is not as recorded.</summary>
/// <param name="Stage">The stage that made it.</param>
/// <param name="Name">Its path inside the stage's directory.</param>
/// <param name="Problem">What is wrong with it.</param>
public sealed record ArtefactFault(string Stage, string Name, string Problem);
