using Tandem.Tensors;

namespace Tandem.Runs.Tests;

public sealed class RunDirectoryTests
{
    private static readonly ResolvedRecipe Recipe = ResolvedRecipe.Of(new SampleRecipe { Name = "a" });

    private static string[] EventNames(string path) => [.. EventLog.Read(Path.Combine(path, EventLog.FileName)).Select(e => e.Name)];

    [Fact]
    public void Stage_Completed_IsReusedAfterReopening()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 2; i++)
        {
            using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
            Assert.Equal(i == 1, run.IsResumed);
            int computed = 0;
            var result = run.Stage("adaptive/seed1/train", context =>
            {
                computed++;
                File.WriteAllText(context.Artefact("model.txt"), "weights");
                context.Record(new MetricRow { Arm = "adaptive", Seed = ulong.MaxValue, Generation = 1, Name = "utility", Value = 0.5, Count = 10 });
                return (Loss: 0.1, Steps: 3, Other: double.NaN);
            });
            Assert.Equal((0.1, 3, double.NaN), result);
            Assert.Equal(i == 0 ? 1 : 0, computed);
            Assert.Equal(ulong.MaxValue, Assert.Single(run.Ledger.Metrics()).Seed);
            Assert.Equal("weights", File.ReadAllText(run.ArtefactPath("adaptive/seed1/train", "model.txt")));
            Assert.False(Directory.Exists(Path.Combine(run.StageDirectory("adaptive/seed1/train"), "scratch")));
        }
    }

    [Fact]
    public void Run_FromItsOwnResolvedRecipe_Resumes()
    {
        using var folder = new TemporaryFolder();
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        ResolvedRecipe again = RecipeReader.Read<SampleRecipe>(Path.Combine(folder["run"], RunDirectory.RecipeFileName)).Resolved;
        using RunDirectory run = RunDirectory.Open(folder["run"], again);
        Assert.True(run.IsResumed);
    }

    [Fact]
    public void Run_WithKeysOutsideIdentityChanged_Resumes()
    {
        using var folder = new TemporaryFolder();
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        ResolvedRecipe extended = ResolvedRecipe.Of(new SampleRecipe { Name = "a", Seeds = [1, 2], Threads = 5 });
        using RunDirectory run = RunDirectory.Open(folder["run"], extended);
        Assert.True(run.IsResumed);
        Assert.Contains("seeds: [1, 2]", File.ReadAllText(Path.Combine(run.Path, RunDirectory.RecipeFileName)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_WithAnotherIdentity_IsRefusedNamingBothAndTheKeys(bool ledgerPresent)
    {
        using var folder = new TemporaryFolder();
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        if (!ledgerPresent)
            File.Delete(Path.Combine(folder["run"], Ledger.FileName));
        string before = File.ReadAllText(Path.Combine(folder["run"], RunDirectory.RecipeFileName));
        ResolvedRecipe other = ResolvedRecipe.Of(new SampleRecipe { Name = "a", Training = new() { Steps = 7, Warmup = 1 }, Threads = 9 });
        var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(folder["run"], other));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains(Recipe.Identity[..12], fault.Message, StringComparison.Ordinal);
        Assert.Contains(other.Identity[..12], fault.Message, StringComparison.Ordinal);
        Assert.Contains("differing: training.steps (300 there, 7 here), training.warmup (10 there, 1 here).", fault.Message, StringComparison.Ordinal);
        Assert.Contains("--out", fault.Remedy, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(Path.Combine(folder["run"], RunDirectory.RecipeFileName)));
        RunDirectory.Open(folder["run"], Recipe).Dispose();
    }

    [Fact]
    public void Run_RecipeEditedByHand_IsRestoredFromTheLedgersIdentity()
    {
        using var folder = new TemporaryFolder();
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        string path = Path.Combine(folder["run"], RunDirectory.RecipeFileName);
        string before = File.ReadAllText(path);
        File.WriteAllText(path, "name: [broken");
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        Assert.Equal(before, File.ReadAllText(path));
    }

    [Theory]
    [InlineData("other rungs", "other-rungs")]
    [InlineData(" all, majority ", "all-majority")]
    [InlineData("r3@6M", "r3@6M")]
    [InlineData("../β/é.x", "x")]
    public void Part_ANameOfAPerson_CanNameAStage(string name, string part)
    {
        Assert.Equal(part, StageKey.Part(name));
        StageKey.Check(part);
    }

    [Theory]
    [InlineData("")]
    [InlineData("βγ")]
    [InlineData("..")]
    [InlineData("scratch")]
    public void Part_NothingLeft_IsAUsageFault(string name) =>
        Assert.Equal(FaultKind.Usage, Assert.Throws<UserFaultException>(() => StageKey.Part(name)).Kind);

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    public void Discard_NothingComputed_LeavesNoDirectory(bool computed, bool resumed, bool stays)
    {
        using var folder = new TemporaryFolder();
        if (resumed)
            RunDirectory.Open(folder["run"], Recipe).Dispose();
        using (RunDirectory run = RunDirectory.Open(folder["run"], Recipe))
        {
            if (computed)
                run.Stage("one", _ => 1);
            run.Discard();
        }

        Assert.Equal(stays, Directory.Exists(folder["run"]));
        using RunDirectory again = RunDirectory.Open(folder["run"], Recipe);
        Assert.Equal(stays, again.IsResumed);
    }

    [Fact]
    public void Directory_WithOtherFiles_IsRefused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("thesis.tex", "");
        var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(folder.Path, Recipe));
        Assert.Contains("'thesis.tex'", fault.Message, StringComparison.Ordinal);
        Assert.Equal(["thesis.tex"], Directory.GetFileSystemEntries(folder.Path).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void Directory_UnderAFile_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("file", "");
        foreach (string path in new[] { file, Path.Combine(file, "run") })
        {
            var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(path, Recipe));
            Assert.StartsWith(path, fault.Message, StringComparison.Ordinal);
            Assert.Contains("cannot be written", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Lock_HeldByAnotherHandle_IsRefusedNamingTheHolder()
    {
        using var folder = new TemporaryFolder();
        using (RunDirectory.Open(folder["run"], Recipe))
        {
            var fault = Assert.Throws<UserFaultException>(() => RunDirectory.Open(folder["run"], Recipe));
            Assert.Contains($"in use by process {Environment.ProcessId} on {Environment.MachineName}", fault.Message, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(Path.Combine(folder["run"], RunLock.OwnerFileName)));
        RunDirectory.Open(folder["run"], Recipe).Dispose();
    }

    [Fact]
    public void Lock_OfADeadHolder_IsTakenOver()
    {
        using var folder = new TemporaryFolder();
        RunDirectory.Open(folder["run"], Recipe).Abandon();
        Assert.True(File.Exists(Path.Combine(folder["run"], RunLock.OwnerFileName)));
        RunDirectory.Open(folder["run"], Recipe).Dispose();
        Assert.Contains("lock-taken-over", EventNames(folder["run"]));
    }

    [Fact]
    public void Stage_Interrupted_ResumesFromItsScratch()
    {
        using var folder = new TemporaryFolder();
        using var source = new CancellationTokenSource();
        using (RunDirectory run = RunDirectory.Open(folder["run"], Recipe, cancellation: source.Token))
        {
            Assert.Throws<OperationCanceledException>(() => run.Stage<int>("train", context =>
            {
                File.WriteAllText(Path.Combine(context.ScratchDirectory, "step"), "5");
                context.Record(new MetricRow { Arm = "", Seed = 0, Generation = 0, Name = "partial", Value = 1 });
                source.Cancel();
                context.Cancellation.ThrowIfCancellationRequested();
                return 0;
            }));
            Assert.Throws<OperationCanceledException>(() => run.Stage("next", _ => 0));
            Assert.Null(run.Ledger.FindStage("train"));
            Assert.Empty(run.Ledger.Metrics());
        }

        Assert.Contains("stage-interrupted", EventNames(folder["run"]));
        using (RunDirectory run = RunDirectory.Open(folder["run"], Recipe))
        {
            Assert.Equal("5", run.Stage("train", context => File.ReadAllText(Path.Combine(context.ScratchDirectory, "step"))));
            Assert.Equal(2, run.Ledger.Timings().Single(t => t.Key == "train").Attempts);
        }
    }

    [Fact]
    public void Seconds_OverResumptions_Accumulate()
    {
        using var folder = new TemporaryFolder();
        var time = new SteppingTime();
        var options = new RunDirectoryOptions { Time = time };
        using (RunDirectory run = RunDirectory.Open(folder["run"], Recipe, options))
        {
            Assert.Throws<InvalidOperationException>(() => run.Stage<int>("train", context =>
            {
                time.Advance(100);
                context.SaveSeconds();
                time.Advance(1000);
                throw new InvalidOperationException();
            }));
            time.Advance(-1000);
        }

        using (RunDirectory run = RunDirectory.Open(folder["run"], Recipe, options))
        {
            run.Stage("train", context =>
            {
                time.Advance(20);
                context.SaveSeconds();
                time.Advance(3);
                return 0;
            });
            Assert.Equal(123, run.Ledger.Timings().Single().Seconds);
            Assert.Equal(123, run.WallSeconds);
        }
    }

    [Fact]
    public void Stage_KeyInUseOrMalformed_IsAnError()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
        Assert.Throws<InvalidOperationException>(() => run.Stage("a", _ => run.Stage("a", _ => 1)));
        foreach (string key in new[] { "", "/a", "a/", "a//b", "../a", "a/..", ".a", "a b", "a/scratch", "a\\b" })
            Assert.Throws<ArgumentException>(() => run.Stage(key, _ => 1));
    }

    [Fact]
    public void Stage_RecordedWithAnotherType_IsAFault()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
        run.Stage("a", _ => "text");
        var fault = Assert.Throws<UserFaultException>(() => run.Stage("a", _ => 1));
        Assert.Contains("the stage 'a' is not a Int32", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stage_ArtefactNotWritten_IsAnError()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
        Assert.Throws<InvalidOperationException>(() => run.Stage("a", context => context.Artefact("model").Length));
        Assert.Null(run.Ledger.FindStage("a"));
    }

    [Fact]
    public void Stage_ComputationMissesAFile_KeepsItsOwnError()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
        Assert.Throws<FileNotFoundException>(() => run.Stage("a", _ => File.ReadAllText(folder["absent.json"])));
        Assert.Equal(1, run.Stage("a", _ => 1));
    }

    [Fact]
    public void Stages_InParallel_AllComplete()
    {
        using var folder = new TemporaryFolder();
        using RunDirectory run = RunDirectory.Open(folder["run"], Recipe);
        Parallel.For(0, 16, i => run.Stage($"arm{i}", context =>
        {
            File.WriteAllText(context.Artefact("model"), $"{i}");
            return i;
        }));
        Assert.Equal(16, run.Ledger.Stages().Count);
        Assert.Empty(run.Verify());
    }

    private sealed class SteppingTime : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds;

        public void Advance(long seconds) => _seconds += seconds;
    }
}
