using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class AtomicFileTests
{
    [Fact]
    public void File_WriteThrows_KeepsTheOldContent()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.txt", "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        AtomicFile.WriteText(path, "new");
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal(["a.txt"], Directory.GetFiles(folder.Path).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void File_StoppedAtAnyBoundary_IsOldOrNew()
    {
        using var folder = new TemporaryFolder();
        string path = folder["a.txt"];
        var seen = new HashSet<string>();
        for (int stop = 0; ; stop++)
        {
            File.WriteAllText(path, "old");
            var faults = new FaultPlan(stop);
            try
            {
                AtomicFile.Write(path, stream => stream.Write("new"u8), faults.Operations);
                Assert.Equal(3, stop);
                break;
            }
            catch (SimulatedCrashException)
            {
                seen.Add(File.ReadAllText(path));
            }
        }

        Assert.Equal(["new", "old"], seen.Order());
    }

    [Fact]
    public void File_UnderAFile_IsAFault()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("a.txt", "");
        var fault = Assert.Throws<UserFaultException>(() => AtomicFile.WriteText(Path.Combine(file, "b.txt"), ""));
        Assert.Contains("cannot be written", fault.Message, StringComparison.Ordinal);
    }
}
