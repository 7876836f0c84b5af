using System.Diagnostics;
using System.Globalization;

namespace Tandem.Cli.Commands.Evaluations;

/// <summary>Items done and time left, on standard error: one line in a terminal, else a line now and then.</summary>
internal sealed class EvalProgress(int total)
{
    private static readonly TimeSpan s_often = TimeSpan.FromSeconds(0.2), s_seldom = TimeSpan.FromSeconds(15);

    private readonly long _start = Stopwatch.GetTimestamp();
    private long _shown = Stopwatch.GetTimestamp();
    private int _width;

    /// <summary>Shows how many items are done.</summary>
    public void Show(int done)
    {
        bool terminal = !Console.IsErrorRedirected;
        if (Stopwatch.GetElapsedTime(_shown) < (terminal ? s_often : s_seldom))
            return;
        _shown = Stopwatch.GetTimestamp();
        TimeSpan left = Stopwatch.GetElapsedTime(_start) * ((double)(total - done) / done);
        string line = string.Create(CultureInfo.InvariantCulture, $"{done} of {total} items, {Duration(left)} left");
        Console.Error.Write(terminal ? "\r" + line.PadRight(_width) : line + "\n");
        _width = line.Length;
    }

    /// <summary>Clears the line.</summary>
    public void End()
    {
        if (_width > 0 && !Console.IsErrorRedirected)
            Console.Error.Write("\r" + new string(' ', _width) + "\r");
    }

    private static string Duration(TimeSpan time) =>
        time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min" : time.TotalMinutes >= 1 ? $"{time.Minutes} min {time.Seconds} s" : $"{time.Seconds} s";
}
