using System.Reflection;
using System.Text;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>
/// A run is a directory: <c>run.yaml</c> (the resolved configuration), <c>events.jsonl</c>, <c>ledger.db</c>,
/// <c>checkpoints/</c> and <c>report.html</c>. One process at a time writes it. Opening it again with the same
/// configuration resumes: complete stages are taken from the ledger.
/// </summary>
public sealed partial class RunDirectory : IDisposable
{
    /// <summary>The name of the resolved configuration.</summary>
    public const string RecipeFileName = "run.yaml";

    /// <summary>The name of the report.</summary>
    public const string ReportFileName = "report.html";

    /// <summary>The folder of the stages' files.</summary>
    public const string CheckpointsFolder = "checkpoints";

    internal const string ScratchFolder = "scratch";

    private readonly RunLock _lock;
    private readonly TimeProvider _time;
    private readonly DurableOperations _operations;
    private readonly long _opened;
    private readonly long _session;
    private bool _closed;

    private RunDirectory(string path, ResolvedRecipe recipe, bool resumed, RunLock runLock, Ledger ledger, EventLog events, RunDirectoryOptions options, CancellationToken cancellation)
    {
        (Path, Recipe, IsResumed, Ledger, Events, Cancellation) = (path, recipe, resumed, ledger, events, cancellation);
        (_lock, _time, _operations) = (runLock, options.Time, options.Operations);
        _opened = _time.GetTimestamp();
        _session = ledger.OpenSession(_time.GetUtcNow(), options.Owner(), options.ProgramVersion);
    }

    /// <summary>The directory's full path.</summary>
    public string Path { get; }

    /// <summary>The resolved configuration.</summary>
    public ResolvedRecipe Recipe { get; }

    /// <summary>The configuration's identity: 64 hexadecimal digits.</summary>
    public string Identity => Recipe.Identity;

    /// <summary>Whether the directory held this run before.</summary>
    public bool IsResumed { get; }

    /// <summary>The results.</summary>
    public Ledger Ledger { get; }

    /// <summary>What happened.</summary>
    public EventLog Events { get; }

    /// <summary>Asks all stages to stop.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Wall-clock seconds that the run was open, over all resumptions, this one included.</summary>
    public double WallSeconds
    {
        get
        {
            Ledger.SetSessionSeconds(_session, SessionSeconds);
            return Ledger.WallSeconds;
        }
    }

    private double SessionSeconds => _time.GetElapsedTime(_opened).TotalSeconds;

    /// <summary>Creates a run in a new or empty directory, or resumes the run that a directory holds.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="recipe">The resolved configuration.</param>
    /// <param name="options">The clock and the program's version.</param>
    /// <param name="cancellation">Asks all stages to stop.</param>
    /// <exception cref="UserFaultException">
    /// Another process has the directory open; it holds a run with another identity, or other files; it cannot be
    /// written; the disk is full; or the ledger is damaged.
    /// </exception>
    public static RunDirectory Open(string path, ResolvedRecipe recipe, RunDirectoryOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new RunDirectoryOptions();
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        CreateFolder(full, options.Operations);
        RefuseForeignFiles(full);
        RunLock runLock = RunLock.Take(full, options.Owner(), options.Operations);
        Ledger? ledger = null;
        EventLog? events = null;
        try
        {
            string recipePath = System.IO.Path.Combine(full, RecipeFileName);
            string ledgerPath = System.IO.Path.Combine(full, Ledger.FileName);
            bool resumed = CheckIdentity(full, recipe, recipePath, ledgerPath);
            string text = $"# The resolved configuration of this run. Identity: {recipe.Identity}\n{recipe.Yaml}";
            if (!File.Exists(recipePath) || File.ReadAllText(recipePath) != text)
                AtomicFile.Write(recipePath, s => s.Write(Encoding.UTF8.GetBytes(text)), options.Operations);
            bool ledgerIsNew = !File.Exists(ledgerPath);
            ledger = Ledger.OpenWrite(ledgerPath, recipe.Identity, options.Operations);
            events = EventLog.Open(System.IO.Path.Combine(full, EventLog.FileName), options.Time, options.Operations);
            CreateFolder(System.IO.Path.Combine(full, CheckpointsFolder), options.Operations);
            var run = new RunDirectory(full, recipe, resumed, runLock, ledger, events, options, cancellation);
            run.Announce(ledgerIsNew);
            return run;
        }
        catch (Exception e)
        {
            events?.Abandon();
            ledger?.Dispose();
            runLock.Dispose();
            if (StorageFault.Describe(e, full) is { } fault)
                throw fault;
            throw;
        }
    }

    /// <summary>Writes a file of the run, such as the report, so that a reader never sees a part of it.</summary>
    /// <param name="name">The name in the run directory: <c>report.html</c>, <c>summary.json</c>.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="UserFaultException">The disk is full.</exception>
    public void WriteFile(string name, Action<Stream> write) =>
        AtomicFile.Write(System.IO.Path.Combine(Path, name), write, _operations);

    /// <summary>Writes a file that says what the run is made of, and that a resumed run must find the same.</summary>
    /// <param name="name">The name in the run directory.</param>
    /// <param name="text">The content.</param>
    /// <param name="what">What it describes, for the fault: "the data".</param>
    /// <exception cref="UserFaultException">The run was begun with another content; or the disk is full.</exception>
    public void WriteOnce(string name, string text, string what)
    {
        string path = System.IO.Path.Combine(Path, name);
        if (!File.Exists(path))
            WriteFile(name, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        else if (File.ReadAllText(path) != text)
            throw new UserFaultException($"{path}: {what} is not what it was when this run began.", "Restore the files, or choose another --out.", FaultKind.Usage);
    }

    /// <summary>Saves the time spent, closes the files and lets other processes open the directory.</summary>
    public void Dispose()
    {
        if (_closed)
            return;
        _closed = true;
        try
        {
            Ledger.SetSessionSeconds(_session, SessionSeconds);
            Events.Write("run-closed", new { Seconds = SessionSeconds });
            Events.Dispose();
        }
        catch (UserFaultException)
        {
            // On a full disk the time of this session is lost; every result is already on disk.
            Events.Abandon();
        }
        finally
        {
            Ledger.Dispose();
            _lock.Dispose();
        }
    }

    /// <summary>
    /// Closes the directory, and deletes it where this invocation made it and no stage was completed: what a recipe leaves that
    /// turns out not to run would hold its name and its identity.
    /// </summary>
    public void Discard()
    {
        bool worthless = !IsResumed && !_closed && !Ledger.Stages().Any(stage => stage.IsComplete);
        Dispose();
        if (worthless)
            Directory.Delete(Path, recursive: true);
    }

    /// <summary>Ends as a dying process does: nothing more is written, and the operating system releases the lock.</summary>
    internal void Abandon()
    {
        _closed = true;
        Events.Abandon();
        Ledger.Dispose();
        _lock.Abandon();
    }

    private static void CreateFolder(string path, DurableOperations operations)
    {
        try
        {
            if (Directory.Exists(path))
                return;
            operations.Before("create folder");
            Directory.CreateDirectory(path);
            FileSystem.FlushDirectory(System.IO.Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (StorageFault.Describe(e, path) is { } fault)
        {
            throw fault;
        }
    }

    private static void RefuseForeignFiles(string path)
    {
        string[] names = [.. Directory.EnumerateFileSystemEntries(path).Select(e => System.IO.Path.GetFileName(e)).Order(StringComparer.Ordinal)];
        if (names.Contains(RecipeFileName) || names.Contains(Ledger.FileName))
            return;
        string? foreign = names.FirstOrDefault(n =>
            n is not (RunLock.FileName or RunLock.OwnerFileName) && !n.EndsWith(AtomicFile.TemporarySuffix, StringComparison.Ordinal));
        if (foreign is not null)
        {
            throw new UserFaultException(
                $"{path}: this directory holds other files ('{foreign}') and no {RecipeFileName}, so it is no run.",
                "Choose a new or empty directory as --out.", FaultKind.Usage);
        }
    }

    /// <summary>Whether the directory holds this run already; another run is refused.</summary>
    private static bool CheckIdentity(string path, ResolvedRecipe recipe, string recipePath, string ledgerPath)
    {
        IReadOnlyDictionary<string, string>? stored = null;
        if (File.Exists(recipePath))
        {
            try
            {
                stored = recipe.EntriesOf(File.ReadAllText(recipePath), recipePath);
            }
            catch (UserFaultException) when (File.Exists(ledgerPath))
            {
                // An edited run.yaml is written anew below: the ledger's identity decides.
            }
        }

        string? identity = Ledger.PeekIdentity(ledgerPath) ?? (stored is null ? null : ResolvedRecipe.Hash(stored));
        if (identity is null || identity == recipe.Identity)
            return identity is not null;

        string[] differing = stored is null ? [] : [.. stored.Keys.Union(recipe.Entries.Keys)
            .Where(k => stored.GetValueOrDefault(k) != recipe.Entries.GetValueOrDefault(k))
            .Order(StringComparer.Ordinal)
            .Select(k => $"{k} ({stored.GetValueOrDefault(k) ?? "absent"} there, {recipe.Entries.GetValueOrDefault(k) ?? "absent"} here)")];
        string which = differing.Length == 0 ? "their keys cannot be compared"
            : "differing: " + string.Join(", ", differing.Take(8)) + (differing.Length > 8 ? $" and {differing.Length - 8} more" : "");
        throw new UserFaultException(
            $"{path}: this directory holds the run {identity[..12]}, but this configuration is {recipe.Identity[..12]}; {which}.",
            "Choose another --out, or the same settings to resume.", FaultKind.Usage);
    }

    private void Announce(bool ledgerIsNew)
    {
        if (Events.DiscardedBytes > 0)
            Events.Write("events-truncated", new { Bytes = Events.DiscardedBytes });
        if (_lock.Previous is { } previous)
            Events.Write("lock-taken-over", previous);
        if (IsResumed && ledgerIsNew)
            Events.Write("ledger-missing", new { Consequence = "every stage is computed again" });
        Events.Write(IsResumed ? "run-resumed" : "run-created", new { Identity });
        Verify(hash: false);
    }
}

/// <summary>How a run directory is opened.</summary>
public sealed record RunDirectoryOptions
{
    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The program's version, kept with each session.</summary>
    public string ProgramVersion { get; init; } =
        typeof(RunDirectory).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    internal DurableOperations Operations { get; init; } = DurableOperations.Unobserved;

    internal RunOwner Owner() => new(Environment.ProcessId, Environment.MachineName, Time.GetUtcNow());
}
