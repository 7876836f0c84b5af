using System.Runtime.CompilerServices;
using System.Text.Json;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>The tokens of a conversation, up to where the model's reply begins: what a chat template gives.</summary>
/// <param name="turns">The conversation.</param>
public delegate int[] ChatTokens(IReadOnlyList<ChatTurn> turns);

/// <summary>How much a <see cref="LocalModel"/> takes on at once.</summary>
public sealed record LocalModelLimits
{
    /// <summary>Threads that run the model.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>How many sequences are continued at once: each has keys and values of the whole context in memory.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>How many sequences may wait beyond these.</summary>
    public int Queue { get; init; } = 64;

    /// <summary>The longest sequence, prompt included, in tokens; null for the model's own, up to 4,096.</summary>
    public int? Context { get; init; }
}

/// <summary>A checkpoint with its tokenizer that continues texts for any number of callers at once.</summary>
public sealed class LocalModel : IDisposable
{
    private const int CustomaryContext = 4096;

    private readonly Transformer _transformer;
    private readonly bool _owned;
    private readonly WorkerPool _pool;
    private readonly GenerationEngine _engine;
    private readonly int[] _stopTokens;

    /// <summary>Takes a model into service.</summary>
    /// <param name="name">What requests call it.</param>
    /// <param name="transformer">A model with a language head; nothing may change its parameters meanwhile.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="chat">Its chat template; null for a model that only continues texts.</param>
    /// <param name="limits">How much it takes on.</param>
    /// <param name="stopTokens">The tokens that end a reply; the model's and the tokenizer's own end by default.</param>
    /// <param name="owned">Whether the model is disposed with this.</param>
    /// <exception cref="UserFaultException">A limit is out of its range, or the tokenizer has tokens that the model does not.</exception>
    public LocalModel(
        string name, Transformer transformer, ITokenizer tokenizer, ChatTokens? chat = null, LocalModelLimits? limits = null,
        IReadOnlyList<int>? stopTokens = null, bool owned = false)
    {
        ArgumentNullException.ThrowIfNull(transformer);
        ArgumentNullException.ThrowIfNull(tokenizer);
        limits ??= new LocalModelLimits();
        TransformerConfiguration configuration = transformer.Configuration;
        Require(nameof(limits.Threads), limits.Threads, 1, 256);
        Require(nameof(limits.Concurrency), limits.Concurrency, 1, 256);
        Require(nameof(limits.Queue), limits.Queue, 0, 100_000);
        int context = limits.Context ?? Math.Min(configuration.MaximumPositions, CustomaryContext);
        Require(nameof(limits.Context), context, 2, configuration.MaximumPositions);
        if (tokenizer.VocabularySize > configuration.VocabularySize)
        {
            throw new UserFaultException(
                $"The tokenizer has {tokenizer.VocabularySize} tokens, the model {configuration.VocabularySize}.", "Use the tokenizer that the model was trained with.");
        }

        (Name, _transformer, Tokenizer, Chat, Limits, _owned) = (name, transformer, tokenizer, chat, limits, owned);
        _stopTokens = [.. (stopTokens ?? [.. new[] { configuration.EndToken, tokenizer.EndToken }.OfType<int>()]).Distinct()];
        _pool = new WorkerPool(limits.Threads);
        _engine = new GenerationEngine(transformer, _pool, limits.Concurrency, context, limits.Queue);
    }

    /// <summary>What requests call it.</summary>
    public string Name { get; }

    /// <summary>Its tokenizer.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>Its chat template, if it has one.</summary>
    public ChatTokens? Chat { get; }

    /// <summary>How much it takes on.</summary>
    public LocalModelLimits Limits { get; }

    /// <summary>The longest sequence, prompt included, in tokens.</summary>
    public int Context => _engine.Context;

    /// <summary>Sequences that are being continued.</summary>
    public int Running => _engine.Running;

    /// <summary>Sequences that wait.</summary>
    public int Waiting => _engine.Waiting;

    internal long Steps => _engine.Steps;

    /// <summary>Loads a model directory: config.json, safetensors, tokenizer.json and, if it has them, generation_config.json and a chat template.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="name">What requests call it; the directory's name by default.</param>
    /// <param name="limits">How much it takes on.</param>
    /// <exception cref="UserFaultException">A file is absent or malformed, or they do not fit together.</exception>
    public static LocalModel Load(string directory, string? name = null, LocalModelLimits? limits = null)
    {
        if (!Directory.Exists(directory))
            throw new UserFaultException($"There is no model directory {directory}.", "Give a directory with config.json, model.safetensors and tokenizer.json.", FaultKind.Usage);
        (ITokenizer tokenizer, ChatTokens? chat) = ModelText.Load(directory);
        PretrainedModel pretrained = PretrainedModel.Open(directory);
        Transformer transformer = pretrained.Load(pretrained.FrozenStorage);
        try
        {
            name ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));
            return new LocalModel(name, transformer, tokenizer, chat, limits, StopTokens(directory, transformer, tokenizer), owned: true);
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    /// <summary>Ends the service; requests under way end as cancelled.</summary>
    public void Dispose()
    {
        _engine.Dispose();
        _pool.Dispose();
        if (_owned)
            _transformer.Dispose();
    }

    /// <summary>Starts requests, all or none; of each its choices, which have streams of random numbers of their own.</summary>
    /// <exception cref="QueueFullException">Too many wait already.</exception>
    internal Generation[] Start(IEnumerable<TextRequest> requests, CancellationToken cancellation) => _engine.Start(
        [.. requests.SelectMany(request => Enumerable.Range(0, request.Choices).Select(i => new GenerationRequest
        {
            Prompt = request.Prompt,
            MaximumNewTokens = request.MaximumNewTokens,
            Sampler = new Sampler(request.Temperature, request.TopK, request.TopP),
            Random = new RandomStream(request.Seed).Fork("choice", (ulong)i),
            StopTokens = _stopTokens,
            Candidates = request.Candidates,
            ScoresPrompt = request.ScoresPrompt,
        }))],
        cancellation);

    /// <summary>The text of a generation, part by part; the last part has the finish reason.</summary>
    /// <param name="generation">What <see cref="Start"/> gave; it ends when the reader leaves.</param>
    /// <param name="text">What makes text of its tokens.</param>
    /// <param name="stops">Strings that end the text, and are not part of it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    internal async IAsyncEnumerable<TextPart> ReadAsync(
        Generation generation, TokenText text, IReadOnlyList<string> stops, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var leaving = new Departure(generation);
        var stop = new StopText(stops);
        var held = new List<GeneratedToken>();
        int count = 0;
        bool ended = false;
        await foreach (GeneratedToken token in generation.Tokens.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            count++;
            ended = _stopTokens.Contains(token.Token);
            if (ended)
                break;
            held.Add(token);
            string shown = stop.Add(text.Add(token.Token));
            if (stop.Stopped)
            {
                yield return new TextPart(shown, [], "stop", count);
                yield break;
            }

            if (shown.Length == 0)
                continue;
            yield return new TextPart(shown, [.. held], null, count);
            held.Clear();
        }

        string rest = stop.Add(text.Finish());
        bool stopped = stop.Stopped;
        yield return new TextPart(rest + stop.Finish(), stopped ? [] : [.. held], ended || stopped ? "stop" : "length", count);
    }

    /// <summary>A token as the wire shows it.</summary>
    internal ReplyToken Show(GeneratedToken token) => new(
        TextOf(token.Token), token.LogProbability, [.. token.Candidates.Select(c => new TokenCandidate(TextOf(c.Token), c.LogProbability))]);

    // A model's embedding table may have more rows than the tokenizer has tokens.
    internal string TextOf(int token) => token < Tokenizer.VocabularySize ? Tokenizer.Decode([token]) : "";

    /// <summary>The ends that generation_config.json names, besides the model's and the tokenizer's: chat models have several.</summary>
    private static List<int> StopTokens(string directory, Transformer transformer, ITokenizer tokenizer)
    {
        List<int> tokens = [.. new[] { transformer.Configuration.EndToken, tokenizer.EndToken }.OfType<int>()];
        string path = Path.Combine(directory, "generation_config.json");
        if (!File.Exists(path))
            return tokens;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.TryGetProperty("eos_token_id", out JsonElement ends) && ends.ValueKind != JsonValueKind.Null)
            {
                if (ends.ValueKind == JsonValueKind.Array)
                    tokens.AddRange(ends.EnumerateArray().Select(e => e.GetInt32()));
                else
                    tokens.Add(ends.GetInt32());
            }

            return tokens;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException($"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Correct or remove the file.", inner: error);
        }
    }

    private sealed class Departure(Generation generation) : IDisposable
    {
        public void Dispose() => generation.Leave();
    }

    private static void Require(string name, int value, int least, int most)
    {
        if (value < least || value > most)
            throw new UserFaultException($"{name} is {value}; allowed: {least} to {most}.", $"Correct {name}.", FaultKind.Usage);
    }
}

/// <summary>A prompt to continue as text.</summary>
internal sealed record TextRequest
{
    public required int[] Prompt { get; init; }

    public required int MaximumNewTokens { get; init; }

    public double Temperature { get; init; } = 1;

    public int TopK { get; init; }

    public double TopP { get; init; } = 1;

    public ulong Seed { get; init; }

    public int Choices { get; init; } = 1;

    public int? Candidates { get; init; }

    public bool ScoresPrompt { get; init; }
}

/// <summary>A part of a text that is being generated.</summary>
/// <param name="Text">New text; empty at times.</param>
/// <param name="Tokens">The tokens that made it.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c> in the last part.</param>
/// <param name="Count">The tokens generated so far, those that ended the text included.</param>
internal readonly record struct TextPart(string Text, IReadOnlyList<GeneratedToken> Tokens, string? FinishReason, int Count);
