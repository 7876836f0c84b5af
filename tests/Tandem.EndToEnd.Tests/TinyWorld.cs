using System.Text.Json.Nodes;
using Tandem.Capability;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Worlds;

namespace Tandem.EndToEnd.Tests;

/// <summary>
/// A ladder of three models of a few thousand parameters and a recipe that takes every stage of two generations through
/// them in seconds; and one run of it that nothing disturbed.
/// </summary>
public sealed class TinyWorld : IDisposable
{
    private const int GateNotMet = 3;
    private readonly Lazy<(string Directory, double Seconds, int ExitCode)> _reference;

    public TinyWorld()
    {
        // Runs flush every write to disk; in memory that takes no time.
        const string Memory = "/dev/shm";
        string parent = System.IO.Directory.Exists(Memory) ? Memory : Path.GetTempPath();
        Folder = System.IO.Directory.CreateDirectory(Path.Combine(parent, $"tandem-end-to-end-{Guid.NewGuid():N}")).FullName;
        Pretraining = Write("pretrain.yaml", """
            name: tiny
            batch_rows: 8
            row_length: 64
            held_out_rows: 64
            card_rows: 96
            rungs:
              - {name: t1, width: 16, layers: 1, heads: 1, intermediate: 32, tokens: 20480, snapshots: [10240]}
              - {name: t2, width: 16, layers: 2, heads: 1, intermediate: 32, tokens: 40960}
              - {name: t3, width: 32, layers: 2, heads: 2, intermediate: 48, tokens: 61440}

            """);
        Ladder = this["ladder"];
        using (var pool = new WorkerPool(1))
        {
            LadderBuilder.Build(
                RecipeReader.Read<LadderRecipe>(Pretraining).Value, TaskFamilies.Named("chains"), Ladder, [],
                $"tandem train pretrain --config {Pretraining}", pool, _ => new Silence(), CancellationToken.None);
        }

        Recipe = Write("tiny.yaml", $$"""
            name: tiny
            seeds: [1]
            arms: [fixed-small]
            generations: 2
            attempts_per_generation: 1
            ladder: {directory: "{{Ladder}}", first: t1, maximum_parameters: 100000}
            supervision: {initial_human_labels: 128, human_labels_per_generation: 128, human_error_rate: 0}
            competence: {items: 128, epochs: 3, batch_size: 4}
            risk_discovery: {rounds: 2, episodes_per_round: 12, held_out_episodes: 8, organism_episodes: 8}
            alignment: {items: 96, hazard_decisions: 32}
            gate: {minimum_conformity: 0, maximum_tax: 1, maximum_hazard_rate: 1, minimum_monitor_recall: 0}
            evaluation: {test_items: 100, variant_items: 20, calibration_items: 200}

            """);
        _reference = new(() =>
        {
            string directory = this["reference"];
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            ProcessResult result = TandemProcess.Run("run", "--config", Recipe, "--out", directory, "--threads", "1");
            Assert.True(result.ExitCode is 0 or GateNotMet, result.Error);
            return (directory, System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds, result.ExitCode);
        });
    }

    public string Folder { get; }

    /// <summary>The recipe of the ladder.</summary>
    public string Pretraining { get; }

    /// <summary>The folder of the ladder.</summary>
    public string Ladder { get; }

    /// <summary>The recipe of a run on the ladder.</summary>
    public string Recipe { get; }

    /// <summary>The directory of a run from start to end.</summary>
    public string Reference => _reference.Value.Directory;

    /// <summary>How long that run took.</summary>
    public double ReferenceSeconds => _reference.Value.Seconds;

    /// <summary>Fails unless a process ended as the undisturbed one did: well, or with a generation that the gate rolled back.</summary>
    internal void AssertSameEnd(ProcessResult result) =>
        Assert.True(result.ExitCode == _reference.Value.ExitCode, $"exit code {result.ExitCode}: {result.Error}");

    public string this[string name] => Path.Combine(Folder, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    /// <summary>A copy of the undisturbed run that a test may damage.</summary>
    public string CopyOfReference(string name) => Copy(Reference, name);

    /// <summary>A copy of a folder.</summary>
    public string Copy(string folder, string name)
    {
        foreach (string file in System.IO.Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(this[name], Path.GetRelativePath(folder, file));
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return this[name];
    }

    /// <summary>Fails unless two run directories hold the same results to the last bit.</summary>
    public static void AssertSameResults(string expected, string actual)
    {
        Assert.Equal(Weights(expected), Weights(actual));
        using (Ledger one = Ledger.OpenRead(expected), other = Ledger.OpenRead(actual))
        {
            // The content says where a difference is; the hash is what users compare.
            Assert.Equal(one.Content(), other.Content());
            Assert.Equal(one.ContentHash(), other.ContentHash());
        }

        Assert.Equal(Measurements(expected), Measurements(actual));
    }

    /// <summary>The markers of the whole checkpoints that trainers have at this moment.</summary>
    public static IEnumerable<string> Checkpoints(string directory)
    {
        string checkpoints = Path.Combine(directory, RunDirectory.CheckpointsFolder);
        try
        {
            return !System.IO.Directory.Exists(checkpoints) ? [] :
                [.. System.IO.Directory.EnumerateFiles(checkpoints, "complete.json", SearchOption.AllDirectories)];
        }
        catch (DirectoryNotFoundException)
        {
            // The trainer has just thinned them out.
            return [];
        }
    }

    /// <summary>The SHA-256 of every artefact below <c>checkpoints</c>, by relative path.</summary>
    public static SortedDictionary<string, string> Weights(string directory)
    {
        string checkpoints = Path.Combine(directory, RunDirectory.CheckpointsFolder);
        var weights = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in System.IO.Directory.EnumerateFiles(checkpoints, "*", SearchOption.AllDirectories))
            weights.Add(Path.GetRelativePath(checkpoints, file), Hash(file));
        Assert.Contains(weights.Keys, k => Path.GetFileName(k) == "model.safetensors");
        return weights;
    }

    public static string Hash(string file) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)));

    /// <summary>The summary without what differs from one execution to the next: times and the directory's name.</summary>
    public static string Measurements(string directory)
    {
        JsonObject summary = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, RunPipeline.SummaryFileName)))!.AsObject();
        foreach (string name in new[] { "wallSeconds", "started", "command" })
            Assert.True(summary.Remove(name), name);
        return summary.ToJsonString();
    }

    /// <summary>The names of the events of a run, in order, with the stage each is about, if any.</summary>
    public static List<(string Name, string Stage)> Events(string directory)
    {
        string path = Path.Combine(directory, EventLog.FileName);
        return !File.Exists(path) ? [] :
            [.. EventLog.Read(path).Select(e => (e.Name, e.Data.ValueKind == System.Text.Json.JsonValueKind.Object
                && e.Data.TryGetProperty("key", out System.Text.Json.JsonElement key) ? key.GetString()! : ""))];
    }

    public void Dispose() => System.IO.Directory.Delete(Folder, recursive: true);

    private sealed class Silence : ITrainingObserver
    {
        public void OnStep(in TrainingStep step)
        {
        }
    }
}

/// <summary>All tests share one ladder and one undisturbed run, and run one after the other: each has a process to feed.</summary>
[CollectionDefinition(Name)]
public sealed class TinyWorldCollection : ICollectionFixture<TinyWorld>
{
    public const string Name = "tiny world";
}
