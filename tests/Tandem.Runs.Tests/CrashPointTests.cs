using FsCheck;
using FsCheck.Fluent;

namespace Tandem.Runs.Tests;

public sealed class CrashPointTests
{
    private static readonly (string Content, string Files, int Operations) Undisturbed = PlayWhole();

    [Fact]
    public void Run_StoppedAtEveryBoundary_EndsWithTheSameResults()
    {
        Assert.True(Undisturbed.Operations > 50);
        for (int k = 0; k < Undisturbed.Operations; k++)
            CheckResumed([k]);
    }

    [Fact]
    public void Run_StoppedSeveralTimes_EndsWithTheSameResults() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(40),
        Prop.ForAll(Gen.Choose(0, Undisturbed.Operations - 1).NonEmptyListOf().ToArbitrary(), stops => CheckResumed([.. stops.Take(6)])));

    private static (string Content, string Files, int Operations) PlayWhole()
    {
        using var folder = new TemporaryFolder();
        var faults = new FaultPlan(int.MaxValue);
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe, new RunDirectoryOptions { Operations = faults.Operations });
        Scenario.Play(run, () => faults.Before("trainer step"));
        return (run.Ledger.Content(), Scenario.Files(run.Path), faults.Seen.Count);
    }

    private static void CheckResumed(int[] stops)
    {
        using var folder = new TemporaryFolder();
        string path = folder["run"];
        foreach (int stop in stops)
        {
            PlayUntil(path, stop);
            Litter(path);
        }

        using (RunDirectory run = RunDirectory.Open(path, Scenario.Recipe))
        {
            Scenario.Play(run);
            Assert.Equal(Undisturbed.Content, run.Ledger.Content());
            Assert.Equal(Undisturbed.Files, Scenario.Files(path));
            Assert.Empty(run.Verify());
            Assert.All(run.Ledger.Timings(), t => Assert.InRange(t.Attempts, 1, stops.Length + 1));
        }

        // A completion was never recorded before its artefacts were there.
        Assert.DoesNotContain(EventLog.Read(Path.Combine(path, EventLog.FileName)), e => e.Name is "artefacts-damaged" or "stage-not-reproduced");
        Assert.All(File.ReadAllLines(Path.Combine(path, EventLog.FileName)), line => Assert.NotNull(EventLog.Parse(line)));
        Assert.True(File.Exists(Path.Combine(path, RunDirectory.ReportFileName)));
    }

    private static void PlayUntil(string path, int stop)
    {
        var faults = new FaultPlan(stop);
        RunDirectory? run = null;
        try
        {
            run = RunDirectory.Open(path, Scenario.Recipe, new RunDirectoryOptions { Operations = faults.Operations });
            Scenario.Play(run, () => faults.Before("trainer step"));
        }
        catch (SimulatedCrashException)
        {
            // The process is gone; what it wrote stays.
        }

        run?.Abandon();
    }

    /// <summary>Leaves what a crash in the middle of a write leaves: half a line, a half-written temporary file.</summary>
    private static void Litter(string path)
    {
        string events = Path.Combine(path, EventLog.FileName);
        if (File.Exists(events))
            File.AppendAllText(events, "{\"at\":\"2026-0");
        if (Directory.Exists(path))
            File.WriteAllText(Path.Combine(path, RunDirectory.RecipeFileName + AtomicFile.TemporarySuffix), "name: sc");
    }
}
