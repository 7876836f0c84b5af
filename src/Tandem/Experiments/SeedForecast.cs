using System.Globalization;
using System.Text.RegularExpressions;
using Tandem.Generations;

namespace Tandem.Experiments;

/// <summary>
/// Announces a plan that a seed teaches: an experiment goes through the same stages for each of its seeds, so that once the first
/// seed that had to be computed is done, its stages and what they took are the plan of the others. An experiment that announces
/// a plan of its own is left alone.
/// </summary>
/// <param name="inner">Who hears of everything.</param>
/// <param name="seeds">The seeds in the order in which they are run.</param>
/// <param name="time">What stages take.</param>
public sealed partial class SeedForecast(IRunProgress inner, IReadOnlyList<ulong> seeds, TimeProvider time) : IRunProgress
{
    // A seed whose stages together took less was found done by an earlier invocation: it tells nothing of the others.
    private static readonly TimeSpan Telling = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Title, long Began)> _running = new(StringComparer.Ordinal);
    private readonly List<PlannedStage> _seen = [];
    private ulong? _reference;
    private bool _planned;

    /// <inheritdoc/>
    public void Planned(IReadOnlyList<PlannedStage> stages)
    {
        lock (_lock)
            _planned = true;
        inner.Planned(stages);
    }

    /// <inheritdoc/>
    public void StageStarted(string key, string title, double totalWork)
    {
        IReadOnlyList<PlannedStage>? plan;
        lock (_lock)
        {
            plan = Forecast(key);
            _running[key] = (title, time.GetTimestamp());
        }

        if (plan is not null)
            inner.Planned(plan);
        inner.StageStarted(key, title, totalWork);
    }

    /// <inheritdoc/>
    public void StageAdvanced(string key, double done, double? loss = null, double? accuracy = null, double? tokensPerSecond = null) =>
        inner.StageAdvanced(key, done, loss, accuracy, tokensPerSecond);

    /// <inheritdoc/>
    public void StageCompleted(string key, string oneLine)
    {
        lock (_lock)
        {
            if (!_planned && _running.Remove(key, out (string Title, long Began) stage))
                _seen.Add(new PlannedStage(key, stage.Title, time.GetElapsedTime(stage.Began).TotalSeconds));
        }

        inner.StageCompleted(key, oneLine);
    }

    /// <inheritdoc/>
    public void Note(string text) => inner.Note(text);

    // A plan when the stage that begins is the first of another seed than the one that was timed.
    private List<PlannedStage>? Forecast(string key)
    {
        if (_planned || SeedOf(key) is not { } seed || seed == _reference)
            return null;
        bool told = _reference is not null && _seen.Sum(stage => stage.Weight) > Telling.TotalSeconds;
        if (!told)
        {
            _reference = seed;
            _seen.Clear();
            return null;
        }

        _planned = true;
        return
        [
            .. _seen,
            .. seeds.SkipWhile(other => other != _reference).Skip(1).SelectMany(other => _seen.Where(stage => SeedOf(stage.Key) is not null)
                .Select(stage => stage with { Key = Of(other, stage.Key) })),
        ];
    }

    private static ulong? SeedOf(string key) =>
        SeedPattern().Match(key) is { Success: true } found ? ulong.Parse(found.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;

    private static string Of(ulong seed, string key) => SeedPattern().Replace(key, string.Create(CultureInfo.InvariantCulture, $"seed{seed}"));

    [GeneratedRegex(@"\bseed([0-9]{1,19})\b")]
    private static partial Regex SeedPattern();
}
