using System.Text.Json.Nodes;
using Tandem.Experiments;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Tests.TextWorld;

/// <summary>Two random models over bytes in Hugging Face's layout, and questions with a story, in a folder of their own.</summary>
internal sealed class TinyCheckpoints : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tandem-text-").FullName;

    public TinyCheckpoints()
    {
        ByteTokenizerFiles.Write(this["tokenizer"]);
        WriteModel("large", 32, 2);
        WriteModel("small", 16, 1);
        File.WriteAllLines(Questions, Enumerable.Range(0, 400).Select(i => new JsonObject
        {
            ["context"] = $"Box {i % 200} is red.",
            ["question"] = $"What of {i}?",
            ["options"] = new JsonArray($"a{i}.", $"yes {i}!", $"b{i}.", $"c{i}."),
            ["answer"] = 1,
        }.ToJsonString()));
    }

    public string this[string name] => Path.Combine(_folder, name);

    /// <summary>The file of the questions, whose answers say yes: 400 on 200 stories.</summary>
    public string Questions => this["questions.jsonl"];

    public WorldConfiguration World => new()
    {
        Family = "text",
        Models = [this["large"], this["small"]],
        Data = new DataSettings { Path = Questions },
        MaximumTokens = 96,
    };

    public void WriteModel(string name, int width, int layers, string? tokenizer = null)
    {
        using var model = new Transformer(new TransformerConfiguration
        {
            VocabularySize = 257,
            HiddenSize = width,
            IntermediateSize = 2 * width,
            Layers = layers,
            Heads = 2,
            KeyValueHeads = 1,
            TieWordEmbeddings = true,
            MaximumPositions = 128,
            LanguageHead = true,
        });
        model.Initialize(new RandomStream((ulong)width));
        model.Save(this[name], new ModelSaveOptions { TokenizerDirectory = this[tokenizer ?? "tokenizer"] });
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
