namespace Tandem.Runs.Tests;

public sealed class RunDirectoryTests
{
    [Fact]
    public void Stage_Completed_IsReusedAfterReopening()
    {
        using var folder = new TemporaryFolder();
        ResolvedRecipe recipe = ResolvedRecipe.Of(new SampleRecipe { Name = "a" });
        for (int i = 0; i < 2; i++)
        {
            using RunDirectory run = RunDirectory.Open(folder["run"], recipe);
            Assert.Equal(i == 1, run.IsResumed);
            int computed = 0;
            var result = run.Stage("adaptive/seed1/train", context =>
            {
                computed++;
                File.WriteAllText(context.Artefact("model.txt"), "weights");
                context.Record(new MetricRow { Arm = "adaptive", Seed = ulong.MaxValue, Generation = 1, Name = "utility", Value = 0.5, Count = 10 });
                return (Loss: 0.1, Steps: 3);
            });
            Assert.Equal((0.1, 3), result);
            Assert.Equal(i == 0 ? 1 : 0, computed);
            Assert.Equal(ulong.MaxValue, Assert.Single(run.Ledger.Metrics()).Seed);
            Assert.Equal("weights", File.ReadAllText(run.ArtefactPath("adaptive/seed1/train", "model.txt")));
        }
    }
}
