using System.Collections.Concurrent;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Tandem.Reports;

/// <summary>
/// A block at the foot of a terminal that is painted eight times a second, below lines that stay. Where there is no
/// terminal, or it goes away, lines are written plainly and there is no block.
/// </summary>
internal sealed class LivePainter : IDisposable
{
    private static readonly TimeSpan FrameInterval = TimeSpan.FromMilliseconds(125);

    private readonly Lock _lock = new();
    private readonly IAnsiConsole _console;
    private readonly Func<IRenderable> _frame;
    private readonly Func<string, string> _plain;
    private readonly ConcurrentQueue<(string Text, Color? Color)> _lines = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread? _painter;
    private bool _broken;
    private bool _disposed;

    /// <summary>Starts painting, if the console is a terminal.</summary>
    /// <param name="console">Where to write.</param>
    /// <param name="name">The name of the thread.</param>
    /// <param name="frame">The block as it is now, one line or more: a live display of no lines throws. Called on the painter's thread.</param>
    /// <param name="plain">A line as it is written where nothing is painted.</param>
    public LivePainter(IAnsiConsole console, string name, Func<IRenderable> frame, Func<string, string> plain)
    {
        (_console, _frame, _plain) = (console, frame, plain);
        if (console.Profile.Out.IsTerminal && console.Profile.Capabilities is { Ansi: true, Interactive: true })
        {
            _painter = new Thread(Paint) { IsBackground = true, Name = name };
            _painter.Start();
        }
    }

    /// <summary>Whether the block is painted.</summary>
    public bool IsPainting
    {
        get
        {
            lock (_lock)
                return _painter is not null && !_broken;
        }
    }

    /// <summary>Writes a line that stays.</summary>
    public void Say(string text, Color? color = null)
    {
        lock (_lock)
        {
            if (_painter is null || _broken)
                Line(text);
            else
                _lines.Enqueue((text, color));
        }
    }

    /// <summary>Stops painting; what was said stays, the block goes.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _stop.Set();
        _painter?.Join();
        _stop.Dispose();
    }

    private void Line(string text)
    {
        try
        {
            TextWriter writer = _console.Profile.Out.Writer;
            writer.WriteLine(Terminal.Safe(_plain(text), _console.Profile.Capabilities.Unicode));
            writer.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The reader of the stream is gone. Work does not stop because nobody watches it.
        }
    }

    private void Paint()
    {
        try
        {
            _console.Live(_frame()).AutoClear(true).Start(context =>
            {
                do
                {
                    // Lines are written over the block, which has to be blank: what they do not cover would stay.
                    if (!_lines.IsEmpty)
                        context.UpdateTarget(new Text(" "));
                    PrintLines();
                    context.UpdateTarget(_frame());
                }
                while (!_stop.Wait(FrameInterval));
            });
            PrintLines();
        }
        catch (Exception)
        {
            // The terminal went away, or another live display has it: plain lines from here on. Whatever the cause,
            // an exception that leaves this thread would end the work because it could not be shown.
            lock (_lock)
            {
                _broken = true;
                while (_lines.TryDequeue(out var line))
                    Line(line.Text);
            }
        }
    }

    private void PrintLines()
    {
        while (_lines.TryDequeue(out var line))
            _console.Write(new Text(Terminal.Safe(line.Text, _console.Profile.Capabilities.Unicode) + "\n", line.Color is { } color ? new Style(color) : Style.Plain));
    }
}
