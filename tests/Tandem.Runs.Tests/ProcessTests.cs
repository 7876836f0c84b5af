using System.Diagnostics;
using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class ProcessTests
{
    private static Process Play(string directory, params string[] more)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        foreach (string argument in new[] { typeof(ProcessTests).Assembly.Location, "play", directory }.Concat(more))
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    [Fact]
    public void Lock_OfAnotherProcess_IsRefusedUntilItIsKilled()
    {
        using var folder = new TemporaryFolder();
        using Process process = Play(folder["run"], "hold");
        try
        {
            Assert.Equal("step", process.StandardOutput.ReadLine());
            var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(folder["run"], Scenario.Recipe));
            Assert.Contains($"in use by process {process.Id} on {Environment.MachineName}", fault.Message, StringComparison.Ordinal);
        }
        finally
        {
            process.Kill();
            process.WaitForExit();
        }

        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        RunEvent taken = Assert.Single(EventLog.Read(Path.Combine(run.Path, EventLog.FileName)), e => e.Name == "lock-taken-over");
        Assert.Equal(process.Id, taken.Data.GetProperty("processId").GetInt32());
    }

    [Fact]
    public void Run_KilledAfterEachStep_EndsWithTheSameResults()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory undisturbed = RunDirectory.Open(folder["undisturbed"], Scenario.Recipe);
        Scenario.Play(undisturbed);
        string path = folder["killed"];
        // Each process goes on after the last step that is read, so that it dies somewhere in what follows.
        for (int kills = 0; kills < 2 * Scenario.TrainerSteps; kills++)
        {
            using Process process = Play(path);
            for (int steps = 0; steps <= kills % 2; steps++)
                process.StandardOutput.ReadLine();
            process.Kill();
            process.WaitForExit();
        }

        using RunDirectory run = RunDirectory.Open(path, Scenario.Recipe);
        Scenario.Play(run);
        Assert.Equal(undisturbed.Ledger.Content(), run.Ledger.Content());
        Assert.Equal(Scenario.Files(undisturbed.Path), Scenario.Files(path));
        Assert.Empty(run.Verify());
    }
}
