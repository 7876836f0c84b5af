using System.Text.Json;

namespace Tandem.Runs;

/// <summary>
/// A row of the ledger. Its key columns identify it: recording a row with the same key replaces the earlier one, so that
/// work repeated after a crash leaves the same ledger.
/// </summary>
public abstract record LedgerRow
{
    /// <summary>The chain of generations it belongs to: <c>adaptive</c>, <c>fixed-small</c>; empty for the whole run.</summary>
    public required string Arm { get; init; }

    /// <summary>The seed of the chain.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The generation, 0 for the initial aligned model.</summary>
    public required int Generation { get; init; }

    internal abstract string Table { get; }

    /// <summary>The columns after arm, seed and generation that complete the key.</summary>
    internal abstract IReadOnlyList<(string Column, object? Value)> Keys { get; }

    internal abstract IReadOnlyList<(string Column, object? Value)> Values { get; }

    /// <summary>A value as the JSON text that the ledger stores.</summary>
    protected static string Json(JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined ? "null" : JsonSerializer.Serialize(element, RunJson.Options);
}

/// <summary>A generation: which model it is and what became of it.</summary>
public sealed record GenerationRow : LedgerRow
{
    /// <summary>The rung of the ladder.</summary>
    public required string Rung { get; init; }

    /// <summary>The number of parameters.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>What became of it: <c>initial</c>, <c>promoted</c>, <c>rolled-back</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Anything more, as JSON.</summary>
    public JsonElement Details { get; init; }

    internal override string Table => "generations";

    internal override IReadOnlyList<(string, object?)> Keys => [];

    internal override IReadOnlyList<(string, object?)> Values =>
        [("rung", Rung), ("parameter_count", ParameterCount), ("outcome", Outcome), ("details", Json(Details))];
}

/// <summary>A decision with what it was taken from: the gap of the next generation, the gate's verdict.</summary>
public sealed record DecisionRow : LedgerRow
{
    /// <summary>What was decided: <c>gap</c>, <c>gate</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>The choice.</summary>
    public required string Choice { get; init; }

    /// <summary>One sentence: why.</summary>
    public required string Reason { get; init; }

    /// <summary>Everything the decision was taken from, as JSON; see <see cref="ToJson{T}"/>.</summary>
    public JsonElement Inputs { get; init; }

    internal override string Table => "decisions";

    internal override IReadOnlyList<(string, object?)> Keys => [("subject", Subject)];

    internal override IReadOnlyList<(string, object?)> Values => [("choice", Choice), ("reason", Reason), ("inputs", Json(Inputs))];

    /// <summary>A value as JSON in the form of <see cref="RunJson.Options"/>.</summary>
    public static JsonElement ToJson<T>(T value) => JsonSerializer.SerializeToElement(value, RunJson.Options);
}

/// <summary>A source of supervision in a generation.</summary>
public sealed record SignalRow : LedgerRow
{
    /// <summary>The source's name.</summary>
    public required string Source { get; init; }

    /// <summary>Labels taken from it.</summary>
    public required int Labels { get; init; }

    /// <summary>The accuracy of its labels where measured.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Anything more, as JSON.</summary>
    public JsonElement Details { get; init; }

    internal override string Table => "signals";

    internal override IReadOnlyList<(string, object?)> Keys => [("source", Source)];

    internal override IReadOnlyList<(string, object?)> Values => [("labels", Labels), ("accuracy", Accuracy), ("details", Json(Details))];
}

/// <summary>A hazard as seen in one generation, with the hazard it descends from.</summary>
public sealed record HazardRow : LedgerRow
{
    /// <summary>A stable identifier: kind and level.</summary>
    public required string Id { get; init; }

    /// <summary>The hazard of an earlier generation, or of this one, that it was mutated from; null for a first sighting.</summary>
    public string? Parent { get; init; }

    /// <summary>The generation in which the hazard, or the first of its line, was found.</summary>
    public required int FirstSeen { get; init; }

    /// <summary>What happens, in one line.</summary>
    public required string Description { get; init; }

    /// <summary>Severity from 1 (minor) to 5 (critical).</summary>
    public required int Severity { get; init; }

    /// <summary>How often the model before alignment fails on it, in [0, 1].</summary>
    public required double RateBefore { get; init; }

    /// <summary>How often the model after alignment fails on held-out mutations of it, in [0, 1].</summary>
    public double? RateAfter { get; init; }

    /// <summary>Whether the model after alignment no longer shows it.</summary>
    public bool Mended { get; init; }

    /// <summary>A replayable script: seed and mutations.</summary>
    public required string Script { get; init; }

    internal override string Table => "hazards";

    internal override IReadOnlyList<(string, object?)> Keys => [("id", Id)];

    internal override IReadOnlyList<(string, object?)> Values =>
    [
        ("parent", Parent), ("first_seen", FirstSeen), ("description", Description), ("severity", Severity),
        ("rate_before", RateBefore), ("rate_after", RateAfter), ("mended", Mended ? 1 : 0), ("script", Script),
    ];
}

/// <summary>A measured quantity with its interval and the number of observations.</summary>
public sealed record MetricRow : LedgerRow
{
    /// <summary>The name: <c>after/utility</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The point estimate; NaN is stored as absent.</summary>
    public required double Value { get; init; }

    /// <summary>The lower end of the 95% interval, where there is one.</summary>
    public double? Lower { get; init; }

    /// <summary>The upper end of the 95% interval, where there is one.</summary>
    public double? Upper { get; init; }

    /// <summary>The number of observations.</summary>
    public long Count { get; init; }

    internal override string Table => "metrics";

    internal override IReadOnlyList<(string, object?)> Keys => [("name", Name)];

    internal override IReadOnlyList<(string, object?)> Values =>
        [("value", Value), ("lower", Lower), ("upper", Upper), ("count", Count)];
}

/// <summary>A stage as the ledger knows it.</summary>
/// <param name="Key">Its key: <c>adaptive/seed1/generation2/competence</c>.</param>
/// <param name="Result">Its result, as JSON.</param>
/// <param name="IsComplete">False when an artefact of it was found missing or damaged, so that it has to be computed again.</param>
/// <param name="Artefacts">The files it made.</param>
public sealed record StageRow(string Key, string Result, bool IsComplete, IReadOnlyList<Artefact> Artefacts);

/// <summary>A file that a stage made.</summary>
/// <param name="Name">Its path inside the stage's directory, with <c>/</c>.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its SHA-256 in hexadecimal.</param>
public sealed record Artefact(string Name, long Bytes, string Sha256);

/// <summary>The time spent on a stage. It depends on the machine and on interruptions, and is no part of the results.</summary>
/// <param name="Key">The stage's key.</param>
/// <param name="Attempts">How often it was started.</param>
/// <param name="Seconds">Wall-clock seconds over all attempts, as far as they were saved.</param>
public sealed record StageTiming(string Key, int Attempts, double Seconds);
