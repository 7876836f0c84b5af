using Spectre.Console;

namespace Tandem.Reports.Tests;

public sealed class DownloadDisplayTests
{
    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    [Fact]
    public void Board_ResumedDownload_CountsWhatWasThereAsDoneAndNotAsSpeed()
    {
        var clock = new Clock();
        var board = new DownloadBoard(clock);
        board.Plan(total: 1000, present: 400);
        board.Advance("a", 300, 600);
        clock.Now = TimeSpan.FromSeconds(2);
        board.Advance("a", 400, 600);
        DownloadView view = board.View();
        Assert.Equal((500.0, 1000.0, 50.0), (view.Done, view.Total, view.PerSecond));
        Assert.Equal(TimeSpan.FromSeconds(10), view.Left);
        Assert.Equal([new DownloadedFile("a", 400, 600)], view.Running);
        board.Complete("a");
        Assert.Empty(board.View().Running);
    }

    [Fact]
    public void Board_FirstSecond_PromisesNothing()
    {
        var board = new DownloadBoard(new Clock());
        board.Advance("a", 10, 600);
        Assert.Null(board.View().PerSecond);
        Assert.Null(board.View().Left);
    }

    [Fact]
    public void Display_WithoutATerminal_WritesPlainLines()
    {
        var clock = new Clock();
        var writer = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(writer) });
        using (var display = new DownloadDisplay(console, rows: false, clock))
        {
            display.Planned(2, 2_000_000, 500_000);
            display.Advanced("model.safetensors", 0, 1_500_000);
            clock.Now = TimeSpan.FromSeconds(6);
            display.Advanced("model.safetensors", 600_000, 1_500_000);
            display.Advanced("model.safetensors", 700_000, 1_500_000);
            display.Note("a \u001b[31mnote");
            display.Completed("model.safetensors", 1_500_000, wasPresent: false);
        }

        string text = writer.ToString();
        Assert.Contains("two files, 2.00 MB, 500 kB of them here already", text, StringComparison.Ordinal);
        Assert.Contains("55%: 1.10 MB of 2.00 MB, 100 kB/s, 9 s left", text, StringComparison.Ordinal);
        Assert.Contains("model.safetensors (1.50 MB)", text, StringComparison.Ordinal);
        Assert.Equal(4, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.DoesNotContain('\u001b', text);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.00 kB")]
    [InlineData(988_097_824, "988 MB")]
    [InlineData(999_999_999, "1.00 GB")]
    [InlineData(12_345_678_901, "12.3 GB")]
    public void ByteCount_Text_HasThreeDigits(long bytes, string expected) => Assert.Equal(expected, ByteCount.Text(bytes));
}
