using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tandem.Datasets.Hub;
using Tandem.Reports;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem models</c>: models of the hub and its cache.</summary>
internal static class ModelsCommand
{
    public static Command Create() => new("models", "Fetch models, and see what is here.") { Pull(), List(), Show(), ModelsNewCommand.Create(), Remove() };

    private static Command Pull()
    {
        var name = new Argument<string>("name") { Description = "organization/name, or organization/name@revision." };
        var options = new HubOptions();
        var command = new Command(
            "pull",
            """
            Fetch a model into the cache that Hugging Face's own tools use. What is there is not fetched again; what was
            interrupted goes on; every file is verified. The token in HF_TOKEN is used, if there is one.

            Examples:
              tandem models pull Qwen/Qwen2.5-0.5B-Instruct
              tandem models pull Qwen/Qwen2.5-0.5B-Instruct --revision refs/pr/1 --out qwen
              tandem models pull acme/private --include '*.json' --json
            """)
        {
            name, options.Revision, options.Output, options.Include, options.Exclude, options.Offline, options.Verify, options.Ranges, options.Json,
        };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                string[] parts = parsed.GetValue(name)!.Split('@', 2);
                PullRequest request = options.Request(
                    parsed, HubRepository.Parse(RepositoryKind.Model, parts[0]), parts.Length == 2 ? parts[1] : null);
                return HubSession.Pull(options.Settings(parsed), request, parsed.GetValue(options.Json), cancellation);
            },
            () => $"tandem models pull {parsed.GetValue(name)}"));
        return command;
    }

    private static Command List()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("list", "List the models in the cache, whoever fetched them.") { json };
        command.SetAction(parsed => CommandLine.Guard(
            _ =>
            {
                var cache = new HubCache(HubSettings.FromEnvironment().CacheDirectory);
                IReadOnlyList<CachedRepository> found = cache.Scan(RepositoryKind.Model);
                if (parsed.GetValue(json))
                {
                    Console.WriteLine(JsonSerializer.Serialize(found.Select(Plain), HubSession.Json));
                    return CommandLine.Done;
                }

                if (found.Count == 0)
                {
                    Console.Error.WriteLine($"No models in {cache.Directory}. Fetch one: tandem models pull Qwen/Qwen2.5-0.5B-Instruct");
                    return CommandLine.Done;
                }

                var rows = new List<string[]> { (string[])["MODEL", "SIZE", "COMMIT", "FILES", "REVISIONS"] };
                foreach (CachedRepository model in found)
                {
                    string size = ByteCount.Text(model.Bytes) + (model.IncompleteBytes > 0 ? $" ({ByteCount.Text(model.IncompleteBytes)} incomplete)" : "");
                    if (model.Snapshots.Count == 0)
                        rows.Add([model.Repository.Name, size, "-", "-", "-"]);
                    foreach (CachedSnapshot snapshot in model.Snapshots)
                    {
                        rows.Add([
                            model.Repository.Name, size, snapshot.Commit[..12], snapshot.Files.ToString(CultureInfo.InvariantCulture),
                            snapshot.References.Count == 0 ? "-" : string.Join(", ", snapshot.References)]);
                    }
                }

                HubSession.PrintColumns(rows);
                return CommandLine.Done;
            },
            () => "tandem models list"));
        return command;
    }

    private static object Plain(CachedRepository model) => new
    {
        Name = model.Repository.Name,
        model.Folder,
        model.Bytes,
        model.IncompleteBytes,
        model.Snapshots,
    };

    private static Command Show()
    {
        var name = new Argument<string>("name-or-path") { Description = "A folder, or organization/name or organization/name@revision from the cache." };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("show", "Show a model's shape, licence, and the memory that it takes.") { name, json };
        command.SetAction(parsed => CommandLine.Guard(
            _ =>
            {
                ModelSummary summary = ModelSummary.Read(ModelLocation.Resolve(parsed.GetValue(name)!));
                if (parsed.GetValue(json))
                    Console.WriteLine(JsonSerializer.Serialize(summary, HubSession.Json));
                else
                    Print(summary);
                return CommandLine.Done;
            },
            () => $"tandem models show {parsed.GetValue(name)}"));
        return command;
    }

    private static void Print(ModelSummary summary)
    {
        static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);
        var rows = new List<string[]>
        {
            (string[])["folder", summary.Folder],
            (string[])["family", summary.ModelType],
            (string[])["parameters", Count(summary.Parameters)],
            (string[])["weights", $"{ByteCount.Text(summary.WeightBytes)} ({string.Join(", ", summary.WeightTypes)})"],
            (string[])["tokenizer", summary.Tokenizer ? summary.ChatTemplate ? "tokenizer.json, with a chat template" : "tokenizer.json" : "none"],
            (string[])["licence", summary.Licence ?? "not told"],
        };
        if (summary.Configuration is { } shape)
        {
            rows.Add(["shape", $"{shape.Layers} layers, width {shape.HiddenSize}, {shape.Heads} heads of {shape.HeadSize} over {shape.KeyValueHeads} keys and values, feed-forward {shape.IntermediateSize}"]);
            rows.Add(["vocabulary", $"{Count(shape.VocabularySize)}{(shape.HasOwnLanguageHead ? "" : ", head and embeddings shared")}"]);
            rows.Add(["context", $"{Count(shape.MaximumPositions)} tokens"]);
        }
        else
        {
            rows.Add(["not usable", summary.Unsupported ?? ""]);
        }

        HubSession.PrintColumns(rows);
        if (summary.Memory.Count == 0)
            return;
        Console.WriteLine();
        string[] head = ["MEMORY", "LOAD", $"SCORE {ModelSummary.SampleTokens} TOKENS, ABOUT", "TRAIN, WITHOUT ACTIVATIONS"];
        HubSession.PrintColumns([head, .. summary.Memory.Select(Memory)]);
    }

    private static string[] Memory(ModelMemory memory) =>
    [
        memory.Storage switch
        {
            Tensors.ParameterStorage.Trainable => "fp32, all trained with AdamW",
            Tensors.ParameterStorage.FrozenSingle => "fp32 frozen, adapters of rank 8",
            _ => "bfloat16 frozen, adapters of rank 8",
        },
        ByteCount.Text(memory.Load), ByteCount.Text(memory.Score), ByteCount.Text(memory.Train),
    ];

    private static Command Remove()
    {
        var name = new Argument<string>("name") { Description = "organization/name." };
        var command = new Command("remove", "Delete a model from the cache, all its revisions, whoever fetched it.") { name };
        command.SetAction(parsed => CommandLine.Guard(
            _ =>
            {
                HubRepository repository = HubRepository.Parse(RepositoryKind.Model, parsed.GetValue(name)!);
                var cache = new HubCache(HubSettings.FromEnvironment().CacheDirectory);
                long bytes = cache.Scan(RepositoryKind.Model).Where(r => r.Repository == repository).Sum(r => r.Bytes);
                cache.Remove(repository);
                Console.WriteLine($"Removed {repository}, {ByteCount.Text(bytes)}.");
                return CommandLine.Done;
            },
            () => $"tandem models remove {parsed.GetValue(name)}"));
        return command;
    }
}
