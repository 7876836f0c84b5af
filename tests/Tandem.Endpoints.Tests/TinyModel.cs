using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints.Tests;

/// <summary>Bytes as tokens, and one more that ends a text.</summary>
internal sealed class ByteTokenizer : ITokenizer
{
    public const int End = 256;

    public int VocabularySize => 257;

    public int? BeginToken => null;

    public int? EndToken => End;

    public int[] Encode(string text, SpecialTokens specialTokens = SpecialTokens.AsText) => [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)];

    public string Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens = false)
    {
        var text = new StringBuilder();
        var bytes = new List<byte>();
        foreach (int token in tokens)
        {
            if (token != End)
            {
                bytes.Add((byte)token);
                continue;
            }

            text.Append(Encoding.UTF8.GetString([.. bytes])).Append(skipSpecialTokens ? "" : "<end>");
            bytes.Clear();
        }

        return text.Append(Encoding.UTF8.GetString([.. bytes])).ToString();
    }
}

/// <summary>A random model over bytes.</summary>
internal static class TinyModel
{
    public const string Name = "tiny";

    public static readonly ByteTokenizer Tokenizer = new();

    public static Transformer Create(int positions = 256)
    {
        var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = 257,
            HiddenSize = 16,
            IntermediateSize = 32,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 1,
            TieWordEmbeddings = true,
            MaximumPositions = positions,
        });
        model.Initialize(new RandomStream(7));
        return model;
    }

    public static int[] Chat(IReadOnlyList<ChatTurn> turns) =>
        Tokenizer.Encode(string.Concat(turns.Select(turn => $"{turn.Role}: {turn.Content}\n")) + "assistant: ");

    public static LocalModel Serve(Transformer model, int concurrency = 3, int queue = 64, bool chat = true, bool endless = false) => new(
        Name, model, Tokenizer, chat ? Chat : null,
        new LocalModelLimits { Threads = 1, Concurrency = concurrency, Queue = queue, Context = model.Configuration.MaximumPositions },
        stopTokens: endless ? [] : null);
}

/// <summary>A server of the tiny model on a free port.</summary>
internal sealed class TinyServer : IAsyncDisposable
{
    private TinyServer(Transformer transformer, LocalModel model, ModelServer server, HttpClient http) =>
        (Transformer, Model, Server, Http) = (transformer, model, server, http);

    public Transformer Transformer { get; }

    public LocalModel Model { get; }

    public ModelServer Server { get; }

    /// <summary>Speaks to the server without any library.</summary>
    public HttpClient Http { get; }

    public static async Task<TinyServer> StartAsync(
        int concurrency = 3, int queue = 64, bool chat = true, ModelServerOptions? options = null, int positions = 256, bool endless = false)
    {
        Transformer transformer = TinyModel.Create(positions);
        LocalModel model = TinyModel.Serve(transformer, concurrency, queue, chat, endless);
        ModelServer server = await ModelServer.StartAsync(model, (options ?? new ModelServerOptions()) with { Port = 0 });
        return new TinyServer(transformer, model, server, new HttpClient { BaseAddress = new Uri(server.Address + "/") });
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Http.PostAsync(new Uri(path, UriKind.Relative), new StringContent(json, Encoding.UTF8, "application/json"));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
        Model.Dispose();
        Transformer.Dispose();
    }
}

/// <summary>A folder that is removed when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("tandem-endpoints-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
