using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Tandem.Runs;

public sealed partial class Ledger
{
    /// <summary>All generations, by arm, seed and index.</summary>
    public IReadOnlyList<GenerationRow> Generations() => Read(
        "SELECT arm, seed, generation, rung, parameter_count, outcome, details FROM generations ORDER BY arm, seed, generation",
        r => new GenerationRow
        {
            Arm = r.GetString(0),
            Seed = Seed(r),
            Generation = r.GetInt32(2),
            Rung = r.GetString(3),
            ParameterCount = r.GetInt64(4),
            Outcome = r.GetString(5),
            Details = Json(r, 6),
        });

    /// <summary>All decisions, by arm, seed, generation and subject.</summary>
    public IReadOnlyList<DecisionRow> Decisions() => Read(
        "SELECT arm, seed, generation, subject, choice, reason, inputs FROM decisions ORDER BY arm, seed, generation, subject",
        r => new DecisionRow
        {
            Arm = r.GetString(0),
            Seed = Seed(r),
            Generation = r.GetInt32(2),
            Subject = r.GetString(3),
            Choice = r.GetString(4),
            Reason = r.GetString(5),
            Inputs = Json(r, 6),
        });

    /// <summary>All sources of supervision, by arm, seed, generation and source.</summary>
    public IReadOnlyList<SignalRow> Signals() => Read(
        "SELECT arm, seed, generation, source, labels, accuracy, details FROM signals ORDER BY arm, seed, generation, source",
        r => new SignalRow
        {
            Arm = r.GetString(0),
            Seed = Seed(r),
            Generation = r.GetInt32(2),
            Source = r.GetString(3),
            Labels = r.GetInt32(4),
            Accuracy = Number(r, 5),
            Details = Json(r, 6),
        });

    /// <summary>All hazards, by arm, seed, generation and identifier.</summary>
    public IReadOnlyList<HazardRow> Hazards() => Read(
        "SELECT arm, seed, generation, id, parent, first_seen, description, severity, rate_before, rate_after, mended, script "
            + "FROM hazards ORDER BY arm, seed, generation, id",
        r => new HazardRow
        {
            Arm = r.GetString(0),
            Seed = Seed(r),
            Generation = r.GetInt32(2),
            Id = r.GetString(3),
            Parent = r.IsDBNull(4) ? null : r.GetString(4),
            FirstSeen = r.GetInt32(5),
            Description = r.GetString(6),
            Severity = r.GetInt32(7),
            RateBefore = Number(r, 8) ?? double.NaN,
            RateAfter = Number(r, 9),
            Mended = r.GetInt32(10) != 0,
            Script = r.GetString(11),
        });

    /// <summary>All metrics, by arm, seed, generation and name.</summary>
    public IReadOnlyList<MetricRow> Metrics() => Read(
        "SELECT arm, seed, generation, name, value, lower, upper, count FROM metrics ORDER BY arm, seed, generation, name",
        r => new MetricRow
        {
            Arm = r.GetString(0),
            Seed = Seed(r),
            Generation = r.GetInt32(2),
            Name = r.GetString(3),
            Value = Number(r, 4) ?? double.NaN,
            Lower = Number(r, 5),
            Upper = Number(r, 6),
            Count = r.GetInt64(7),
        });

    /// <summary>All recorded stages, by key.</summary>
    public IReadOnlyList<StageRow> Stages() => Stages("", []);

    /// <summary>The time spent on each stage, by key.</summary>
    public IReadOnlyList<StageTiming> Timings() => Read(
        "SELECT key, attempts, seconds FROM stage_timings ORDER BY key",
        r => new StageTiming(r.GetString(0), r.GetInt32(1), r.GetDouble(2)));

    /// <summary>
    /// The SHA-256 over all results (stages, artefacts, generations, decisions, signals, hazards, metrics), times left
    /// out: equal for an undisturbed run and for one that was stopped and resumed.
    /// </summary>
    public string ContentHash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Content())));

    /// <summary>All results as text, one row a line, in key order; doubles to the last bit.</summary>
    public string Content()
    {
        var text = new StringBuilder();
        foreach ((string table, string key) in LedgerSchema.Results)
        {
            foreach (string line in Read($"SELECT * FROM {table} ORDER BY {key}", Line))
                text.Append(table).Append('\t').Append(line).Append('\n');
        }

        return text.ToString();
    }

    private static string Line(SqliteDataReader reader)
    {
        string?[] cells = new string?[reader.FieldCount];
        for (int i = 0; i < cells.Length; i++)
        {
            cells[i] = reader.GetValue(i) switch
            {
                DBNull => "null",
                double number => number.ToString("R", CultureInfo.InvariantCulture),
                string text => JsonSerializer.Serialize(text),
                object other => Convert.ToString(other, CultureInfo.InvariantCulture),
            };
        }

        return string.Join('\t', cells);
    }

    private static ulong Seed(SqliteDataReader reader) => unchecked((ulong)reader.GetInt64(1));

    private static double? Number(SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetDouble(column);

    private static JsonElement Json(SqliteDataReader reader, int column)
    {
        using JsonDocument document = JsonDocument.Parse(reader.GetString(column));
        return document.RootElement.Clone();
    }
}
