using Tandem.Worlds.Ladder;

namespace Tandem.EndToEnd.Tests;

[Collection(TinyWorldCollection.Name)]
public sealed class PretrainTests(TinyWorld world)
{
    private string[] Command(string output) =>
        ["train", "pretrain", "--config", world.Pretraining, "--out", world[output], "--threads", "2"];

    [Fact]
    public void TrainPretrain_Interrupted_ResumesToTheSameBits()
    {
        string ladder = world["interrupted-ladder"];
        using (TandemProcess process = TandemProcess.Start(Command("interrupted-ladder")))
        {
            Assert.True(process.WaitUntil(() => File.Exists(Path.Combine(ladder, "training", "t1", "pretraining.json"))));
            process.Interrupt();
            ProcessResult stopped = process.Wait();
            Assert.True(stopped.ExitCode == 130, stopped.Error);
            Assert.Contains($"tandem train pretrain --config {world.Pretraining} --out {ladder}", stopped.LastErrorLine, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(ladder, "ladder.json")));
        }

        ProcessResult result = TandemProcess.Run(Command("interrupted-ladder"));
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(Files(world.Ladder), Files(ladder));
    }

    [Fact]
    public void TrainPretrain_Killed_ResumesToTheSameBits()
    {
        string ladder = world["killed-ladder"];
        using (TandemProcess process = TandemProcess.Start(Command("killed-ladder")))
        {
            Assert.True(process.WaitUntil(() => Directory.Exists(Path.Combine(ladder, "training", "t1", "snapshots"))));
            process.Kill();
        }

        ProcessResult result = TandemProcess.Run(Command("killed-ladder"));
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(Files(world.Ladder), Files(ladder));
    }

    [Fact]
    public void TrainPretrain_HeldOutRows_AreThoseMeasured()
    {
        LadderManifest manifest = ModelLadder.FromDirectory(world.Ladder).Manifest;
        Assert.Equal(["t1@0M", "t1", "t2", "t3"], manifest.Rungs.Select(r => r.Name));
        Assert.All(manifest.Rungs, r => Assert.Equal(96, r.AnswerRows));
        Assert.All(manifest.Rungs, r => Assert.NotEmpty(r.Answers));
        Assert.All(manifest.Rungs, r => Assert.All(r.Answers.Values, c => Assert.InRange(c.Right, 0, c.Asked)));
        Assert.All(manifest.Rungs, r => Assert.Equal(manifest.Rungs[0].Answers.Select(a => (a.Key, a.Value.Asked)), r.Answers.Select(a => (a.Key, a.Value.Asked))));
        string settings = File.ReadAllText(Path.Combine(world.Ladder, "training", "t1", "pretraining.json"));
        Assert.Matches("EvaluationRows[^0-9]*u0022:64,", settings);
    }

    [Fact]
    public void TrainPretrain_UnknownRung_ListsTheRungs()
    {
        ProcessResult result = TandemProcess.Run([.. Command("no-such-rung"), "--rungs", "t7"]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("'t7'", result.OnlyErrorLine, StringComparison.Ordinal);
        Assert.Contains("t1, t2, t3", result.OnlyErrorLine, StringComparison.Ordinal);
    }

    private static SortedDictionary<string, string> Files(string ladder)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(ladder))
            files.Add(Path.GetFileName(file), TinyWorld.Hash(file));
        Assert.Contains("t1-0M.safetensors", files.Keys);
        Assert.Contains("ladder.json", files.Keys);
        return files;
    }
}
