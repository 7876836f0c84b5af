using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// A tokenizer whose tokens are the words of a fixed vocabulary, parted by white space. Saved as Hugging Face's
/// tokenizer.json (model WordLevel, pre-tokenizer WhitespaceSplit).
/// </summary>
public sealed class WordTokenizer : ITokenizer
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly Dictionary<string, int> _ids;
    private readonly string[] _words;
    private readonly int? _unknown;

    /// <summary>Creates a tokenizer.</summary>
    /// <param name="words">The words in order of their token: distinct, not empty, without white space.</param>
    /// <param name="unknownWord">The word of the vocabulary that stands for words outside it; null makes those a fault.</param>
    /// <exception cref="ArgumentException">A word is empty, doubled or holds white space, or the unknown word is not in the list.</exception>
    public WordTokenizer(IReadOnlyList<string> words, string? unknownWord = null)
    {
        _words = [.. words];
        _ids = new Dictionary<string, int>(_words.Length, StringComparer.Ordinal);
        for (int i = 0; i < _words.Length; i++)
        {
            if (_words[i].Length == 0 || _words[i].Any(char.IsWhiteSpace))
                throw new ArgumentException($"Word {i}, '{_words[i]}', is empty or holds white space.", nameof(words));
            if (!_ids.TryAdd(_words[i], i))
                throw new ArgumentException($"The word '{_words[i]}' occurs twice.", nameof(words));
        }

        if (unknownWord != null)
            _unknown = _ids.TryGetValue(unknownWord, out int id) ? id : throw new ArgumentException($"'{unknownWord}' is not in the vocabulary.", nameof(unknownWord));
    }

    /// <summary>The words in order of their token.</summary>
    public IReadOnlyList<string> Vocabulary => _words;

    /// <summary>The word that stands for words outside the vocabulary, if any.</summary>
    public string? UnknownWord => _unknown is { } id ? _words[id] : null;

    int ITokenizer.VocabularySize => _words.Length;

    int? ITokenizer.BeginToken => null;

    int? ITokenizer.EndToken => null;

    /// <summary>The token of a word.</summary>
    /// <exception cref="UserFaultException">It is not in the vocabulary and there is no unknown word.</exception>
    public int Token(string word) => _ids.TryGetValue(word, out int id)
        ? id
        : _unknown ?? throw new UserFaultException(
            $"The word '{word}' is not among the {_words.Length} words of the vocabulary.", "Use the words of the vocabulary.");

    /// <summary>The tokens of a text.</summary>
    /// <exception cref="UserFaultException">See <see cref="Token"/>.</exception>
    public int[] Encode(string text)
    {
        var tokens = new List<int>();
        for (int start = 0; start < text.Length;)
        {
            if (char.IsWhiteSpace(text[start]))
            {
                start++;
                continue;
            }

            int end = start;
            while (end < text.Length && !char.IsWhiteSpace(text[end]))
                end++;
            tokens.Add(Token(text[start..end]));
            start = end;
        }

        return [.. tokens];
    }

    // No word is special.
    int[] ITokenizer.Encode(string text, SpecialTokens specialTokens) => Encode(text);

    string ITokenizer.Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens) => Decode(tokens);

    /// <summary>The words of tokens, with single spaces between them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var text = new StringBuilder();
        foreach (int token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token, nameof(tokens));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, _words.Length, nameof(tokens));
            if (text.Length > 0)
                text.Append(' ');
            text.Append(_words[token]);
        }

        return text.ToString();
    }

    /// <summary>Writes tokenizer.json and tokenizer_config.json into a model directory, atomically.</summary>
    public void Save(string directory)
    {
        AtomicFile.WriteText(Path.Combine(directory, "tokenizer.json"), ToJson());
        var configuration = new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast" };
        if (UnknownWord is { } unknown)
            configuration["unk_token"] = unknown;
        AtomicFile.WriteText(Path.Combine(directory, "tokenizer_config.json"), configuration.ToJsonString(Indented) + "\n");
    }

    /// <summary>The text of tokenizer.json.</summary>
    public string ToJson()
    {
        var vocabulary = new JsonObject(_words.Select((word, i) => KeyValuePair.Create(word, (JsonNode?)i)));
        var model = new JsonObject
        {
            ["type"] = "WordLevel",
            ["vocab"] = vocabulary,
            // WordLevel demands an unk_token; one that is not in the vocabulary makes an unknown word an error there too.
            ["unk_token"] = UnknownWord ?? "[no unknown word]",
        };
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "WhitespaceSplit" },
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = model,
        }.ToJsonString(Indented) + "\n";
    }

    /// <summary>Reads a tokenizer.json with a WordLevel model and the WhitespaceSplit pre-tokenizer.</summary>
    /// <param name="path">The file, or the model directory that holds it.</param>
    /// <exception cref="UserFaultException">The file is absent, malformed or of another kind.</exception>
    public static WordTokenizer Load(string path)
    {
        if (Directory.Exists(path))
            path = Path.Combine(path, "tokenizer.json");
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserFaultException(
                $"Cannot read {path}: {error.Message.ReplaceLineEndings(" ")}", "Check the path of the model directory.", inner: error);
        }
    }

    /// <summary>Reads the text of a tokenizer.json.</summary>
    /// <param name="json">The text.</param>
    /// <param name="place">Where it comes from: faults name it.</param>
    /// <exception cref="UserFaultException">The text is malformed or of another kind.</exception>
    public static WordTokenizer Parse(string json, string place = "tokenizer.json")
    {
        UserFaultException Fault(string what, Exception? inner = null) =>
            new($"{place}: {what}.", "Use a tokenizer.json with a WordLevel model and the WhitespaceSplit pre-tokenizer.", inner: inner);

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = document.RootElement;
            var model = root.GetProperty("model");
            string? type = model.GetProperty("type").GetString();
            string? splitter = root.GetProperty("pre_tokenizer").GetProperty("type").GetString();
            if (type != "WordLevel" || splitter != "WhitespaceSplit")
                throw Fault($"the model is {type} with pre-tokenizer {splitter}");
            if (root.TryGetProperty("normalizer", out var normalizer) && normalizer.ValueKind != JsonValueKind.Null)
                throw Fault("it has a normalizer");

            var vocabulary = model.GetProperty("vocab");
            string?[] words = new string?[vocabulary.EnumerateObject().Count()];
            foreach (var pair in vocabulary.EnumerateObject())
            {
                int id = pair.Value.GetInt32();
                if (id < 0 || id >= words.Length || words[id] != null)
                    throw Fault($"the word '{pair.Name}' has the token {id}; tokens must be distinct and from 0 to {words.Length - 1}");
                words[id] = pair.Name;
            }

            string? unknown = model.TryGetProperty("unk_token", out var token) ? token.GetString() : null;
            return new WordTokenizer(words!, Array.IndexOf(words, unknown) >= 0 ? unknown : null);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw Fault(error.Message.ReplaceLineEndings(" ").TrimEnd('.'), error);
        }
    }
}
