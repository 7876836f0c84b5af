namespace Tandem.Runs;

/// <summary>The tables of <c>ledger.db</c>.</summary>
internal static class LedgerSchema
{
    /// <summary>The version, kept in SQLite's <c>user_version</c>.</summary>
    public const int Version = 1;

    /// <summary>The tables whose rows depend on the configuration only, with their key columns.</summary>
    public static readonly IReadOnlyList<(string Table, string Key)> Results =
    [
        ("stages", "key"),
        ("artefacts", "stage, name"),
        ("generations", "arm, seed, generation"),
        ("decisions", "arm, seed, generation, subject"),
        ("signals", "arm, seed, generation, source"),
        ("hazards", "arm, seed, generation, id"),
        ("metrics", "arm, seed, generation, name"),
    ];

    // Seeds are unsigned: the 64 bits are stored as SQLite's signed integer.
    public const string Create = """
        CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE sessions (
          id INTEGER PRIMARY KEY, started TEXT NOT NULL, process_id INTEGER NOT NULL, host TEXT NOT NULL,
          version TEXT NOT NULL, seconds REAL NOT NULL) STRICT;
        CREATE TABLE stages (
          key TEXT NOT NULL PRIMARY KEY, result TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('complete', 'damaged'))) STRICT, WITHOUT ROWID;
        CREATE TABLE stage_timings (
          key TEXT NOT NULL PRIMARY KEY, attempts INTEGER NOT NULL, seconds REAL NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE artefacts (
          stage TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
          PRIMARY KEY (stage, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE generations (
          arm TEXT NOT NULL, seed INTEGER NOT NULL, generation INTEGER NOT NULL, rung TEXT NOT NULL,
          parameter_count INTEGER NOT NULL, outcome TEXT NOT NULL, details TEXT NOT NULL,
          PRIMARY KEY (arm, seed, generation)) STRICT, WITHOUT ROWID;
        CREATE TABLE decisions (
          arm TEXT NOT NULL, seed INTEGER NOT NULL, generation INTEGER NOT NULL, subject TEXT NOT NULL,
          choice TEXT NOT NULL, reason TEXT NOT NULL, inputs TEXT NOT NULL,
          PRIMARY KEY (arm, seed, generation, subject)) STRICT, WITHOUT ROWID;
        CREATE TABLE signals (
          arm TEXT NOT NULL, seed INTEGER NOT NULL, generation INTEGER NOT NULL, source TEXT NOT NULL,
          labels INTEGER NOT NULL, accuracy REAL, details TEXT NOT NULL,
          PRIMARY KEY (arm, seed, generation, source)) STRICT, WITHOUT ROWID;
        CREATE TABLE hazards (
          arm TEXT NOT NULL, seed INTEGER NOT NULL, generation INTEGER NOT NULL, id TEXT NOT NULL,
          parent TEXT, first_seen INTEGER NOT NULL, description TEXT NOT NULL, severity INTEGER NOT NULL,
          rate_before REAL, rate_after REAL, mended INTEGER NOT NULL, script TEXT NOT NULL,
          PRIMARY KEY (arm, seed, generation, id)) STRICT, WITHOUT ROWID;
        CREATE TABLE metrics (
          arm TEXT NOT NULL, seed INTEGER NOT NULL, generation INTEGER NOT NULL, name TEXT NOT NULL,
          value REAL, lower REAL, upper REAL, count INTEGER NOT NULL,
          PRIMARY KEY (arm, seed, generation, name)) STRICT, WITHOUT ROWID;
        """;
}
