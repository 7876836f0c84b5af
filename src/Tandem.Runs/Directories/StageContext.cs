using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>What a stage's computation may use. Its files live in <c>checkpoints/&lt;key&gt;/</c>.</summary>
public sealed class StageContext
{
    private readonly List<LedgerRow> _rows = [];
    private readonly List<string> _artefacts = [];
    private readonly Action _saveSeconds;

    internal StageContext(RunDirectory run, string key, int attempt, Action saveSeconds)
    {
        (Run, Key, Attempt, _saveSeconds) = (run, key, attempt, saveSeconds);
        Directory = run.StageDirectory(key);
        ScratchDirectory = Path.Combine(Directory, RunDirectory.ScratchFolder);
        System.IO.Directory.CreateDirectory(ScratchDirectory);
    }

    /// <summary>The run.</summary>
    public RunDirectory Run { get; }

    /// <summary>The stage's key.</summary>
    public string Key { get; }

    /// <summary>1 when the stage is started for the first time, more after interruptions.</summary>
    public int Attempt { get; }

    /// <summary>The stage's directory. Only files declared by <see cref="Artefact"/> are kept track of.</summary>
    public string Directory { get; }

    /// <summary>
    /// A directory for work in progress, such as a trainer's periodic checkpoint. What is in it survives a crash and is
    /// there at the next attempt; it is deleted when the stage completes.
    /// </summary>
    public string ScratchDirectory { get; }

    /// <summary>Asks the computation to stop; it then throws <see cref="OperationCanceledException"/> and can be resumed.</summary>
    public CancellationToken Cancellation => Run.Cancellation;

    /// <summary>The run's event log.</summary>
    public EventLog Events => Run.Events;

    internal IReadOnlyList<LedgerRow> Rows => _rows;

    internal IReadOnlyList<string> Artefacts => _artefacts;

    /// <summary>
    /// Declares an artefact, a file or a directory of files, and returns its path, where the computation then writes it.
    /// What an earlier attempt left there is deleted. On completion its length and SHA-256 are recorded.
    /// </summary>
    /// <param name="name">A relative path with <c>/</c>: <c>model</c>, <c>curve.json</c>.</param>
    public string Artefact(string name)
    {
        StageKey.Check(name, "artefact");
        string path = Path.Combine(Directory, name);
        if (!_artefacts.Contains(name))
            _artefacts.Add(name);
        if (System.IO.Directory.Exists(path))
            System.IO.Directory.Delete(path, recursive: true);
        File.Delete(path);
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>Records a row of the ledger together with the stage's completion: both happen or neither.</summary>
    public void Record(LedgerRow row) => _rows.Add(row);

    /// <summary>Runs a stage inside this one, under this key and the given name; see <see cref="RunDirectory.Stage"/>.</summary>
    public T Stage<T>(string name, Func<StageContext, T> compute) => Run.Stage($"{Key}/{name}", compute);

    /// <summary>Saves the wall-clock seconds so far; call it after writing a periodic checkpoint.</summary>
    /// <exception cref="UserFaultException">The disk is full.</exception>
    public void SaveSeconds() => _saveSeconds();
}

/// <summary>Rules for the keys of stages and the names of artefacts, which become paths.</summary>
public static class StageKey
{
    /// <summary>A name as a part of a key: white space becomes a hyphen, and what a key cannot have is left out.</summary>
    /// <param name="name">A name that a person gave.</param>
    /// <exception cref="UserFaultException">Nothing is left of it.</exception>
    public static string Part(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string part = string.Concat(name.Trim().Select(c => char.IsWhiteSpace(c) ? "-" : IsAllowed(c) ? c.ToString() : "")).TrimStart('.');
        return part.Length > 0 && part != RunDirectory.ScratchFolder ? part : throw new UserFaultException(
            $"'{name}' names something whose results are kept in a folder of that name, and no folder can have it.",
            "Give it a name of letters and digits.", FaultKind.Usage);
    }

    internal static void Check(string key, string what = "stage")
    {
        bool valid = key.Length is > 0 and <= 200 && key.Split('/').All(segment =>
            segment.Length > 0 && segment[0] != '.' && segment != RunDirectory.ScratchFolder && segment.All(IsAllowed));
        if (!valid)
        {
            throw new ArgumentException(
                $"'{key}' cannot name a {what}: use letters, digits and ._-@=+ in parts separated by '/'; no part may start with '.' or be '{RunDirectory.ScratchFolder}'.", nameof(key));
        }
    }

    /// <summary>The keys that enclose a key, innermost first.</summary>
    internal static IEnumerable<string> Ancestors(string key)
    {
        for (int slash = key.LastIndexOf('/'); slash > 0; slash = key.LastIndexOf('/', slash - 1))
            yield return key[..slash];
    }

    private static bool IsAllowed(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '@' or '=' or '+';
}
