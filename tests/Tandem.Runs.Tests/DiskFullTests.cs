using System.Diagnostics;
using Tandem.Tensors;
using Xunit.Abstractions;

namespace Tandem.Runs.Tests;

public sealed class DiskFullTests(ITestOutputHelper output)
{
    [Fact]
    public void Artefact_OnAFullDisk_IsAFaultAndTheRunResumes()
    {
        using SmallDisk? disk = SmallDisk.Mount(400, output);
        if (disk is null)
            return;
        string path = Path.Combine(disk.Path, "run");
        using (RunDirectory run = RunDirectory.Open(path, Scenario.Recipe))
        {
            var fault = Assert.Throws<UserFaultException>(() => run.Stage("big", Big));
            Assert.Equal(FaultKind.Failure, fault.Kind);
            Assert.Contains("the disk is full", fault.Message, StringComparison.Ordinal);
            Assert.Contains(path, fault.Message, StringComparison.Ordinal);
            Assert.Contains("resumes", fault.Remedy, StringComparison.Ordinal);
        }

        disk.Resize(4000);
        using (RunDirectory run = RunDirectory.Open(path, Scenario.Recipe))
        {
            Assert.Equal(1, run.Stage("big", Big));
            Assert.Empty(run.Verify());
        }

        static int Big(StageContext context)
        {
            File.WriteAllBytes(context.Artefact("model"), new byte[1 << 20]);
            return 1;
        }
    }

    [Fact]
    public void LedgerAndEvents_OnAFullDisk_AreFaultsAndStayWhole()
    {
        using SmallDisk? disk = SmallDisk.Mount(800, output);
        if (disk is null)
            return;
        string path = Path.Combine(disk.Path, "run");
        using (RunDirectory run = RunDirectory.Open(path, Scenario.Recipe))
        {
            run.Ledger.Record(Metric(0));
            string filler = disk.Fill();
            var ledgerFault = Assert.Throws<UserFaultException>(() => Repeat(i => run.Ledger.Record(Metric(i))));
            Assert.Contains("ledger.db: ", ledgerFault.Message, StringComparison.Ordinal);
            Assert.Contains("the disk is full", ledgerFault.Message, StringComparison.Ordinal);
            var eventFault = Assert.Throws<UserFaultException>(() => Repeat(i => run.Events.Write("event", new { Text = new string('x', 500) })));
            Assert.Contains("events.jsonl: the disk is full", eventFault.Message, StringComparison.Ordinal);
            var fileFault = Assert.Throws<UserFaultException>(() => run.WriteFile("report.html", s => s.Write(new byte[9000])));
            Assert.Contains("report.html: the disk is full", fileFault.Message, StringComparison.Ordinal);
            File.Delete(filler);
            run.Ledger.Record(Metric(-1));
            run.Events.Write("event");
        }

        Assert.All(File.ReadAllLines(Path.Combine(path, EventLog.FileName)), line => Assert.NotNull(EventLog.Parse(line)));
        using (RunDirectory run = RunDirectory.Open(path, Scenario.Recipe))
            Assert.Equal(-1, run.Ledger.Metrics()[0].Generation);
        disk.Fill();
        Assert.False(File.Exists(Path.Combine(path, "report.html")));
    }

    [Fact]
    public void Open_OnAFullDisk_IsAFault()
    {
        using SmallDisk? disk = SmallDisk.Mount(400, output);
        if (disk is null)
            return;
        disk.Fill();
        var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(Path.Combine(disk.Path, "run"), Scenario.Recipe));
        Assert.Contains("the disk is full", fault.Message, StringComparison.Ordinal);
    }

    private static MetricRow Metric(int generation) =>
        new() { Arm = new string('a', 900), Seed = 1, Generation = generation, Name = "m", Value = generation };

    private static void Repeat(Action<int> action)
    {
        for (int i = 0; i < 10_000; i++)
            action(i);
    }

    /// <summary>A file system in memory of a few hundred kilobytes; root may mount one.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public string Path => _folder["disk"];

        public static SmallDisk? Mount(int kilobytes, ITestOutputHelper output)
        {
            var disk = new SmallDisk();
            Directory.CreateDirectory(disk.Path);
            if (OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", disk.Path))
                return disk;
            output.WriteLine("not checked: a small file system can only be mounted by root on Linux");
            disk._folder.Dispose();
            return null;
        }

        public void Resize(int kilobytes) => Assert.True(Run("mount", "-o", $"remount,size={kilobytes}k", Path));

        /// <summary>Fills the disk to the last byte and returns the file that does it.</summary>
        public string Fill()
        {
            string filler = System.IO.Path.Combine(Path, "filler");
            using var stream = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, 0);
            try
            {
                while (true)
                    stream.Write(new byte[4096]);
            }
            catch (IOException)
            {
                return filler;
            }
        }

        public void Dispose()
        {
            Assert.True(Run("umount", Path));
            _folder.Dispose();
        }

        private static bool Run(string program, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }
}
