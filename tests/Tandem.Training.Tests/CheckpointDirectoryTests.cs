using Tandem.Tensors;
using Tandem.Training.Checkpoints;

namespace Tandem.Training.Tests;

public class CheckpointDirectoryTests
{
    [Fact]
    public void Open_NoFolder_IsNull()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(new CheckpointDirectory(folder["absent"]).Open());
    }

    [Fact]
    public void Save_ThreeWithTwoKept_KeepsTheLatestTwoWhole()
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path, keep: 2);
        foreach (long step in new[] { 9L, 10L, 100L })
            Save(directory, step, $"content {step}");
        Assert.Equal(2, directory.Complete().Count);
        string latest = directory.Open()!;
        Assert.EndsWith("step-0000000100", latest, StringComparison.Ordinal);
        Assert.Equal("content 100", File.ReadAllText(Path.Combine(latest, "data")));
    }

    [Fact]
    public void Save_SameStepAgain_ReplacesIt()
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path);
        Save(directory, 1, "old");
        Save(directory, 1, "new");
        Assert.Equal("new", File.ReadAllText(Path.Combine(directory.Open()!, "data")));
    }

    [Fact]
    public void Save_WriterFails_LeavesTheEarlierCheckpoint()
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path);
        Save(directory, 1, "good");
        var fault = Assert.Throws<UserFaultException>(() => directory.Save(2, _ => throw new IOException("No space left on device")));
        Assert.Contains("No space left", fault.Message, StringComparison.Ordinal);
        Assert.EndsWith("step-0000000001", directory.Open()!, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_CheckpointWithoutMarker_IsIgnored()
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path);
        Save(directory, 1, "whole");
        string half = Save(directory, 2, "half");
        File.Delete(Path.Combine(half, CheckpointDirectory.MarkerName));
        Assert.EndsWith("step-0000000001", directory.Open()!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("truncate")]
    [InlineData("flip")]
    [InlineData("delete")]
    [InlineData("marker")]
    public void Open_DamagedFile_NamesItAndTheUsableOneAndFallsBackWhenAsked(string damage)
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path);
        string earlier = Save(directory, 1, "earlier");
        string later = Save(directory, 2, "later");
        string file = Damage(later, damage);

        var fault = Assert.Throws<UserFaultException>(() => directory.Open());
        Assert.Contains(file, fault.Message, StringComparison.Ordinal);
        Assert.Contains(earlier, fault.Message, StringComparison.Ordinal);
        Assert.Equal(earlier, directory.Open(fallBack: true));
    }

    [Fact]
    public void Open_AllDamaged_SaysThatNoneIsUsable()
    {
        using var folder = new TemporaryFolder();
        var directory = new CheckpointDirectory(folder.Path);
        Damage(Save(directory, 1, "only"), "truncate");
        var fault = Assert.Throws<UserFaultException>(() => directory.Open(fallBack: true));
        Assert.Contains("No earlier checkpoint is usable", fault.Message, StringComparison.Ordinal);
    }

    private static string Save(CheckpointDirectory directory, long step, string content) =>
        directory.Save(step, folder => File.WriteAllText(Path.Combine(folder, "data"), content));

    private static string Damage(string checkpoint, string damage)
    {
        string file = Path.Combine(checkpoint, damage == "marker" ? CheckpointDirectory.MarkerName : "data");
        byte[] bytes = File.ReadAllBytes(file);
        switch (damage)
        {
            case "delete":
                File.Delete(file);
                return file;
            case "flip":
                bytes[1] ^= 1;
                break;
            default:
                bytes = bytes[..^2];
                break;
        }

        File.WriteAllBytes(file, bytes);
        return file;
    }
}
