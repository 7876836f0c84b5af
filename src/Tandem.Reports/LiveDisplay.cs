using Spectre.Console;
using Spectre.Console.Rendering;
using Tandem.Generations;

namespace Tandem.Reports;

/// <summary>
/// Shows how far a run is. On a terminal: a bar for the whole run and for each running stage, with loss, accuracy,
/// tokens per second and time left, below the finished stages. Elsewhere: plain lines, at most one in five seconds and
/// one for each finished stage or note. It writes to the console it is given and nowhere else; the command line gives it
/// the standard error stream, so that the standard output stays whole for <c>--json</c>.
/// </summary>
public sealed class LiveDisplay : IRunProgress, IDisposable
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly IAnsiConsole _console;
    private readonly TimeProvider _time;
    private readonly RunBoard _board;
    private readonly LivePainter _painter;
    private readonly long _started;
    private readonly bool _unicode;
    private long? _lastLine;

    /// <summary>Starts showing.</summary>
    /// <param name="console">Where to write.</param>
    /// <param name="time">The clock; tests give their own.</param>
    public LiveDisplay(IAnsiConsole console, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(console);
        _console = console;
        _time = time ?? TimeProvider.System;
        _board = new RunBoard(_time);
        _unicode = console.Profile.Capabilities.Unicode;
        _started = _time.GetTimestamp();
        _painter = new LivePainter(
            console, "live display", Frame, text => $"{Figures.Duration(_time.GetElapsedTime(_started).TotalSeconds),12}  {text}");
    }

    /// <summary>A display on the standard error stream.</summary>
    public static LiveDisplay OnStandardError(TimeProvider? time = null) =>
        new(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }), time);

    /// <inheritdoc/>
    public void Planned(IReadOnlyList<PlannedStage> stages)
    {
        lock (_lock)
            _board.Plan(stages);
    }

    /// <inheritdoc/>
    public void StageStarted(string key, string title, double totalWork)
    {
        lock (_lock)
        {
            _board.Start(key, title, totalWork);
            LineIfDue(key);
        }
    }

    /// <inheritdoc/>
    public void StageAdvanced(string key, double done, double? loss = null, double? accuracy = null, double? tokensPerSecond = null)
    {
        lock (_lock)
        {
            _board.Advance(key, done, loss, accuracy, tokensPerSecond);
            LineIfDue(key);
        }
    }

    /// <inheritdoc/>
    public void StageCompleted(string key, string oneLine)
    {
        lock (_lock)
        {
            (string title, TimeSpan? took) = _board.Complete(key);
            string time = took is { } t ? $" ({Figures.Duration(t.TotalSeconds)})" : string.Empty;
            Say("✓", $"{title}{time}{(oneLine.Length > 0 ? ": " + oneLine : string.Empty)}", Color.Green);
        }
    }

    /// <inheritdoc/>
    public void Note(string text)
    {
        lock (_lock)
            Say("·", text, Color.Grey);
    }

    /// <summary>Stops showing; what was said stays, the bars go.</summary>
    public void Dispose() => _painter.Dispose();

    private void Say(string sign, string text, Color color) => _painter.Say($"{sign} {text}", color);

    private void LineIfDue(string key)
    {
        if (_painter.IsPainting || (_lastLine is { } last && _time.GetElapsedTime(last) < LineInterval))
            return;
        RunView run = _board.View();
        StageView? stage = run.Running.FirstOrDefault(s => s.Key == key);
        if (stage is null)
            return;
        string whole = run.Share is { } share ? $" [run {Percent(share)}{(run.Left is { } left ? $", about {Figures.Duration(left.TotalSeconds)} left" : string.Empty)}]" : string.Empty;
        _painter.Say($"{stage.Title}: {string.Join(", ", Facts(stage))}{whole}");
        _lastLine = _time.GetTimestamp();
    }

    private Rows Frame()
    {
        RunView run;
        lock (_lock)
            run = _board.View();
        var rows = new List<IRenderable>();
        foreach (StageView stage in run.Running)
            rows.Add(Bar(stage.Share, stage.Title, Facts(stage, withShare: false), Color.Teal));
        var facts = new List<string> { $"{Figures.Duration(run.Elapsed.TotalSeconds)} elapsed" };
        if (run.Left is { } left)
            facts.Add($"about {Figures.Duration(left.TotalSeconds)} left");
        rows.Add(Bar(run.Share, "Whole run", facts, Color.Green));
        return new Rows(rows);
    }

    private Rows Bar(double? share, string title, IEnumerable<string> facts, Color color)
    {
        int width = Math.Clamp(_console.Profile.Width - 1, 20, 118);
        int length = Math.Clamp(width / 4, 8, 28);
        int filled = (int)Math.Round((share ?? 0) * length);
        (char on, char off) = _unicode ? ('━', '╌') : ('#', '-');
        string tail = $" {(share is { } s ? Percent(s) : string.Empty),4}  {string.Join("  ", facts)}";
        var paragraph = new Paragraph();
        paragraph.Append(new string(on, filled), new Style(color));
        paragraph.Append(new string(off, length - filled), new Style(Color.Grey));
        paragraph.Append(Fit(tail, width - length));
        return new Rows(new Text(Fit(title, width), new Style(decoration: Decoration.Bold)), paragraph);
    }

    private string Fit(string text, int width)
    {
        string safe = Terminal.Safe(text, _unicode);
        return safe.Length <= width ? safe : safe[..(width - 1)] + (_unicode ? "…" : ".");
    }

    private static List<string> Facts(StageView stage, bool withShare = true)
    {
        var facts = new List<string>();
        if (withShare)
            facts.Add(stage.Share is { } share ? Percent(share) : $"{Figures.Duration(stage.Elapsed.TotalSeconds)} so far");
        if (stage.Loss is { } loss)
            facts.Add($"loss {Figures.Significant(loss)}");
        if (stage.Accuracy is { } accuracy)
            facts.Add($"accuracy {Figures.Rate(accuracy)}");
        if (stage.TokensPerSecond is { } speed)
            facts.Add($"{Figures.Large(speed)} tokens/s");
        if (stage.Left is { } left)
            facts.Add($"{Figures.Duration(left.TotalSeconds)} left");
        return facts;
    }

    private static string Percent(double share) => $"{Figures.Count((long)Math.Floor(share * 100))}%";
}
