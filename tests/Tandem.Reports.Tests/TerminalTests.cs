using System.Text;
using Spectre.Console;
using Tandem.Generations;

namespace Tandem.Reports.Tests;

public sealed class TerminalTests
{
    [Theory]
    [InlineData(80)]
    [InlineData(100)]
    [InlineData(120)]
    [InlineData(200)]
    public void ClosingTable_AnyWidth_FitsAndShowsEveryGeneration(int width)
    {
        string text = Close(SampleRun.Full(), width, unicode: true);

        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= width, line));
        foreach (string needed in new[] { "r3@8M", "r4@24M", "promoted", "±0.", "adaptive", "competence-only", "fixed-large", "FLOP", "Competence rose" })
            Assert.Contains(needed, text, StringComparison.Ordinal);
        string words = string.Join(' ', text.Split((char[])[' ', '\n', '\u00A0'], StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("highest lower bound of δ·s", words, StringComparison.Ordinal);
        Assert.Matches("where they are wrong; a model trained on truth in [^:]*: imitation [+−]?0.", words);
        Assert.DoesNotContain("\u001b", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ClosingTable_WithoutUnicode_IsAscii()
    {
        string text = Close(SampleRun.Full(), 100, unicode: false);

        Assert.All(text, c => Assert.True(c < 128, $"U+{(int)c:X4}"));
        Assert.Contains("+/-0.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ClosingTable_HostileName_HasNoControlCharacters()
    {
        ArmSummary arm = SampleRun.Arm("[red]\u001b[2J\u001b]0;x\u0007", 1);

        string text = Close(SampleRun.Empty() with { Arms = [arm, SampleRun.Arm("adaptive", 1)] }, 100, unicode: true);

        Assert.DoesNotContain(text, c => char.IsControl(c) && c != '\n');
        Assert.Contains("[red]", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ClosingTable_NothingMeasured_SaysSo() =>
        Assert.Contains("No model was measured yet.", Close(SampleRun.Empty(), 80, unicode: true), StringComparison.Ordinal);

    [Fact]
    public void ClosingTable_RolledBack_SaysWhy()
    {
        string text = Close(SampleRun.Empty() with { Arms = [SampleRun.Arm("fixed-large", 1)] }, 200, unicode: true);

        Assert.Contains("rolled back", text, StringComparison.Ordinal);
        Assert.Contains("Generation 3 was rolled back: conformity, lower bound 0.65, required at least 0.75", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LiveDisplay_WithoutTerminal_WritesAtMostOneLineInFiveSeconds()
    {
        var clock = new ManualClock();
        using var writer = new StringWriter();
        using (var display = new LiveDisplay(Plain(writer, 80, unicode: true), clock))
        {
            display.Planned([new("a", "Enhance", 30), new("b", "Align", 10)]);
            display.StageStarted("a", "Enhance", 300);
            for (int step = 1; step <= 300; step++)
            {
                clock.Advance(TimeSpan.FromMilliseconds(100));
                display.StageAdvanced("a", step, 1.0 / step, 0.5, 51_234);
            }

            display.StageCompleted("a", "competence 0.41 → 0.52");
            display.Note("kept");
        }

        string[] lines = writer.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 6 + 2, lines.Length);
        Assert.Contains("30 s  ✓ Enhance (30 s): competence 0.41 → 0.52", lines[^2], StringComparison.Ordinal);
        Assert.Contains("kept", lines[^1], StringComparison.Ordinal);
        Assert.Contains("Enhance: 50%, loss 0.007, accuracy 0.50, 51.2k tokens/s, 15 s left [run 37%, about 25 s left]", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void LiveDisplay_OnTerminal_KeepsFinishedStagesAndRestoresTheCursor()
    {
        using var writer = new StringWriter();
        using (var display = new LiveDisplay(Screen(writer, 60), new ManualClock()))
        {
            display.Planned([new("a", "Enhance", 1), new("b", "Align", 1)]);
            display.StageStarted("a", "Enhance", 10);
            display.StageAdvanced("a", 5, 0.25, null, 1000);
            display.StageCompleted("a", "done [well]\u001b[2J");
            display.Note("a note");
        }

        string text = writer.ToString();
        Assert.Contains("✓ Enhance", text, StringComparison.Ordinal);
        Assert.Contains("done [well]\uFFFD", text, StringComparison.Ordinal);
        Assert.Contains("a note", text, StringComparison.Ordinal);
        Assert.Contains("Whole run", text, StringComparison.Ordinal);
        Assert.EndsWith("\u001b[?25h", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LiveDisplay_ReaderGone_RunGoesOn()
    {
        using var display = new LiveDisplay(Plain(new BrokenWriter(), 80, unicode: true), new ManualClock());

        display.StageStarted("a", "Enhance", 1);
        display.StageCompleted("a", "done");
        display.Note("still here");
    }

    [Fact]
    public void RunBoard_StagesFoundDone_CountAsDoneAndNotAsSpeed()
    {
        var clock = new ManualClock();
        var board = new RunBoard(clock);
        board.Plan([new("a", "A", 50), new("b", "B", 25), new("c", "C", 25)]);
        board.Complete("a");
        board.Start("b", "B", 100);
        clock.Advance(TimeSpan.FromSeconds(10));
        board.Advance("b", 40, null, null, null);

        RunView view = board.View();

        Assert.Equal(0.6, view.Share!.Value, 12);
        Assert.Equal(40, view.Left!.Value.TotalSeconds, 6); // 10 of 50 units of weight in 10 s; 40 remain
        Assert.Equal(15, Assert.Single(view.Running).Left!.Value.TotalSeconds, 6);
    }

    [Fact]
    public void RunBoard_StageThatReportsNoSteps_CountsAsSpeedWhenItTookTime()
    {
        var clock = new ManualClock();
        var board = new RunBoard(clock);
        board.Plan([new("a", "A", 1), new("b", "B", 3)]);
        board.Start("a", "a", 0);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), board.Complete("a").Took);
        Assert.Equal(TimeSpan.FromSeconds(30), board.View().Left);
    }

    [Fact]
    public void RunBoard_LongPreparation_IsNotTakenForTheRateOfTheSteps()
    {
        var clock = new ManualClock();
        var board = new RunBoard(clock);
        board.Start("a", "A", 100);
        clock.Advance(TimeSpan.FromSeconds(50));
        board.Advance("a", 1, null, null, null);
        Assert.Null(Assert.Single(board.View().Running).Left);
        clock.Advance(TimeSpan.FromSeconds(10));
        board.Advance("a", 21, null, null, null);
        Assert.Equal(39.5, Assert.Single(board.View().Running).Left!.Value.TotalSeconds, 6); // 20 steps in 10 s; 79 remain
    }

    [Fact]
    public void RunBoard_WithoutPlanOrTotals_ClaimsNothing()
    {
        var board = new RunBoard(new ManualClock());
        board.Advance("x", 5, null, null, null);

        RunView view = board.View();

        Assert.Null(view.Share);
        Assert.Null(view.Left);
        Assert.Null(Assert.Single(view.Running).Share);
    }

    private static string Close(RunSummary run, int width, bool unicode)
    {
        using var writer = new StringWriter();
        ClosingTable.Render(run, Plain(writer, width, unicode));
        return writer.ToString();
    }

    private static IAnsiConsole Plain(TextWriter writer, int width, bool unicode)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new Output(writer, width, false) });
        console.Profile.Capabilities.Unicode = unicode;
        return console;
    }

    private static IAnsiConsole Screen(TextWriter writer, int width)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.TrueColor, Interactive = InteractionSupport.Yes, Out = new Output(writer, width, true) });
        console.Profile.Capabilities.Unicode = true;
        return console;
    }

    private sealed class Output(TextWriter writer, int width, bool terminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => terminal;

        public int Width => width;

        public int Height => 24;

        public void SetEncoding(Encoding encoding)
        {
        }
    }

    private sealed class BrokenWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("broken pipe");
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _now);

        public void Advance(TimeSpan by) => Volatile.Write(ref _now, _now + by.Ticks);
    }
}
