using System.Globalization;
using Microsoft.Data.Sqlite;
using Tandem.Tensors;

namespace Tandem.Runs;

/// <summary>
/// The run's record of results, <c>ledger.db</c> (SQLite). Every write is one transaction: it survives the process, and
/// a power loss can undo at most the last one, whole. A rollback journal is used rather than a write-ahead log, because the latter needs shared memory and so does
/// not work on the network file systems of clusters. Thread-safe.
/// </summary>
public sealed partial class Ledger : IDisposable
{
    /// <summary>The name of the file in a run directory.</summary>
    public const string FileName = "ledger.db";

    private readonly Lock _gate = new();
    private readonly SqliteConnection _connection;
    private readonly DurableOperations _operations;
    private readonly string _path;
    private SqliteTransaction? _current;

    private Ledger(SqliteConnection connection, string path, DurableOperations operations)
    {
        (_connection, _path, _operations) = (connection, path, operations);
    }

    /// <summary>The identity of the run's configuration, when it was created.</summary>
    public string Identity => Read("SELECT value FROM meta WHERE key = 'identity'", r => r.GetString(0)).Single();

    /// <summary>When the run was first opened (UTC).</summary>
    public DateTimeOffset Started => Read(
        "SELECT started FROM sessions ORDER BY id LIMIT 1",
        r => DateTimeOffset.Parse(r.GetString(0), CultureInfo.InvariantCulture)).FirstOrDefault();

    /// <summary>Wall-clock seconds that processes had the run open, over all resumptions, as far as they were saved.</summary>
    public double WallSeconds => Read("SELECT COALESCE(SUM(seconds), 0.0) FROM sessions", r => r.GetDouble(0)).Single();

    /// <summary>Opens the ledger of a run directory for reading, also while another process writes it.</summary>
    /// <exception cref="UserFaultException">There is none, or it is damaged.</exception>
    public static Ledger OpenRead(string runDirectory)
    {
        string path = Path.Combine(runDirectory, FileName);
        if (!File.Exists(path))
        {
            throw new UserFaultException(
                $"{runDirectory}: this is not a run directory (it has no {FileName}).", "Name the directory that a run was given as --out.", FaultKind.Usage);
        }

        Ledger ledger = Open(path, SqliteOpenMode.ReadWrite, DurableOperations.Unobserved);
        ledger.Execute("PRAGMA query_only = ON");
        return ledger;
    }

    /// <summary>Records a row at once; inside a stage use <see cref="StageContext.Record"/>, which records with the completion.</summary>
    /// <exception cref="UserFaultException">The disk is full or the ledger is damaged.</exception>
    public void Record(LedgerRow row) => Transact($"record {row.Table}", () => Upsert(row));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _connection.Dispose();

    /// <summary>Opens or creates the ledger; a new one gets the schema and the identity in one transaction.</summary>
    internal static Ledger OpenWrite(string path, string identity, DurableOperations operations)
    {
        operations.Before("open ledger");
        Ledger ledger = Open(path, SqliteOpenMode.ReadWriteCreate, operations);
        try
        {
            if (ledger.SchemaVersion() == 0)
            {
                ledger.Transact("create", () =>
                {
                    ledger.Execute(LedgerSchema.Create);
                    ledger.Execute("INSERT INTO meta (key, value) VALUES ('identity', $identity)", ("$identity", identity));
                    ledger.Execute($"PRAGMA user_version = {LedgerSchema.Version}");
                });
            }

            return ledger;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    /// <summary>The identity of an existing ledger, or null when the file is absent or empty.</summary>
    internal static string? PeekIdentity(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
            return null;
        using Ledger ledger = Open(path, SqliteOpenMode.ReadWrite, DurableOperations.Unobserved);
        return ledger.SchemaVersion() == 0 ? null : ledger.Identity;
    }

    internal long OpenSession(DateTimeOffset started, RunOwner owner, string version)
    {
        long id = 0;
        Transact("open session", () =>
        {
            Execute(
                "INSERT INTO sessions (started, process_id, host, version, seconds) VALUES ($started, $pid, $host, $version, 0.0)",
                ("$started", started.ToString("O", CultureInfo.InvariantCulture)), ("$pid", owner.ProcessId), ("$host", owner.Host), ("$version", version));
            id = Read("SELECT last_insert_rowid()", r => r.GetInt64(0)).Single();
        });
        return id;
    }

    internal void SetSessionSeconds(long session, double seconds) =>
        Transact("session seconds", () => UpdateSession(session, seconds));

    private static Ledger Open(string path, SqliteOpenMode mode, DurableOperations operations)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
            Pooling = false,
        }.ConnectionString);
        var ledger = new Ledger(connection, path, operations);
        try
        {
            ledger.Guard(() =>
            {
                connection.Open();
                ledger.Execute("PRAGMA journal_mode = DELETE");
                // EXTRA would also flush the folder after a commit; without it a power loss may undo the last commit,
                // whole, and its stage is computed again.
                ledger.Execute("PRAGMA synchronous = FULL");
                string check = ledger.Read("PRAGMA quick_check(1)", r => r.GetString(0)).First();
                if (check != "ok")
                    throw ledger.Damaged(check.ReplaceLineEndings(" "), null);
            });
            int version = ledger.SchemaVersion();
            if (version > LedgerSchema.Version)
            {
                throw new UserFaultException(
                    $"{path}: the ledger has schema version {version}, but this program knows versions up to {LedgerSchema.Version}.",
                    "Use the newer program that made it.");
            }

            return ledger;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    private int SchemaVersion() => Read("PRAGMA user_version", r => r.GetInt32(0)).Single();

    private void UpdateSession(long session, double seconds) =>
        Execute("UPDATE sessions SET seconds = $seconds WHERE id = $id", ("$seconds", seconds), ("$id", session));

    private void Upsert(LedgerRow row)
    {
        (string Column, object? Value)[] keys =
            [("arm", row.Arm), ("seed", unchecked((long)row.Seed)), ("generation", row.Generation), .. row.Keys];
        (string Column, object? Value)[] all = [.. keys, .. row.Values];
        string sql = $"INSERT OR REPLACE INTO {row.Table} ({string.Join(", ", all.Select(c => c.Column))}) "
            + $"VALUES ({string.Join(", ", all.Select(c => "$" + c.Column))})";
        Execute(sql, [.. all.Select(c => ("$" + c.Column, c.Value))]);
    }

    private void Transact(string name, Action body)
    {
        lock (_gate)
        {
            Guard(() =>
            {
                _operations.Before($"ledger begin {name}");
                using SqliteTransaction transaction = _connection.BeginTransaction();
                _current = transaction;
                try
                {
                    body();
                    _operations.Before($"ledger commit {name}");
                    transaction.Commit();
                }
                finally
                {
                    _current = null;
                }
            });
        }
    }

    private void Execute(string sql, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(sql, parameters);
        command.ExecuteNonQuery();
    }

    private List<T> Read<T>(string sql, Func<SqliteDataReader, T> map, params (string Name, object? Value)[] parameters)
    {
        lock (_gate)
        {
            return Guard(() =>
            {
                using SqliteCommand command = Command(sql, parameters);
                using SqliteDataReader reader = command.ExecuteReader();
                var rows = new List<T>();
                while (reader.Read())
                    rows.Add(map(reader));
                return rows;
            });
        }
    }

    private SqliteCommand Command(string sql, (string Name, object? Value)[] parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.Transaction = _current;
#pragma warning disable CA2100 // Table and column names are constants of this assembly; every value is a parameter.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object? value) in parameters)
            command.Parameters.AddWithValue(name, value is null or double.NaN ? DBNull.Value : value);
        return command;
    }

    private void Guard(Action body) => Guard(() =>
    {
        body();
        return true;
    });

    private T Guard<T>(Func<T> body)
    {
        try
        {
            return body();
        }
        catch (SqliteException e) when (StorageFault.IsCorrupt(e))
        {
            throw Damaged(e.Message, e);
        }
        catch (SqliteException e) when (StorageFault.Describe(e, _path) is { } fault)
        {
            throw fault;
        }
    }

    /// <summary>The ledger cannot be trusted; what else the run directory holds can, and the results are recomputable.</summary>
    private UserFaultException Damaged(string detail, Exception? inner)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(_path))!;
        string events = Path.Combine(folder, EventLog.FileName);
        string checkpoints = Path.Combine(folder, RunDirectory.CheckpointsFolder);
        int lines = File.Exists(events) ? EventLog.Read(events).Count() : 0;
        int files = Directory.Exists(checkpoints) ? Directory.EnumerateFiles(checkpoints, "*", SearchOption.AllDirectories).Count() : 0;
        return new UserFaultException(
            $"{_path}: the ledger is damaged ({detail.TrimEnd('.')}). Still usable: {EventLog.FileName} ({lines} events), {RunDirectory.CheckpointsFolder}/ ({files} files).",
            $"Move {FileName} away and run the same command again: every stage is computed again with the same results; or restore it from a copy.",
            FaultKind.Failure, inner);
    }
}
