using System.Collections.Concurrent;
using Tandem.Datasets.Hub;
using Tandem.Tensors;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>A hub, an empty cache and a client that never waits, for one test.</summary>
internal sealed class HubFixture : IDisposable, IPullObserver
{
    private readonly HttpClient _http = HubClient.CreateHttpClient();
    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-hub-").FullName;

    public HubFixture()
    {
        Settings = new HubSettings
        {
            CacheDirectory = Path.Combine(_folder, "cache"),
            Endpoint = new Uri(Server.Hub.Address + "/"),
            RowsEndpoint = new Uri(Server.RowsAddress + "/"),
            StallTimeout = Clock.Stall,
        };
    }

    public FakeHub Server { get; } = new();

    public NoWaiting Clock { get; } = new();

    public HubSettings Settings { get; set; }

    public IFileStore Store { get; set; } = new SystemFileStore();

    public ConcurrentQueue<string> Notes { get; } = [];

    public ConcurrentQueue<(string File, bool WasPresent)> Done { get; } = [];

    public ConcurrentQueue<(string File, long Done, long Total)> Progress { get; } = [];

    public string this[string name] => Path.Combine(_folder, name);

    public HubClient Client() => new(_http, Settings, Clock, () => 0.5, Store);

    /// <summary>A model with a small file and a large one.</summary>
    public FakeRepository Model(int largeBytes = 300_000)
    {
        var model = new FakeRepository("acme/tiny");
        model.Add("config.json", "{\"model_type\":\"qwen2\"}").Add("README.md", "---\nlicense: apache-2.0\n---\n");
        model.Add("model.safetensors", FakeRepository.Noise(largeBytes, 1), large: true);
        return Server.Add(model);
    }

    public Task<PullResult> Pull(string name = "acme/tiny", Func<PullRequest, PullRequest>? change = null) =>
        Client().PullAsync((change ?? (r => r))(new PullRequest(HubRepository.Parse(RepositoryKind.Model, name))), this);

    /// <summary>A pull that fails with a message that has all parts.</summary>
    public async Task<UserFaultException> Refused(string name, params string[] parts)
    {
        var fault = await Assert.ThrowsAsync<UserFaultException>(() => Pull(name));
        Assert.All(parts, part => Assert.Contains(part, fault.Message, StringComparison.Ordinal));
        return fault;
    }

    /// <summary>Checks that a snapshot has exactly a repository's files, byte for byte.</summary>
    public static void AssertSame(FakeRepository repository, string folder, params string[] but)
    {
        string[] expected = [.. repository.Files.Keys.Except(but).Order(StringComparer.Ordinal)];
        Assert.Equal(
            expected,
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal));
        Assert.All(expected, name => Assert.Equal(repository.Files[name].Content, File.ReadAllBytes(Path.Combine(folder, name))));
    }

    /// <summary>The path of a file's blob.</summary>
    public string Blob(FakeRepository repository, string file) =>
        Path.Combine(Settings.CacheDirectory, $"models--{repository.Name.Replace("/", "--", StringComparison.Ordinal)}", "blobs", repository.Files[file].BlobId);

    public void Dispose()
    {
        _http.Dispose();
        Server.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    void IPullObserver.Planned(int files, long totalBytes, long presentBytes)
    {
    }

    void IPullObserver.Advanced(string file, long done, long total) => Progress.Enqueue((file, done, total));

    void IPullObserver.Completed(string file, long bytes, bool wasPresent) => Done.Enqueue((file, wasPresent));

    void IPullObserver.Note(string text) => Notes.Enqueue(text);
}

/// <summary>A clock on which waits are over at once and are recorded; only the limit on silence runs out when a test says so.</summary>
internal sealed class NoWaiting : TimeProvider
{
    private readonly ConcurrentDictionary<Waiting, bool> _stalls = [];

    public TimeSpan Stall { get; } = TimeSpan.FromSeconds(12345);

    /// <summary>The waits in order.</summary>
    public ConcurrentQueue<TimeSpan> Waits { get; } = [];

    public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>Lets the limit on silence run out, for all requests.</summary>
    public void EndStalls()
    {
        foreach (Waiting timer in _stalls.Keys)
            timer.Fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Waiting(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Waiting(NoWaiting clock, Action callback) : ITimer
    {
        public void Fire() => callback();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            clock._stalls.TryRemove(this, out _);
            if (dueTime == clock.Stall)
                clock._stalls[this] = true;
            else if (dueTime != Timeout.InfiniteTimeSpan)
            {
                clock.Waits.Enqueue(dueTime);
                Task.Run(callback);
            }

            return true;
        }

        public void Dispose() => clock._stalls.TryRemove(this, out _);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
