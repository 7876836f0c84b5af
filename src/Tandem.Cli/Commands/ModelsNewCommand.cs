using System.CommandLine;
using System.Globalization;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem models new</c>: a small model with random weights, to try things out.</summary>
internal static class ModelsNewCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("directory") { Description = "Where it is written: config.json, model.safetensors, and the tokenizer's files." };
        var tokenizer = new Option<string>("--tokenizer") { Description = "A directory with the tokenizer.json that it gets.", Required = true };
        var type = new Option<string>("--type") { Description = "The family: qwen2, qwen3 or llama.", DefaultValueFactory = _ => "qwen2" };
        var hidden = Number("--hidden", 64, "The width.");
        var layers = Number("--layers", 2, "Decoder layers.");
        var heads = Number("--heads", 4, "Query heads.");
        var keyValueHeads = Number("--kv-heads", 2, "Key and value heads.");
        var intermediate = Number("--intermediate", 0, "The width of the feed-forward block; 0 for three times the width.");
        var context = Number("--context", 2048, "The longest sequence, in tokens.");
        var seed = new Option<ulong>("--seed") { Description = "The seed of the weights.", DefaultValueFactory = _ => 1 };
        var command = new Command(
            "new",
            """
            Write a model with random weights and a given tokenizer, to try recipes on before the real model. It knows nothing.

            Example:
              tandem models new tiny --tokenizer my-qwen --hidden 64 --layers 2
            """)
        { directory, tokenizer, type, hidden, layers, heads, keyValueHeads, intermediate, context, seed };
        command.SetAction(parsed => CommandLine.Guard(
            _ =>
            {
                string target = parsed.GetValue(directory)!, source = parsed.GetValue(tokenizer)!;
                if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
                    throw new UserFaultException($"{target} is not empty.", "Name a new directory.", FaultKind.Usage);
                ITokenizer words = Tokenizers.Load(source);
                string family = parsed.GetValue(type)!;
                int width = parsed.GetValue(hidden);
                using var model = new Transformer(new TransformerConfiguration
                {
                    ModelType = family,
                    VocabularySize = words.VocabularySize,
                    HiddenSize = width,
                    IntermediateSize = parsed.GetValue(intermediate) > 0 ? parsed.GetValue(intermediate) : 3 * width,
                    Layers = parsed.GetValue(layers),
                    Heads = parsed.GetValue(heads),
                    KeyValueHeads = parsed.GetValue(keyValueHeads),
                    AttentionBias = family == "qwen2",
                    TieWordEmbeddings = true,
                    MaximumPositions = parsed.GetValue(context),
                    BeginToken = words.BeginToken,
                    EndToken = words.EndToken,
                });
                model.Initialize(new RandomStream(parsed.GetValue(seed)));
                model.Save(target, new ModelSaveOptions { TokenizerDirectory = source });
                Console.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{model.Configuration.ParameterCount:#,0} random parameters, of which {(long)words.VocabularySize * width:#,0} embeddings."));
                Console.WriteLine(target);
                return CommandLine.Done;
            },
            () => $"tandem models new {parsed.GetValue(directory)}"));
        return command;
    }

    private static Option<int> Number(string name, int value, string description) => new(name) { Description = description, DefaultValueFactory = _ => value };
}
