using Tandem.Generations;
using Tandem.Runs;

namespace Tandem.EndToEnd.Tests;

/// <summary>What a user can get wrong ends in one line that names the place and the remedy, and in the right exit code.</summary>
[Collection(TinyWorldCollection.Name)]
public sealed class FaultTests(TinyWorld world)
{
    private const int Failed = 1;
    private const int BadUsage = 2;

    private string[] Run(string directory, params string[] more) =>
        ["run", "--config", world.Recipe, "--out", world[directory], "--threads", "1", .. more];

    private static string Refusal(int exitCode, params string[] arguments)
    {
        ProcessResult result = TandemProcess.Run(arguments);
        Assert.True(result.ExitCode == exitCode, $"exit code {result.ExitCode}: {result.Error}");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.StartsWith("tandem: ", result.OnlyErrorLine, StringComparison.Ordinal);
        return result.OnlyErrorLine;
    }

    private static void AssertNames(string line, params string[] parts) =>
        Assert.All(parts, part => Assert.Contains(part, line, StringComparison.Ordinal));

    [Fact]
    public void Recipe_UnknownKey_NamesFileLineAndNearestKey()
    {
        string recipe = world.Write("unknown-key.yaml", "name: x\ncompetence:\n  itemz: 200\n");
        AssertNames(
            Refusal(BadUsage, "run", "--config", recipe, "--out", world["unknown-key"]), "unknown-key.yaml", "3", "itemz", "'items'");
        Assert.False(Directory.Exists(world["unknown-key"]));
    }

    [Fact]
    public void Recipe_ValueOutOfRange_NamesTheRange() =>
        AssertNames(Refusal(BadUsage, Run("out-of-range", "--set", "competence.items=3")), "competence.items", "3", "64");

    [Fact]
    public void Recipe_UnknownArm_ListsTheArms() =>
        AssertNames(Refusal(BadUsage, Run("unknown-arm", "--arms", "adaptve")), "adaptve", "adaptive", "fixed-small");

    [Fact]
    public void Recipe_MissingName_NamesTheNearest() =>
        AssertNames(Refusal(BadUsage, "run", "--config", "quikstart", "--out", world["missing"]), "quikstart", "'quickstart'");

    [Fact]
    public void Recipe_MissingFile_NamesTheNearest() =>
        AssertNames(Refusal(BadUsage, "run", "--config", world["tinny.yaml"], "--out", world["missing"]), "tinny.yaml", "tiny.yaml");

    [Fact]
    public void Option_Unknown_IsBadUsage()
    {
        ProcessResult result = TandemProcess.Run("run", "--colour", "blue");
        Assert.Equal(BadUsage, result.ExitCode);
        Assert.Contains("--colour", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Ladder_UnknownFirstRung_ListsTheRungsAndLeavesNoRun()
    {
        AssertNames(Refusal(BadUsage, Run("unknown-rung", "--set", "ladder.first=t9")), "t9", "t1", "t3");
        Assert.False(Directory.Exists(world["unknown-rung"]));
    }

    [Fact]
    public void Ladder_MissingFolder_IsNamedAndLeavesNoRun()
    {
        AssertNames(Refusal(Failed, Run("no-ladder", "--set", $"ladder.directory={world["nowhere"]}")), world["nowhere"], "tandem train pretrain");
        Assert.False(Directory.Exists(world["no-ladder"]));
    }

    [Fact]
    public void Ladder_TruncatedWeights_AreRefusedByTheirChecksum()
    {
        string ladder = world.Copy(world.Ladder, "truncated-ladder");
        using (FileStream weights = File.OpenWrite(Path.Combine(ladder, "t2.safetensors")))
            weights.SetLength(weights.Length - 7);
        ProcessResult result = TandemProcess.Run(Run("on-truncated-ladder", "--set", $"ladder.directory={ladder}"));
        Assert.True(result.ExitCode == Failed, result.Error);
        AssertNames(result.LastErrorLine, "tandem: ", "t2.safetensors", "SHA-256", "tandem train pretrain");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_BelowARegularFile_IsRefused()
    {
        world.Write("regular-file", "");
        AssertNames(Refusal(Failed, Run(Path.Combine("regular-file", "run"))), "regular-file", "--out");
    }

    [Fact]
    public void Output_OfAnotherRun_IsRefusedWithWhatDiffers()
    {
        string directory = world.CopyOfReference("another-run");
        AssertNames(
            Refusal(BadUsage, Run(Path.GetFileName(directory), "--set", "competence.items=200")), "competence.items", "128", "200", "--out");
    }

    [Fact]
    public void Run_DirectoryInUse_IsRefusedWithItsHolder()
    {
        string directory = world.CopyOfReference("in-use");
        using RunDirectory held = RunDirectory.Open(directory, RecipeReader.Read<RunConfiguration>(world.Recipe).Resolved);
        AssertNames(Refusal(Failed, "resume", directory, "--threads", "1"), $"in use by process {Environment.ProcessId}", directory);
    }

    [Fact]
    public void Resume_DamagedLedger_SaysWhatIsStillUsable()
    {
        string directory = world.CopyOfReference("damaged-ledger");
        byte[] ledger = File.ReadAllBytes(Path.Combine(directory, "ledger.db"));
        ledger.AsSpan(0, 2048).Fill(0x5a);
        File.WriteAllBytes(Path.Combine(directory, "ledger.db"), ledger);
        AssertNames(Refusal(Failed, "resume", directory, "--threads", "1"), "ledger.db", "damaged", "events.jsonl", "Move ledger.db away");
    }

    [Fact]
    public void Resume_DamagedWeights_ComputesTheirStageAgain()
    {
        string directory = world.CopyOfReference("damaged-weights");
        string stage = "fixed-small/seed1/generation1-1/competence";
        string weights = Path.Combine(directory, "checkpoints", stage, "A1-", "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^9] ^= 0x10;
        File.WriteAllBytes(weights, bytes);
        ProcessResult result = TandemProcess.Run("resume", directory, "--threads", "1");
        world.AssertSameEnd(result);
        TinyWorld.AssertSameResults(world.Reference, directory);
        Assert.Contains(TinyWorld.Events(directory), e => e.Name == "artefacts-damaged");
    }

    [Fact]
    public void Resume_NoRunDirectory_IsBadUsage() =>
        AssertNames(Refusal(BadUsage, "resume", world["never-made"]), world["never-made"], "tandem run");

    [Fact]
    public void Report_UnfinishedRun_NamesTheResumeCommand() =>
        AssertNames(Refusal(BadUsage, "report", world["never-made"]), "summary.json", "tandem resume");
}
