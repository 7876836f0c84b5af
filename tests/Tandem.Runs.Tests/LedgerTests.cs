using Microsoft.Data.Sqlite;
using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class LedgerTests
{
    private static string PlayedRun(TemporaryFolder folder)
    {
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        Scenario.Play(run);
        return run.Path;
    }

    [Fact]
    public void Rows_OfEveryTable_ReadBackAsRecorded()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        var generation = new GenerationRow { Arm = "a", Seed = ulong.MaxValue, Generation = 2, Rung = "r3@8M", ParameterCount = 1L << 40, Outcome = "promoted", Details = DecisionRow.ToJson(new[] { 1, 2 }) };
        var decision = new DecisionRow { Arm = "a", Seed = 1, Generation = 2, Subject = "gap", Choice = "r3", Reason = "π", Inputs = DecisionRow.ToJson(new { Saliency = 0.1 }) };
        var signal = new SignalRow { Arm = "a", Seed = 1, Generation = 2, Source = "human", Labels = 3 };
        var hazard = new HazardRow { Arm = "a", Seed = 1, Generation = 2, Id = "h", Parent = "g", FirstSeen = 1, Description = "d", Severity = 5, RateBefore = 1.0 / 3, RateAfter = 0, Mended = true, Script = "s" };
        var metric = new MetricRow { Arm = "a", Seed = 1, Generation = 2, Name = "m", Value = double.Epsilon, Lower = double.NegativeInfinity, Upper = null, Count = long.MaxValue };
        foreach (LedgerRow row in new LedgerRow[] { generation, decision, signal, hazard, metric, metric })
            run.Ledger.Record(row);

        GenerationRow readGeneration = Assert.Single(run.Ledger.Generations());
        Assert.Equal(generation with { Details = default }, readGeneration with { Details = default });
        Assert.Equal("[1,2]", readGeneration.Details.GetRawText());
        DecisionRow readDecision = Assert.Single(run.Ledger.Decisions());
        Assert.Equal(decision with { Inputs = default }, readDecision with { Inputs = default });
        Assert.Equal("""{"saliency":0.1}""", readDecision.Inputs.GetRawText());
        Assert.Equal(signal, Assert.Single(run.Ledger.Signals()) with { Details = default });
        Assert.Equal(hazard, Assert.Single(run.Ledger.Hazards()));
        Assert.Equal(metric, Assert.Single(run.Ledger.Metrics()));
    }

    [Fact]
    public void Row_WithTheSameKey_ReplacesTheEarlier()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        foreach (double value in new[] { 1, double.NaN })
            run.Ledger.Record(new MetricRow { Arm = "a", Seed = 1, Generation = 2, Name = "m", Value = value });
        Assert.Equal(double.NaN, Assert.Single(run.Ledger.Metrics()).Value);
    }

    [Fact]
    public void Ledger_OfARunningRun_CanBeRead()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        Scenario.Play(run);
        using Ledger reader = Ledger.OpenRead(run.Path);
        Assert.Equal(run.Ledger.ContentHash(), reader.ContentHash());
        Assert.Equal(Scenario.Recipe.Identity, reader.Identity);
        Assert.NotEqual(default, reader.Started);
        Assert.ThrowsAny<Exception>(() => reader.Record(new MetricRow { Arm = "a", Seed = 1, Generation = 2, Name = "m", Value = 1 }));
    }

    [Fact]
    public void OpenRead_NotARun_IsAFault()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(FaultKind.Usage, Assert.Throws<UserFaultException>(() => Ledger.OpenRead(folder.Path)).Kind);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("header")]
    [InlineData("page")]
    [InlineData("truncated")]
    public void Ledger_Corrupt_NamesTheFileWhatIsUsableAndTheRemedy(string damage)
    {
        using var folder = new TemporaryFolder();
        string run = PlayedRun(folder);
        string path = Path.Combine(run, Ledger.FileName);
        byte[] bytes = File.ReadAllBytes(path);
        switch (damage)
        {
            case "text":
                bytes = [.. Enumerable.Repeat((byte)'x', 5000)];
                break;
            case "header":
                bytes[3] ^= 0xFF;
                break;
            case "page":
                Array.Fill(bytes, (byte)0xAB, 4096 * 2, 4096 * 3);
                break;
            default:
                bytes = bytes[..(4096 * 4 + 100)];
                break;
        }

        File.WriteAllBytes(path, bytes);
        var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(run, Scenario.Recipe));
        Assert.Equal(FaultKind.Failure, fault.Kind);
        Assert.StartsWith($"{path}: the ledger is damaged", fault.Message, StringComparison.Ordinal);
        Assert.Matches(@"Still usable: events\.jsonl \([1-9][0-9]* events\), checkpoints/ \([1-9][0-9]* files\)", fault.Message);
        Assert.DoesNotContain('\n', fault.Message);
        Assert.Equal(bytes, File.ReadAllBytes(path));

        File.Move(path, folder["ledger.aside"]);
        using RunDirectory again = RunDirectory.Open(run, Scenario.Recipe);
        Assert.True(again.IsResumed);
        Assert.Contains(EventLog.Read(Path.Combine(run, EventLog.FileName)), e => e.Name == "ledger-missing");
        Scenario.Play(again);
        Assert.Equal(6, again.Ledger.Stages().Count);
    }

    [Fact]
    public void Ledger_OfANewerProgram_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string run = PlayedRun(folder);
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(run, Ledger.FileName)};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }

        var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(run, Scenario.Recipe));
        Assert.Contains("schema version 99", fault.Message, StringComparison.Ordinal);
    }
}
