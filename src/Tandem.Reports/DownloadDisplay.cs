using Spectre.Console;
using Spectre.Console.Rendering;
using Tandem.Datasets.Hub;

namespace Tandem.Reports;

/// <summary>
/// Shows how far a download is: on a terminal a bar for each file under way and one for all, with rate and time left;
/// elsewhere a line for each file that is complete, and one every five seconds.
/// </summary>
public sealed class DownloadDisplay : IPullObserver, IDisposable
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly IAnsiConsole _console;
    private readonly TimeProvider _time;
    private readonly DownloadBoard _board;
    private readonly Func<double, string> _amount;
    private readonly LivePainter _painter;
    private readonly bool _unicode;
    private long _lastLine;

    /// <summary>Starts showing.</summary>
    /// <param name="console">Where to write.</param>
    /// <param name="rows">Whether progress is counted in rows and not in bytes.</param>
    /// <param name="time">The clock; tests give their own.</param>
    public DownloadDisplay(IAnsiConsole console, bool rows = false, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(console);
        _console = console;
        _time = time ?? TimeProvider.System;
        _board = new DownloadBoard(_time);
        _amount = rows ? count => $"{Figures.Count((long)count)} rows" : ByteCount.Text;
        _unicode = console.Profile.Capabilities.Unicode;
        _lastLine = _time.GetTimestamp();
        _painter = new LivePainter(console, "download display", Frame, text => text);
    }

    /// <summary>A display on the standard error stream.</summary>
    public static DownloadDisplay OnStandardError(bool rows = false) =>
        new(AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }), rows);

    /// <inheritdoc/>
    public void Planned(int files, long totalBytes, long presentBytes)
    {
        lock (_lock)
        {
            _board.Plan(totalBytes, presentBytes);
            string present = presentBytes == 0 ? "" : $", {ByteCount.Text(presentBytes)} of them here already";
            _painter.Say($"{Figures.Number(files, "file")}, {ByteCount.Text(totalBytes)}{present}");
        }
    }

    /// <inheritdoc/>
    public void Advanced(string file, long done, long total)
    {
        lock (_lock)
        {
            _board.Advance(file, done, total);
            if (_painter.IsPainting || _time.GetElapsedTime(_lastLine) < LineInterval)
                return;
            _lastLine = _time.GetTimestamp();
            DownloadView view = _board.View();
            _painter.Say($"{Percent(view.Done, view.Total)}: {string.Join(", ", Facts(view))}");
        }
    }

    /// <inheritdoc/>
    public void Completed(string file, long bytes, bool wasPresent)
    {
        lock (_lock)
        {
            _board.Complete(file);
            _painter.Say($"✓ {file} ({ByteCount.Text(bytes)}{(wasPresent ? ", was here" : "")})");
        }
    }

    /// <inheritdoc/>
    public void Note(string text)
    {
        lock (_lock)
            _painter.Say($"· {text}");
    }

    /// <summary>Stops showing; what was said stays, the bars go.</summary>
    public void Dispose() => _painter.Dispose();

    private Rows Frame()
    {
        DownloadView view;
        lock (_lock)
            view = _board.View();
        var rows = new List<IRenderable>();
        foreach (DownloadedFile file in view.Running)
            rows.Add(Bar(file.Done, file.Total, $"{_amount(file.Done)} of {_amount(file.Total)}  {file.Name}", Color.Teal));

        rows.Add(Bar(view.Done, view.Total, view.Total > 0 ? string.Join("  ", Facts(view)) : "asking the server", Color.Green));
        return new Rows(rows);
    }

    private Paragraph Bar(double done, double total, string text, Color color)
    {
        int width = Math.Clamp(_console.Profile.Width - 1, 20, 118);
        int length = Math.Clamp(width / 4, 8, 28);
        int filled = total > 0 ? (int)Math.Clamp(done / total * length, 0, length) : 0;
        (char on, char off) = _unicode ? ('━', '╌') : ('#', '-');
        string tail = Terminal.Safe($" {Percent(done, total),4}  {text}", _unicode);
        if (tail.Length > width - length)
            tail = tail[..(width - length)];
        var paragraph = new Paragraph();
        paragraph.Append(new string(on, filled), new Style(color));
        paragraph.Append(new string(off, length - filled), new Style(Color.Grey));
        paragraph.Append(tail);
        return paragraph;
    }

    private List<string> Facts(DownloadView view)
    {
        var facts = new List<string> { $"{_amount(view.Done)} of {_amount(view.Total)}" };
        if (view.PerSecond is { } rate)
            facts.Add($"{_amount(rate)}/s");
        if (view.Left is { } left)
            facts.Add($"{Figures.Duration(left.TotalSeconds)} left");
        return facts;
    }

    private static string Percent(double done, double total) => total > 0 ? $"{Figures.Count((long)Math.Floor(Math.Min(1, done / total) * 100))}%" : "";
}
