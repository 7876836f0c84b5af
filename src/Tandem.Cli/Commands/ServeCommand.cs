using System.CommandLine;
using Tandem.Datasets.Hub;
using Tandem.Endpoints;
using Tandem.Tensors;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem serve</c>: a checkpoint behind an OpenAI-compatible endpoint.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "A model directory, or the name of a model fetched from the hub." };
        var port = new Option<int>("--port") { Description = "The port; 0 takes a free one.", DefaultValueFactory = _ => 8080 };
        var host = new Option<string>("--host") { Description = "The address to listen on. 0.0.0.0 lets other machines in: set a key.", DefaultValueFactory = _ => "127.0.0.1" };
        var key = new Option<string?>("--api-key-env") { Description = "The environment variable that holds the key which requests must bear." };
        var name = new Option<string?>("--name") { Description = "What requests call the model; the directory's name by default." };
        Option<int> threads = RecipeOptions.Threads();
        var concurrent = new Option<int>("--max-concurrent") { Description = "Sequences that are continued at once; others wait.", DefaultValueFactory = _ => 4 };
        var queue = new Option<int>("--queue") { Description = "Sequences that may wait; beyond, requests are told to come again (429).", DefaultValueFactory = _ => 64 };
        var context = new Option<int?>("--context") { Description = "The longest sequence, prompt included, in tokens; the model's own by default, up to 4096." };
        var command = new Command(
            "serve",
            """
            Serve a model to any OpenAI client: /v1/chat/completions, /v1/completions, /v1/models, /health.
            Ctrl-C ends it, after the replies that are under way.

            Examples:
              tandem serve my-ladder/r3 --port 8080
              tandem serve Qwen/Qwen2.5-0.5B-Instruct
              curl http://127.0.0.1:8080/v1/models
              TANDEM_KEY=... tandem serve my-model --host 0.0.0.0 --api-key-env TANDEM_KEY
            """)
        { model, port, host, key, name, threads, concurrent, queue, context };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                var limits = new LocalModelLimits
                {
                    Threads = parsed.GetValue(threads),
                    Concurrency = parsed.GetValue(concurrent),
                    Queue = parsed.GetValue(queue),
                    Context = parsed.GetValue(context),
                };
                var options = new ModelServerOptions
                {
                    Host = parsed.GetValue(host)!,
                    Port = parsed.GetValue(port),
                    ApiKey = ReadKey(parsed.GetValue(key)),
                    Log = line => Console.Error.WriteLine($"tandem: {line}"),
                };
                return Serve(parsed.GetValue(model)!, parsed.GetValue(name), limits, options, cancellation).GetAwaiter().GetResult();
            },
            () => $"tandem serve {parsed.GetValue(model)}"));
        return command;
    }

    private static async Task<int> Serve(
        string nameOrPath, string? name, LocalModelLimits limits, ModelServerOptions options, CancellationToken cancellation)
    {
        if (!ModelServer.IsLoopback(options.Host) && options.ApiKey is null)
            await Console.Error.WriteLineAsync($"tandem: warning: anybody who reaches {options.Host}:{options.Port} can use this model. Set a key with --api-key-env.");
        using LocalModel model = LocalModel.Load(ModelLocation.Resolve(nameOrPath), name ?? (Directory.Exists(nameOrPath) ? null : nameOrPath), limits);
        await using ModelServer server = await ModelServer.StartAsync(model, options, cancellation: cancellation);
        Console.WriteLine($"Serving {model.Name} at {server.Address} ({limits.Concurrency} at once, {model.Context} tokens each). Ctrl-C ends it.");
        var ended = new TaskCompletionSource();
        await using (cancellation.Register(ended.SetResult))
            await ended.Task;

        // A server that is told to end has done its work: exit code 0, not that of an interrupted run.
        await server.StopAsync();
        return CommandLine.Done;
    }

    private static string? ReadKey(string? variable)
    {
        if (variable is null)
            return null;
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } key ? key : throw new UserFaultException(
            $"The environment variable {variable}, which should hold the key, is not set.", $"Set {variable}, or leave --api-key-env out.", FaultKind.Usage);
    }
}
