using System.ClientModel;
using System.Text.RegularExpressions;
using OpenAI;
using OpenAI.Chat;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.EndToEnd.Tests;

/// <summary><c>tandem serve</c> as a process, asked by the official client.</summary>
public sealed partial class ServeTests : IDisposable
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int BadUsage = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-serve-").FullName;

    [Fact]
    public async Task Serve_AskedAndTerminated_AnswersAndEndsWell()
    {
        string model = SaveModel();
        using TandemProcess process = TandemProcess.Start("serve", model, "--port", "0", "--threads", "1");
        Assert.True(process.WaitUntil(() => Address().IsMatch(process.OutputSoFar)), process.HasExited ? process.Wait().Error : "");
        var address = new Uri(Address().Match(process.OutputSoFar).Value);
        Assert.True(address.IsLoopback);

        var client = new ChatClient("random", new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = address });
        ChatCompletion reply = await client.CompleteChatAsync(
            [new UserChatMessage("the cat sat")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 5 });
        Assert.Equal(Expected(model, "the cat sat", 5), reply.Content[0].Text);
        Assert.Equal((3, 5), (reply.Usage.InputTokenCount, reply.Usage.OutputTokenCount));

        process.Terminate();
        ProcessResult end = process.Wait();
        Assert.Equal((Done, ""), (end.ExitCode, end.Error));
    }

    [Fact]
    public void Serve_PortTaken_IsOneLineThatNamesIt()
    {
        string model = SaveModel();
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        string port = $"{((System.Net.IPEndPoint)taken.LocalEndpoint).Port}";
        ProcessResult result = TandemProcess.Run("serve", model, "--port", port);
        Assert.Equal(Failed, result.ExitCode);
        Assert.Contains(port, result.OnlyErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Serve_BadArguments_AreOneLineThatNamesThem()
    {
        string model = SaveModel();
        foreach ((string[] arguments, string named) in new (string[], string)[]
        {
            ([Path.Combine(_folder, "nowhere")], "nowhere"),
            ([model, "--host", "everywhere"], "everywhere"),
            ([model, "--max-concurrent", "0"], "Concurrency"),
            ([model, "--api-key-env", "TANDEM_NOT_SET"], "TANDEM_NOT_SET"),
        })
        {
            ProcessResult result = TandemProcess.Run(["serve", .. arguments]);
            Assert.True(result.ExitCode == BadUsage, $"exit code {result.ExitCode}: {result.Error}");
            Assert.Contains(named, result.OnlyErrorLine, StringComparison.Ordinal);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string SaveModel()
    {
        string directory = Path.Combine(_folder, "random");
        string[] words = ["the", "cat", "sat", "on", "mat", "dog", "ran", "off", "with", "hat", "and", "slept"];
        using var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = words.Length,
            HiddenSize = 16,
            IntermediateSize = 32,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 2,
            TieWordEmbeddings = true,
            MaximumPositions = 64,
        });
        model.Initialize(new RandomStream(3));
        model.Save(directory);
        new WordTokenizer(words).Save(directory);
        return directory;
    }

    private static string Expected(string directory, string prompt, int tokens)
    {
        using Transformer model = Transformer.Load(directory);
        using var pool = new WorkerPool(1);
        using var generator = new Generator(model, pool);
        WordTokenizer words = WordTokenizer.Load(directory);
        return words.Decode(generator.Generate(words.Encode(prompt), tokens, Sampler.Greedy, new RandomStream(0)));
    }

    [GeneratedRegex(@"http://\S+/v1")]
    private static partial Regex Address();
}
