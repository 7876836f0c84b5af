namespace Tandem.Runs;

public sealed partial class Ledger
{
    /// <summary>The recorded stage of a key, or null when it never completed.</summary>
    public StageRow? FindStage(string key) => Stages("WHERE key = $key", [("$key", key)]).FirstOrDefault();

    internal void StartStage(string key) => Transact("start stage", () => Execute(
        "INSERT INTO stage_timings (key, attempts, seconds) VALUES ($key, 1, 0.0) "
            + "ON CONFLICT (key) DO UPDATE SET attempts = attempts + 1", ("$key", key)));

    internal void AddStageSeconds(string key, double seconds, long session, double sessionSeconds) => Transact("stage seconds", () =>
    {
        AddSeconds(key, seconds);
        UpdateSession(session, sessionSeconds);
    });

    /// <summary>Records rows, artefacts and the completion in one transaction.</summary>
    internal void CompleteStage(StageRow stage, IEnumerable<LedgerRow> rows, double seconds, long session, double sessionSeconds) =>
        Transact("complete stage", () =>
        {
            foreach (LedgerRow row in rows)
                Upsert(row);
            Execute("DELETE FROM artefacts WHERE stage = $key", ("$key", stage.Key));
            foreach (Artefact artefact in stage.Artefacts)
            {
                Execute(
                    "INSERT INTO artefacts (stage, name, bytes, sha256) VALUES ($stage, $name, $bytes, $sha256)",
                    ("$stage", stage.Key), ("$name", artefact.Name), ("$bytes", artefact.Bytes), ("$sha256", artefact.Sha256));
            }

            AddSeconds(stage.Key, seconds);
            UpdateSession(session, sessionSeconds);
            Execute(
                "INSERT OR REPLACE INTO stages (key, result, state) VALUES ($key, $result, 'complete')",
                ("$key", stage.Key), ("$result", stage.Result));
        });

    internal void MarkDamaged(IReadOnlyCollection<string> keys) => Transact("mark damaged", () =>
    {
        foreach (string key in keys)
            Execute("UPDATE stages SET state = 'damaged' WHERE key = $key", ("$key", key));
    });

    private void AddSeconds(string key, double seconds) =>
        Execute("UPDATE stage_timings SET seconds = seconds + $seconds WHERE key = $key", ("$seconds", seconds), ("$key", key));

    private List<StageRow> Stages(string where, (string, object?)[] parameters)
    {
        lock (_gate)
        {
            ILookup<string, Artefact> artefacts = Read(
                $"SELECT stage, name, bytes, sha256 FROM artefacts {where.Replace("key =", "stage =", StringComparison.Ordinal)} ORDER BY stage, name",
                r => (Stage: r.GetString(0), Artefact: new Artefact(r.GetString(1), r.GetInt64(2), r.GetString(3))),
                parameters).ToLookup(r => r.Stage, r => r.Artefact);
            return Read(
                $"SELECT key, result, state FROM stages {where} ORDER BY key",
                r => new StageRow(r.GetString(0), r.GetString(1), r.GetString(2) == "complete", [.. artefacts[r.GetString(0)]]),
                parameters);
        }
    }
}
