using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Cli.Commands.Data;
using Tandem.Cli.Commands.Evaluations;
using Tandem.Datasets;
using Tandem.Endpoints;
using Tandem.Evaluation;
using Tandem.Evaluation.Preferences;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem eval</c>: measures a model on a data set.</summary>
internal static class EvalCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private static readonly Dictionary<string, EvalMethod> s_methods = new()
    {
        ["reward"] = EvalMethod.Reward,
        ["log-ratio"] = EvalMethod.LogRatio,
        ["log-probability"] = EvalMethod.LogProbability,
        ["judge"] = EvalMethod.Judge,
        ["choices"] = EvalMethod.Choices,
    };

    private static readonly Dictionary<string, ChoiceStyle> s_styles = new() { ["letters"] = ChoiceStyle.Letters, ["continuations"] = ChoiceStyle.Continuations };

    private static readonly Dictionary<string, ScoreNormalization> s_normalizations = new()
    {
        ["sum"] = ScoreNormalization.Sum,
        ["token"] = ScoreNormalization.Token,
        ["byte"] = ScoreNormalization.Byte,
    };

    public static Command Create()
    {
        var model = new Option<string?>("--model") { Description = "A model directory, or a model fetched from the hub: Qwen/Qwen2.5-0.5B-Instruct." };
        var adapter = new Option<string?>("--adapter") { Description = "A directory with adapter_config.json over the model; without --model over the one that it names." };
        var reference = new Option<string?>("--reference") { Description = "The model that the policy was trained from, for log-ratios; by default the adapter's base." };
        var data = new Option<string>("--data") { Description = "A name from 'tandem data list' (then --path says where its files are), or a file, folder or pattern.", Required = true };
        var path = new Option<string?>("--path", "-p") { Description = "The file, folder or pattern with the set's files." };
        var format = new Option<string>("--format", "-f") { Description = "How the rows are laid out; recognized by default.", DefaultValueFactory = _ => DataFormats.Automatic };
        var split = new Option<string?>("--split") { Description = "Of a folder, the files named after this split." };
        var by = new Option<string?>("--by") { Description = "reward (default for models with a score head), log-ratio (with --reference or --adapter), log-probability, judge (default for endpoints), choices (default for questions)." };
        var endpoint = new Option<string?>("--endpoint") { Description = "Ask an OpenAI-compatible server in place of a local model: http://localhost:8000/v1." };
        var endpointModel = new Option<string?>("--endpoint-model") { Description = "The model's name, as the server knows it." };
        var key = new Option<string?>("--api-key-env") { Description = "The environment variable that holds the server's key." };
        var cache = new Option<string?>("--cache") { Description = "A folder that keeps replies, so that nothing is asked twice." };
        var budget = new Option<long?>("--budget-tokens") { Description = "The most tokens to spend in this run, prompts and replies together." };
        var concurrency = new Option<int>("--concurrency") { Description = "Requests to the server that are under way at once.", DefaultValueFactory = _ => 8 };
        var replyTokens = new Option<int>("--reply-tokens") { Description = "The most tokens of a reply; models that reason before they answer need thousands.", DefaultValueFactory = _ => 64 };
        var style = new Option<string>("--style") { Description = "Options listed by letter (letters), or each as a continuation of the question (continuations).", DefaultValueFactory = _ => "letters" };
        var normalize = new Option<string>("--normalize") { Description = "What log-probabilities are divided by: sum (nothing), token, byte.", DefaultValueFactory = _ => "sum" };
        var rotations = new Option<int>("--rotations") { Description = "In how many orders each question is asked; 0 for as many as it has options.", DefaultValueFactory = _ => 0 };
        var limit = new Option<int?>("--limit", "-n") { Description = "The most records to take: the first ones, or with --seed a uniform sample." };
        var seed = new Option<ulong?>("--seed") { Description = "The seed of the sample and of the options' order." };
        var maximum = new Option<int?>("--max-tokens") { Description = "The most tokens of a prompt with its reply; longer prompts lose their beginning. By default the model's own limit, up to 4096." };
        Option<int> threads = RecipeOptions.Threads();
        var output = new Option<string?>("--out", "-o") { Description = "A file that gets the results as JSON." };
        var items = new Option<string?>("--items") { Description = "A file that gets one line of JSON for each item, for --compare." };
        var compare = new Option<string?>("--compare") { Description = "The --items file of another run: prints the paired difference." };
        var json = new Option<bool>("--json") { Description = "Print JSON in place of tables." };
        by.AcceptOnlyFromAmong([.. s_methods.Keys]);
        style.AcceptOnlyFromAmong([.. s_styles.Keys]);
        normalize.AcceptOnlyFromAmong([.. s_normalizations.Keys]);
        var command = new Command(
            "eval",
            """
            Measure a model on preferences (which reply is better) or on questions with options. Rates come with 95% intervals;
            what could not be scored is counted apart and is neither right nor wrong.

            Examples:
              tandem eval --model my-reward-model --data llmbar --path llmbar/
              tandem eval --model my-dpo-model --reference my-base --data rewardbench --path filtered.jsonl
              tandem eval --adapter my-adapter --data hh-rlhf --path test.jsonl.gz --limit 500 --seed 1
              tandem eval --model my-model --data cosmosqa --path valid.csv --limit 200 --seed 1 --items before.jsonl
              tandem eval --model my-model-2 --data cosmosqa --path valid.csv --limit 200 --seed 1 --compare before.jsonl
              tandem eval --model my-model --data sciq --path test.jsonl --style continuations --normalize byte
              tandem eval --endpoint http://localhost:8000/v1 --endpoint-model judge --data llmbar --path llmbar/ --cache replies
            """)
        {
            model, adapter, reference, data, path, format, split, by, endpoint, endpointModel, key, cache, budget, concurrency, replyTokens, style, normalize,
            rotations, limit, seed, maximum, threads, output, items, compare, json,
        };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                if (parsed.GetValue(endpoint) is null ? parsed.GetValue(model) is null && parsed.GetValue(adapter) is null : parsed.GetValue(model) is not null || parsed.GetValue(adapter) is not null)
                    throw Fault("A local model or an endpoint is needed, and only one of them.", "Give --model or --adapter, or --endpoint with --endpoint-model.");
                if (parsed.GetValue(endpoint) is not null && parsed.GetValue(endpointModel) is null)
                    throw Fault("--endpoint-model is missing.", "Give the model's name, as the server knows it.");
                if (parsed.GetValue(rotations) is < 0 or > 26)
                    throw Fault($"--rotations is {parsed.GetValue(rotations)}.", "Give 1 to 26, or 0 for as many as there are options.");
                if (parsed.GetValue(threads) is < 1 or > 256)
                    throw Fault($"--threads is {parsed.GetValue(threads)}.", "Give 1 to 256.");
                if (parsed.GetValue(replyTokens) < 1)
                    throw Fault($"--reply-tokens is {parsed.GetValue(replyTokens)}.", "Give 1 or more.");
                var settings = new EvalSettings
                {
                    Data = DataOptions.Request(
                        parsed.GetValue(data)!, parsed.GetValue(path), parsed.GetValue(format)!, parsed.GetValue(split), parsed.GetValue(limit), parsed.GetValue(seed)),
                    Model = parsed.GetValue(model),
                    Adapter = parsed.GetValue(adapter),
                    Reference = parsed.GetValue(reference),
                    By = parsed.GetValue(by) is { } method ? s_methods[method] : null,
                    Endpoint = parsed.GetValue(endpoint) is not { } address ? null : new EndpointConfiguration
                    {
                        BaseAddress = address,
                        Model = parsed.GetValue(endpointModel)!,
                        ApiKeyVariable = parsed.GetValue(key),
                        BudgetTokens = parsed.GetValue(budget),
                        MaximumConcurrency = parsed.GetValue(concurrency),
                        MaximumOutputTokens = parsed.GetValue(replyTokens),
                    },
                    Cache = parsed.GetValue(cache),
                    Style = s_styles[parsed.GetValue(style)!],
                    Normalization = s_normalizations[parsed.GetValue(normalize)!],
                    Rotations = parsed.GetValue(rotations),
                    Seed = parsed.GetValue(seed) ?? 0,
                    ReplyTokens = parsed.GetValue(replyTokens),
                    MaximumTokens = parsed.GetValue(maximum),
                    Threads = parsed.GetValue(threads),
                };
                return Run(settings, parsed.GetValue(output), parsed.GetValue(items), parsed.GetValue(compare), parsed.GetValue(json), cancellation);
            },
            () => "the same command"));
        return command;
    }

    private static int Run(EvalSettings settings, string? output, string? itemsFile, string? compare, bool json, CancellationToken cancellation)
    {
        // Read first: an evaluation of hours must not end at a misspelled name.
        IReadOnlyList<EvaluatedItem>? others = compare is null ? null : ItemsFile.Read(compare);
        foreach (string? file in new[] { output, itemsFile })
            RequireFolder(file);
        EvalReport report;
        IReadOnlyList<EvaluatedItem> items;
        try
        {
            (report, items) = EvalRun.RunAsync(settings, cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Console.Error.WriteLine($"tandem: interrupted; nothing was written{(settings.Cache is null ? "" : $", but {settings.Cache} keeps the replies so far")}.");
            return CommandLine.Interrupted;
        }

        // Before the comparison, which may find nothing to compare.
        if (itemsFile is not null)
            ItemsFile.Write(itemsFile, items);
        if (others is not null)
            report = report with { Comparison = ItemComparison.Of(items, others, new RandomStream(settings.Seed).Fork("comparison")) };
        string text = JsonSerializer.Serialize(report, s_json);
        if (output is not null)
            AtomicFile.WriteText(output, text + "\n");
        if (json)
            Console.WriteLine(text);
        else
            EvalTable.Print(report, Console.Out);
        return CommandLine.Done;
    }

    private static void RequireFolder(string? file)
    {
        if (file is not null && Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder && !Directory.Exists(folder))
            throw Fault($"There is no folder {folder} for {file}.", "Create it, or name another file.");
    }

    private static UserFaultException Fault(string what, string remedy) => new(what, remedy, FaultKind.Usage);
}
