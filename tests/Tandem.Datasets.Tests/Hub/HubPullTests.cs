using System.Globalization;
using Tandem.Datasets.Hub;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>Pulls when all goes well: layout, choice of files, cache, copies, offline.</summary>
public sealed class HubPullTests
{
    [Fact]
    public async Task Pull_IntoAnEmptyCache_WritesTheLayoutOfHuggingFacesTools()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model().Add("sub/extra.json", "[]");
        PullResult result = await f.Pull();

        string root = Path.Combine(f.Settings.CacheDirectory, "models--acme--tiny");
        Assert.Equal(Path.Combine(root, "snapshots", model.Commit), result.Folder);
        HubFixture.AssertSame(model, result.Folder);
        Assert.Equal(model.Commit, File.ReadAllText(Path.Combine(root, "refs", "main")));
        Assert.Equal(
            model.Files.Values.Select(v => v.BlobId).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(Path.Combine(root, "blobs")).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal));
        Assert.Equal($"../../blobs/{model.Files["config.json"].BlobId}", new FileInfo(Path.Combine(result.Folder, "config.json")).LinkTarget);
        Assert.Equal($"../../../blobs/{model.Files["sub/extra.json"].BlobId}", new FileInfo(Path.Combine(result.Folder, "sub", "extra.json")).LinkTarget);
        Assert.Equal(model.Files.Values.Sum(v => v.Content.Length), result.FetchedBytes);
    }

    [Fact]
    public async Task Pull_Again_FetchesNothing()
    {
        using var f = new HubFixture();
        f.Model();
        await f.Pull();
        int before = f.Server.Cdn.Requests.Count + f.Server.Hub.Requests.Count(r => r.Path.Contains("/resolve/", StringComparison.Ordinal));
        PullResult again = await f.Pull();
        Assert.Equal(0, again.FetchedBytes);
        Assert.All(again.Files, file => Assert.True(file.WasPresent));
        Assert.Equal(before, f.Server.Cdn.Requests.Count + f.Server.Hub.Requests.Count(r => r.Path.Contains("/resolve/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Pull_ANewCommit_FetchesOnlyWhatChanged()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        string first = (await f.Pull()).Folder;
        byte[] old = model.Files["README.md"].Content;
        model.Commit = new string('b', 40);
        model.Add("README.md", "new");
        PullResult second = await f.Pull();
        Assert.Equal(3, second.FetchedBytes);
        HubFixture.AssertSame(model, second.Folder);
        Assert.Equal(old, File.ReadAllBytes(Path.Combine(first, "README.md")));
    }

    [Fact]
    public async Task Pull_WithoutPatterns_TakesWhatAModelNeedsAndNoPickles()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        foreach (string name in new[] { "tokenizer.json", "merges.txt", "chat_template.jinja", "LICENSE", "tokenizer.model" })
            model.Add(name, name);
        string[] left = ["pytorch_model.bin", "old.pt", "modeling.py", ".gitattributes", "onnx/model.onnx", "onnx/config.json", "consolidated.safetensors"];
        foreach (string name in left)
            model.Add(name, name);
        HubFixture.AssertSame(model, (await f.Pull()).Folder, left);
    }

    [Fact]
    public async Task Pull_PicklesOnly_IsRefusedWithAReason()
    {
        using var f = new HubFixture();
        f.Server.Add(new FakeRepository("acme/old")).Add("config.json", "{}").Add("pytorch_model.bin", "x");
        await f.Refused("acme/old", "pytorch_model.bin", "run code", "safetensors", "refs/pr/1");
    }

    [Fact]
    public async Task Pull_APickleByName_IsRefused()
    {
        using var f = new HubFixture();
        f.Model().Add("pytorch_model.bin", "x");
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => f.Pull(change: r => r with { Include = ["*.bin"] }));
        Assert.Contains("run code", fault.Message, StringComparison.Ordinal);
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Fact]
    public async Task Pull_IncludeAndExclude_AreThoseOfHuggingFacesTools()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model().Add("sub/a.json", "1").Add("sub/b.json", "2");
        PullResult result = await f.Pull(change: r => r with { Include = ["*.json"], Exclude = ["sub/b*"] });
        Assert.Equal(["config.json", "sub/a.json"], result.Files.Select(p => p.Path).Order(StringComparer.Ordinal));
        PullResult folder = await f.Pull(change: r => r with { Include = ["sub/"] });
        Assert.Equal(["sub/a.json", "sub/b.json"], folder.Files.Select(p => p.Path).Order(StringComparer.Ordinal));
        Assert.Equal(4, model.Files.Count - 1);
    }

    [Fact]
    public async Task Pull_ListingInPages_TakesAllPages()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        for (int i = 0; i < 7; i++)
            model.Add(string.Create(CultureInfo.InvariantCulture, $"part{i}.json"), $"{i}");
        f.Server.PageSize = 3;
        HubFixture.AssertSame(model, (await f.Pull()).Folder);
    }

    [Fact]
    public async Task Pull_MirrorWithoutListings_AsksFileByFile()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        model.HasTree = false;
        HubFixture.AssertSame(model, (await f.Pull()).Folder);
    }

    [Fact]
    public async Task Pull_RenamedRepository_FollowsTheHub()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        f.Server.Renamed["acme/old-name"] = "acme/tiny";
        PullResult result = await f.Pull("acme/old-name");
        HubFixture.AssertSame(model, result.Folder);
        HubFixture.AssertSame(model, ModelLocation.Resolve("acme/old-name", f.Settings));
    }

    [Fact]
    public async Task Pull_NamesOnlyWindowsForbids_AreFetchedElsewhere()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var f = new HubFixture();
        FakeRepository model = f.Model().Add("log 12:30:00?.json", "x").Add("Größe.json", "y");
        HubFixture.AssertSame(model, (await f.Pull()).Folder);
    }

    [Fact]
    public async Task Pull_WithoutLinks_Copies()
    {
        using var f = new HubFixture();
        f.Settings = f.Settings with { Links = false };
        FakeRepository model = f.Model();
        string folder = (await f.Pull()).Folder;
        HubFixture.AssertSame(model, folder);
        Assert.Null(new FileInfo(Path.Combine(folder, "config.json")).LinkTarget);
        Assert.True((await f.Pull()).Files.All(p => p.WasPresent));
    }

    [Fact]
    public async Task Pull_ToAFolder_CopiesAndNeverOverwrites()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        PullResult result = await f.Pull(change: r => r with { CopyTo = f["out"] });
        Assert.Equal(f["out"], result.Folder);
        HubFixture.AssertSame(model, f["out"]);
        Assert.Null(new FileInfo(Path.Combine(f["out"], "config.json")).LinkTarget);
        await f.Pull(change: r => r with { CopyTo = f["out"] });
        await File.WriteAllTextAsync(Path.Combine(f["out"], "config.json"), "mine");
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => f.Pull(change: r => r with { CopyTo = f["out"] }));
        Assert.Contains("--out", fault.Message, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(f["out"], "config.json")));
    }

    [Fact]
    public async Task Pull_Verify_FetchesDamagedBlobsAgain()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        await f.Pull();
        string blob = f.Blob(model, "model.safetensors");
        byte[] bytes = await File.ReadAllBytesAsync(blob);
        bytes[77] ^= 1;
        await File.WriteAllBytesAsync(blob, bytes);
        PullResult result = await f.Pull(change: r => r with { Verify = true });
        Assert.Equal(["model.safetensors"], result.Files.Where(p => !p.WasPresent).Select(p => p.Path));
        HubFixture.AssertSame(model, result.Folder);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(64)]
    public async Task Pull_LargeFileInRanges_IsTheSameFile(int ranges)
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model(1_000_003);
        f.Settings = f.Settings with { ParallelRanges = ranges, RangeBytes = 100_000 };
        HubFixture.AssertSame(model, (await f.Pull()).Folder);
        Assert.Equal(ranges == 1 ? 1 : 11, f.Server.Cdn.Requests.Count);
        Assert.Equal(3, Directory.EnumerateFiles(Path.GetDirectoryName(f.Blob(model, "README.md"))!).Count());
        Assert.Equal(1_000_003, f.Progress.Where(p => p.File == "model.safetensors").Max(p => p.Done));
    }

    [Fact]
    public async Task Pull_RangesFromAServerThatIgnoresThem_FallsBackToTheWholeFile()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model(500_000);
        byte[] content = model.Files["model.safetensors"].Content;
        f.Settings = f.Settings with { ParallelRanges = 3, RangeBytes = 100_000 };
        f.Server.PlanForEver(model.Files["model.safetensors"].BlobId, _ => new FakeReply(200, content));
        HubFixture.AssertSame(model, (await f.Pull()).Folder);
    }

    [Fact]
    public async Task Pull_TwoClientsAtOnce_FetchEachBlobOnce()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        await Task.WhenAll(f.Pull(), f.Pull(), f.Pull());
        Assert.Single(f.Server.Cdn.Requests);
        Assert.Single(FakeHub.Gets(f.Server.Hub, "/config.json"));
        HubFixture.AssertSame(model, ModelLocation.Resolve("acme/tiny", f.Settings));
    }

    [Fact]
    public async Task Pull_OfflineWithTheModelInTheCache_GivesItsFolder()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        await f.Pull();
        int requests = f.Server.Hub.Requests.Count;
        f.Settings = f.Settings with { Offline = true };
        PullResult result = await f.Pull();
        HubFixture.AssertSame(model, result.Folder);
        Assert.Equal(model.Commit, result.Commit);
        Assert.Equal(requests, f.Server.Hub.Requests.Count);
    }

    [Fact]
    public async Task Pull_OfflineWithoutIt_NamesWhatIsMissing()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        f.Settings = f.Settings with { Offline = true };
        await f.Refused("acme/tiny", "acme/tiny", "main", "tandem models pull acme/tiny", "offline");
        Assert.Empty(f.Server.Hub.Requests);
        f.Settings = f.Settings with { Offline = false };
        string folder = (await f.Pull()).Folder;
        File.Delete(Path.Combine(folder, "model.safetensors"));
        f.Settings = f.Settings with { Offline = true };
        await f.Refused("acme/tiny", "model.safetensors");
        await f.Refused("acme/tinny", "Did you mean 'acme/tiny'?");
        Assert.Equal(3, model.Files.Count);
    }

    [Fact]
    public async Task Pull_BranchAndCommit_AreReferencesOfTheSameSnapshot()
    {
        using var f = new HubFixture();
        FakeRepository model = f.Model();
        await f.Pull(change: r => r with { Revision = "stable" });
        await f.Pull(change: r => r with { Revision = model.Commit });
        CachedRepository cached = Assert.Single(new HubCache(f.Settings.CacheDirectory).Scan());
        CachedSnapshot snapshot = Assert.Single(cached.Snapshots);
        Assert.Equal(["stable"], snapshot.References);
        Assert.Equal(model.Files.Values.Sum(v => v.Content.Length), snapshot.Bytes);
        Assert.Equal(snapshot.Bytes + 40, cached.Bytes);
    }
}
