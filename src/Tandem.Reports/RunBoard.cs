using Tandem.Generations;

namespace Tandem.Reports;

/// <summary>How far a stage is.</summary>
internal sealed record StageView(string Key, string Title, double? Share, TimeSpan Elapsed, TimeSpan? Left, double? Loss, double? Accuracy, double? TokensPerSecond);

/// <summary>How far the run is. The share and the time left are known only once a plan was given.</summary>
internal sealed record RunView(double? Share, TimeSpan Elapsed, TimeSpan? Left, IReadOnlyList<StageView> Running);

/// <summary>
/// What is known of a run's progress, and the estimates from it. Not thread-safe. The time left is the weight that
/// remains, at the rate at which this invocation has worked off weight; stages that an earlier invocation did count as
/// done but not as speed.
/// </summary>
internal sealed class RunBoard(TimeProvider time)
{
    // Earlier than this, the rate says more about warming up than about the run.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    // The share of a stage from which its rate can be told.
    private const double Telling = 0.04;

    // A stage that an earlier invocation completed is found in the ledger in less.
    private static readonly TimeSpan Instant = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, Stage> _stages = [];
    private readonly List<string> _running = [];
    private readonly long _began = time.GetTimestamp();
    private IReadOnlyList<PlannedStage> _plan = [];
    private long? _firstStart;

    /// <summary>Takes a new plan.</summary>
    public void Plan(IReadOnlyList<PlannedStage> stages) => _plan = stages;

    /// <summary>Begins a stage; a second start begins it anew.</summary>
    public void Start(string key, string title, double totalWork)
    {
        _firstStart ??= time.GetTimestamp();
        _stages[key] = new Stage { Title = title, Total = totalWork, Started = time.GetTimestamp() };
        if (!_running.Contains(key))
            _running.Add(key);
    }

    /// <summary>Notes a stage's progress; what is null keeps its last value. A stage that never started starts here.</summary>
    public void Advance(string key, double done, double? loss, double? accuracy, double? tokensPerSecond)
    {
        if (!_stages.TryGetValue(key, out Stage? stage))
        {
            Start(key, Title(key), 0);
            stage = _stages[key];
        }

        stage.Done = done;
        stage.FirstAdvance ??= (time.GetTimestamp(), stage.Share ?? 0);
        stage.Loss = loss ?? stage.Loss;
        stage.Accuracy = accuracy ?? stage.Accuracy;
        stage.TokensPerSecond = tokensPerSecond ?? stage.TokensPerSecond;
    }

    /// <summary>Ends a stage.</summary>
    /// <returns>Its title and how long it took; no time for one that was found done.</returns>
    public (string Title, TimeSpan? Took) Complete(string key)
    {
        _running.Remove(key);
        if (!_stages.TryGetValue(key, out Stage? stage))
        {
            _stages[key] = new Stage { Title = Title(key), Completed = true };
            return (Title(key), null);
        }

        stage.Completed = true;
        TimeSpan took = time.GetElapsedTime(stage.Started);
        stage.Worked = stage.Advanced || took > Instant;
        return (stage.Title, stage.Worked ? took : null);
    }

    /// <summary>The state now.</summary>
    public RunView View()
    {
        double total = 0, done = 0, worked = 0;
        foreach (PlannedStage planned in _plan)
        {
            double weight = double.IsFinite(planned.Weight) && planned.Weight > 0 ? planned.Weight : 0;
            total += weight;
            if (!_stages.TryGetValue(planned.Key, out Stage? stage))
                continue;
            double share = stage.Completed ? 1 : stage.Share ?? 0;
            done += weight * share;
            if (stage.Advanced || stage.Worked)
                worked += weight * share;
        }

        TimeSpan working = _firstStart is { } first ? time.GetElapsedTime(first) : TimeSpan.Zero;
        TimeSpan? left = null;
        if (total > 0 && worked > 0 && working > Settled)
            left = Limited(working.TotalSeconds * (total - done) / worked);
        return new RunView(total > 0 ? done / total : null, time.GetElapsedTime(_began), left, [.. _running.Select(View)]);
    }

    private StageView View(string key)
    {
        Stage stage = _stages[key];
        TimeSpan elapsed = time.GetElapsedTime(stage.Started);
        TimeSpan? left = null;
        if (stage is { Share: { } share, FirstAdvance: { } first })
        {
            // Labels are collected before the first step, so that the rate counts from there as soon as it says something.
            (double seconds, double worked) = share - first.Share > Telling
                ? (time.GetElapsedTime(first.Time).TotalSeconds, share - first.Share)
                : (elapsed.TotalSeconds, share);
            if (worked > Telling && elapsed > Settled)
                left = Limited(seconds * (1 - share) / worked);
        }

        return new StageView(key, stage.Title, stage.Share, elapsed, left, stage.Loss, stage.Accuracy, stage.TokensPerSecond);
    }

    private static TimeSpan? Limited(double seconds) => seconds < 1e9 ? TimeSpan.FromSeconds(seconds) : null;

    private string Title(string key) => _plan.FirstOrDefault(p => p.Key == key)?.Title ?? key;

    private sealed class Stage
    {
        public required string Title { get; init; }

        public double Total { get; init; }

        public long Started { get; init; }

        public double Done { get; set; }

        public (long Time, double Share)? FirstAdvance { get; set; }

        public bool Advanced => FirstAdvance is not null;

        public bool Completed { get; set; }

        public bool Worked { get; set; }

        public double? Loss { get; set; }

        public double? Accuracy { get; set; }

        public double? TokensPerSecond { get; set; }

        public double? Share => Total > 0 && double.IsFinite(Done) ? Math.Clamp(Done / Total, 0, 1) : null;
    }
}
