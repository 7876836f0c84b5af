namespace Tandem.Generations;

/// <summary>
/// Hears how far a run is. The pipeline calls it from any thread, as often as every training step; an implementation
/// is thread-safe, returns at once and never throws, so that watching a run cannot change or stop it.
/// </summary>
public interface IRunProgress
{
    /// <summary>
    /// Announces the stages still to come, with their expected cost. May be called again when the plan changes;
    /// stages that are already done keep what they took. Without it, only the current stage has an estimate.
    /// </summary>
    /// <param name="stages">The whole plan in order, including stages already done.</param>
    void Planned(IReadOnlyList<PlannedStage> stages);

    /// <summary>A stage begins.</summary>
    /// <param name="key">The stage's key in the plan and in later calls, unique within the run: <c>adaptive/1/g2/align</c>.</param>
    /// <param name="title">What a reader sees: <c>Generation 2: value alignment</c>.</param>
    /// <param name="totalWork">The stage's work in its own units (steps, items, episodes); 0 when unknown.</param>
    void StageStarted(string key, string title, double totalWork);

    /// <summary>A stage got further.</summary>
    /// <param name="key">The stage's key.</param>
    /// <param name="done">Work done since the stage began, in the units of its total.</param>
    /// <param name="loss">The current training loss, where there is one.</param>
    /// <param name="accuracy">The current accuracy in [0, 1], where measured.</param>
    /// <param name="tokensPerSecond">The current throughput, where there is one.</param>
    void StageAdvanced(string key, double done, double? loss = null, double? accuracy = null, double? tokensPerSecond = null);

    /// <summary>A stage is done, or was found done by an earlier invocation of the same run.</summary>
    /// <param name="key">The stage's key.</param>
    /// <param name="oneLine">Its result in one line: <c>conformity 0.52 → 0.85</c>.</param>
    void StageCompleted(string key, string oneLine);

    /// <summary>Tells something that belongs to no stage, in one line.</summary>
    void Note(string text);
}

/// <summary>A stage of the plan.</summary>
/// <param name="Key">The key that the stage's calls use.</param>
/// <param name="Title">What a reader sees.</param>
/// <param name="Weight">Its expected cost, in any unit that is the same for all stages: seconds or FLOPs.</param>
public sealed record PlannedStage(string Key, string Title, double Weight);

/// <summary>Hears everything and shows nothing: for tests and for use as a library.</summary>
public sealed class NullRunProgress : IRunProgress
{
    /// <summary>The only instance that is needed.</summary>
    public static NullRunProgress Instance { get; } = new();

    /// <inheritdoc/>
    public void Planned(IReadOnlyList<PlannedStage> stages)
    {
    }

    /// <inheritdoc/>
    public void StageStarted(string key, string title, double totalWork)
    {
    }

    /// <inheritdoc/>
    public void StageAdvanced(string key, double done, double? loss = null, double? accuracy = null, double? tokensPerSecond = null)
    {
    }

    /// <inheritdoc/>
    public void StageCompleted(string key, string oneLine)
    {
    }

    /// <inheritdoc/>
    public void Note(string text)
    {
    }
}
