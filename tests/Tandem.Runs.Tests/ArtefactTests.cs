namespace Tandem.Runs.Tests;

public sealed class ArtefactTests
{
    private const string Inner = "adaptive/seed7/generation1/competence";
    private const string Outer = "adaptive/seed7/generation1";

    [Theory]
    [InlineData("missing")]
    [InlineData("truncated")]
    [InlineData("flipped")]
    public void Artefact_Damaged_IsComputedAgainWithTheSameResults(string damage)
    {
        using var folder = new TemporaryFolder();
        string content;
        string files;
        string artefact;
        using (RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe))
        {
            Scenario.Play(run);
            content = run.Ledger.Content();
            files = Scenario.Files(run.Path);
            artefact = run.ArtefactPath(Inner, "model/weights.txt");
        }

        byte[] bytes = File.ReadAllBytes(artefact);
        switch (damage)
        {
            case "missing":
                File.Delete(artefact);
                break;
            case "truncated":
                File.WriteAllBytes(artefact, bytes[..^1]);
                break;
            default:
                bytes[0] ^= 1;
                File.WriteAllBytes(artefact, bytes);
                break;
        }

        using (RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe))
        {
            if (damage == "flipped")
            {
                ArtefactFault fault = Assert.Single(run.Verify());
                Assert.Equal((Inner, "model/weights.txt"), (fault.Stage, fault.Name));
            }

            Assert.Equal([Outer, Inner], run.Ledger.Stages().Where(s => !s.IsComplete).Select(s => s.Key));
            Scenario.Play(run);
            Assert.Equal(content, run.Ledger.Content());
            Assert.Equal(files, Scenario.Files(run.Path));
            Assert.Empty(run.Verify());
        }

        RunEvent[] events = [.. EventLog.Read(Path.Combine(folder["run"], EventLog.FileName))];
        RunEvent found = Assert.Single(events, e => e.Name == "artefacts-damaged");
        Assert.Equal([Outer, Inner], found.Data.GetProperty("recomputedStages").EnumerateArray().Select(e => e.GetString()));
        Assert.DoesNotContain(events, e => e.Name == "stage-not-reproduced");
    }

    [Fact]
    public void Artefact_RecomputedDifferently_IsSaid()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 2; i++)
        {
            using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
            run.Stage("a", context =>
            {
                File.WriteAllText(context.Artefact("model"), $"{i}");
                return 0;
            });
            File.Delete(run.ArtefactPath("a", "model"));
        }

        Assert.Contains(EventLog.Read(Path.Combine(folder["run"], EventLog.FileName)), e => e.Name == "stage-not-reproduced");
    }

    [Fact]
    public void ArtefactFolder_LeftByAnEarlierAttempt_IsEmptied()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Scenario.Recipe);
        for (int attempt = 1; attempt <= 2; attempt++)
        {
            try
            {
                run.Stage("a", context =>
                {
                    string model = context.Artefact("model");
                    Directory.CreateDirectory(model);
                    File.WriteAllText(Path.Combine(model, $"attempt{context.Attempt}"), "");
                    return context.Attempt == 1 ? throw new InvalidOperationException() : 0;
                });
            }
            catch (InvalidOperationException)
            {
                Assert.Equal(1, attempt);
            }
        }

        Assert.Equal(["model/attempt2"], run.Ledger.FindStage("a")!.Artefacts.Select(a => a.Name));
    }
}
