using Tandem.Datasets.Hub;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>The cache as Hugging Face's tools write it, and names and variables as they read them.</summary>
public sealed class HubCacheTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>A model as Python's huggingface_hub leaves it, with its other folders.</summary>
    private static HubSettings PythonCache(HubFixture f, params string[] files)
    {
        string root = Path.Combine(f["python"], "models--acme--small");
        Directory.CreateDirectory(Path.Combine(root, "blobs"));
        Directory.CreateDirectory(Path.Combine(root, "refs", "refs", "pr"));
        Directory.CreateDirectory(Path.Combine(root, ".no_exist", Commit));
        Directory.CreateDirectory(Path.Combine(root, "snapshots", Commit));
        Directory.CreateDirectory(Path.Combine(f["python"], ".locks", "models--acme--small"));
        File.WriteAllText(Path.Combine(f["python"], "version.txt"), "1");
        File.WriteAllText(Path.Combine(root, "refs", "main"), Commit);
        File.WriteAllText(Path.Combine(root, "refs", "refs", "pr", "1"), Commit);
        foreach (string file in files)
        {
            string blob = FakeFile.GitHash(System.Text.Encoding.UTF8.GetBytes(file));
            File.WriteAllText(Path.Combine(root, "blobs", blob), file);
            File.CreateSymbolicLink(Path.Combine(root, "snapshots", Commit, file), $"../../blobs/{blob}");
        }

        return f.Settings with { CacheDirectory = f["python"] };
    }

    [Fact]
    public void Resolve_LayoutWrittenByPython_IsFound()
    {
        using var f = new HubFixture();
        HubSettings settings = PythonCache(f, "config.json", "model.safetensors");
        string snapshot = Path.Combine(f["python"], "models--acme--small", "snapshots", Commit);
        Assert.Equal(snapshot, ModelLocation.Resolve("acme/small", settings));
        Assert.Equal(snapshot, ModelLocation.Resolve($"acme/small@{Commit}", settings));
        Assert.Equal(snapshot, ModelLocation.Resolve("acme/small@refs/pr/1", settings));
        CachedRepository cached = Assert.Single(new HubCache(f["python"]).Scan(RepositoryKind.Model));
        CachedSnapshot found = Assert.Single(cached.Snapshots);
        Assert.Equal(("acme/small", Commit, 2), (cached.Repository.Name, found.Commit, found.Files));
        Assert.Equal(["main", "refs/pr/1"], found.References);
    }

    [Fact]
    public async Task Pull_OverALayoutWrittenByPython_FetchesOnlyWhatIsMissing()
    {
        using var f = new HubFixture();
        f.Settings = PythonCache(f, "config.json");
        FakeRepository model = f.Server.Add(new FakeRepository("acme/small") { Commit = Commit });
        model.Add("config.json", "config.json").Add("model.safetensors", FakeRepository.Noise(1000, 2), large: true);
        PullResult result = await f.Pull("acme/small");
        Assert.Equal(["model.safetensors"], result.Files.Where(p => !p.WasPresent).Select(p => p.Path));
        HubFixture.AssertSame(model, ModelLocation.Resolve("acme/small", f.Settings));
    }

    [Fact]
    public void Resolve_Folder_IsTheFolder()
    {
        using var f = new HubFixture();
        Directory.CreateDirectory(f["model"]);
        Assert.Equal(f["model"], ModelLocation.Resolve(f["model"], f.Settings));
    }

    [Theory]
    [InlineData("acme/other", "tandem models pull acme/other")]
    [InlineData("acme/smal", "Did you mean 'acme/small'?")]
    [InlineData("acme/small@v2", "--revision v2")]
    [InlineData("../somewhere", "organization/name")]
    [InlineData("acme/small@../../x", "organization/name")]
    public void Resolve_WhatIsNotThere_SaysHowToGetIt(string name, string remedy)
    {
        using var f = new HubFixture();
        HubSettings settings = PythonCache(f, "config.json", "model.safetensors");
        var fault = Assert.Throws<UserFaultException>(() => ModelLocation.Resolve(name, settings));
        Assert.Contains(remedy, fault.Message, StringComparison.Ordinal);
        Assert.Equal(FaultKind.Usage, fault.Kind);
    }

    [Fact]
    public void Resolve_SnapshotWithoutAShard_NamesIt()
    {
        using var f = new HubFixture();
        HubSettings settings = PythonCache(f, "config.json", "a.safetensors");
        File.WriteAllText(
            Path.Combine(f["python"], "models--acme--small", "snapshots", Commit, "model.safetensors.index.json"),
            """{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""");
        var fault = Assert.Throws<UserFaultException>(() => ModelLocation.Resolve("acme/small", settings));
        Assert.Contains("b.safetensors", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("a.safetensors", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../../../elsewhere")]
    [InlineData("main")]
    [InlineData("")]
    public void FindSnapshot_HostileReference_FindsNothing(string content)
    {
        using var f = new HubFixture();
        PythonCache(f, "config.json");
        File.WriteAllText(Path.Combine(f["python"], "models--acme--small", "refs", "main"), content);
        Assert.Null(new HubCache(f["python"]).FindSnapshot(HubRepository.Parse(RepositoryKind.Model, "acme/small"), "main"));
    }

    [Fact]
    public void Remove_OneRepository_LeavesTheOthers()
    {
        using var f = new HubFixture();
        PythonCache(f, "config.json");
        Directory.CreateDirectory(Path.Combine(f["python"], "datasets--acme--small"));
        var cache = new HubCache(f["python"]);
        cache.Remove(HubRepository.Parse(RepositoryKind.Model, "acme/small"));
        Assert.Equal([RepositoryKind.Dataset], cache.Scan().Select(r => r.Repository.Kind));
        Assert.Throws<UserFaultException>(() => cache.Remove(HubRepository.Parse(RepositoryKind.Model, "acme/small")));
    }

    [Theory]
    [InlineData("Qwen/Qwen2.5-0.5B-Instruct", "models--Qwen--Qwen2.5-0.5B-Instruct")]
    [InlineData("gpt2", "models--gpt2")]
    public void Repository_Name_GivesPythonsFolder(string name, string folder) =>
        Assert.Equal(folder, HubRepository.Parse(RepositoryKind.Model, name).FolderName);

    [Theory]
    [InlineData("")]
    [InlineData("a/b/c")]
    [InlineData("..")]
    [InlineData("a/..")]
    [InlineData("a--b/c")]
    [InlineData("/a")]
    [InlineData("a b")]
    [InlineData("a/b.git")]
    [InlineData("a/b\n")]
    public void Repository_WhatIsNoName_IsRefused(string name) =>
        Assert.Throws<UserFaultException>(() => HubRepository.Parse(RepositoryKind.Model, name));

    [Theory]
    [InlineData("HF_HUB_CACHE=/a;HF_HOME=/b;XDG_CACHE_HOME=/c", "/a")]
    [InlineData("HF_HOME=/b;XDG_CACHE_HOME=/c", "/b/hub")]
    [InlineData("XDG_CACHE_HOME=/c", "/c/huggingface/hub")]
    [InlineData("", "~/.cache/huggingface/hub")]
    [InlineData("HF_HOME=~/models", "~/models/hub")]
    public void Settings_Cache_IsWherePythonHasIt(string variables, string expected)
    {
        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal(expected.Replace("~", user, StringComparison.Ordinal), Read(variables).CacheDirectory);
    }

    [Fact]
    public void Settings_Token_IsThatOfTheVariableThenOfTheFiles()
    {
        using var f = new HubFixture();
        Directory.CreateDirectory(f["home"]);
        File.WriteAllText(Path.Combine(f["home"], "token"), "hf_home\n");
        File.WriteAllText(f["path"], "hf_path");
        Assert.Equal("hf_variable", Read($"HF_TOKEN=hf_variable;HF_TOKEN_PATH={f["path"]};HF_HOME={f["home"]}").Token);
        Assert.Equal("hf_path", Read($"HF_TOKEN_PATH={f["path"]};HF_HOME={f["home"]}").Token);
        Assert.Equal("hf_home", Read($"HF_HOME={f["home"]}").Token);
        Assert.Null(Read($"HF_HOME={f["nowhere"]}").Token);
        Assert.DoesNotContain("hf_variable", Read("HF_TOKEN=hf_variable").ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HF_HUB_OFFLINE=1", true)]
    [InlineData("HF_HUB_OFFLINE=true", true)]
    [InlineData("HF_HUB_OFFLINE=0", false)]
    [InlineData("", false)]
    public void Settings_Offline_IsReadAsPythonDoes(string variables, bool expected) => Assert.Equal(expected, Read(variables).Offline);

    [Theory]
    [InlineData("HF_ENDPOINT=ftp://example.org")]
    [InlineData("HF_ENDPOINT=huggingface.co")]
    [InlineData("HF_DATASETS_SERVER=nonsense")]
    public void Settings_WhatIsNoAddress_IsRefused(string variables) => Assert.Throws<UserFaultException>(() => Read(variables));

    [Fact]
    public void Summary_SavedModel_CountsAndAddsUp()
    {
        using var f = new HubFixture();
        var configuration = new TransformerConfiguration { VocabularySize = 50, HiddenSize = 8, IntermediateSize = 16, Layers = 2, Heads = 2, KeyValueHeads = 1 };
        using (var transformer = new Transformer(configuration))
            transformer.Save(f["model"], StorageType.BF16);
        File.WriteAllText(Path.Combine(f["model"], "README.md"), "---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n");
        ModelSummary summary = ModelSummary.Read(f["model"]);
        Assert.Equal(configuration.ParameterCount, summary.Parameters);
        Assert.Equal(2 * configuration.ParameterCount, summary.WeightBytes);
        Assert.Equal(["BF16"], summary.WeightTypes);
        Assert.Equal(("qwen2", "apache-2.0", null, false), (summary.ModelType, summary.Licence, summary.Unsupported, summary.Tokenizer));
        Assert.Equal([4 * summary.Parameters, 4 * summary.Parameters, 2 * summary.Parameters], summary.Memory.Select(m => m.Load));
        Assert.Equal(16 * summary.Parameters, summary.Memory[0].Train);
        using var adapted = new Transformer(configuration, ParameterStorage.FrozenBFloat16, new LowRankConfiguration());
        long adapters = adapted.Parameters.All.Where(p => p.Storage == ParameterStorage.Trainable).Sum(p => (long)p.Tensor.Rows * p.Tensor.Columns);
        Assert.Equal((2 * summary.Parameters) + (16 * adapters), summary.Memory[2].Train);
    }

    [Fact]
    public void Summary_UnsupportedFamily_SaysWhy()
    {
        using var f = new HubFixture();
        Directory.CreateDirectory(f["model"]);
        File.WriteAllText(Path.Combine(f["model"], "config.json"), """{"model_type":"mamba"}""");
        ModelSummary summary = ModelSummary.Read(f["model"]);
        Assert.Equal("mamba", summary.ModelType);
        Assert.NotNull(summary.Unsupported);
        Assert.Empty(summary.Memory);
    }

    private static HubSettings Read(string variables)
    {
        var values = variables.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => v[1]);
        return HubSettings.FromEnvironment(values.GetValueOrDefault);
    }
}
