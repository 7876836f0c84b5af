using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Tandem.Runs.Tests;

public sealed class EventLogTests
{
    private static EventLog Open(string path) => EventLog.Open(path, TimeProvider.System, DurableOperations.Unobserved);

    [Fact]
    public void Events_Written_AreReadInOrderWhileOpen()
    {
        using var folder = new TemporaryFolder();
        string path = folder["events.jsonl"];
        using EventLog log = Open(path);
        log.Write("first", new { Value = 1, Text = "a\nb" });
        log.Write("second");
        RunEvent[] events = [.. EventLog.Read(path)];
        Assert.Equal(["first", "second"], events.Select(e => e.Name));
        Assert.Equal("a\nb", events[0].Data.GetProperty("text").GetString());
        Assert.Equal(2, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void Log_TornAnywhere_KeepsTheWholeLines()
    {
        using var folder = new TemporaryFolder();
        string path = folder["events.jsonl"];
        using (EventLog log = Open(path))
        {
            for (int i = 0; i < 4; i++)
                log.Write("event", new { Index = i, Text = new string('é', i * 3000) });
        }

        byte[] whole = File.ReadAllBytes(path);
        int[] ends = [.. whole.Select((b, i) => (b, i)).Where(p => p.b == '\n').Select(p => p.i + 1)];
        Prop.ForAll(Gen.Choose(0, whole.Length).ToArbitrary(), length =>
        {
            File.WriteAllBytes(path, whole[..length]);
            int kept = ends.Count(e => e <= length);
            Assert.Equal(kept, EventLog.Read(path).Count());
            using (EventLog log = Open(path))
            {
                Assert.Equal(length - (kept == 0 ? 0 : ends[kept - 1]), log.DiscardedBytes);
                log.Write("after");
            }

            Assert.Equal(kept + 1, EventLog.Read(path).Count());
            Assert.Equal(kept + 1, File.ReadAllLines(path).Length);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("\0\0\0\0\0\0\n\0\0\n")]
    [InlineData("{\"at\":\"2026-01-01T00:00:00Z\"\n")]
    [InlineData("\n")]
    public void Log_EndingInGarbage_IsCutToTheLastEvent(string tail)
    {
        using var folder = new TemporaryFolder();
        string path = folder["events.jsonl"];
        using (EventLog log = Open(path))
            log.Write("kept");
        File.AppendAllText(path, tail);
        using (EventLog log = Open(path))
            Assert.Equal(Encoding.UTF8.GetByteCount(tail), log.DiscardedBytes);
        Assert.Equal("kept", Assert.Single(EventLog.Read(path)).Name);
    }

    [Fact]
    public void Events_WrittenConcurrently_AreWholeLines()
    {
        using var folder = new TemporaryFolder();
        string path = folder["events.jsonl"];
        using (EventLog log = Open(path))
            Parallel.For(0, 200, i => log.Write("event", new { Index = i }));
        Assert.Equal(Enumerable.Range(0, 200), EventLog.Read(path).Select(e => e.Data.GetProperty("index").GetInt32()).Order());
    }
}
