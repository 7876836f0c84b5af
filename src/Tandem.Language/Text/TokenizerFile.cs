using System.Text;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// The parts of a tokenizer.json. The vocabulary and the merges, which are almost all of it, are read in one pass without
/// an object for each.
/// </summary>
internal sealed class TokenizerFile
{
    private readonly Dictionary<string, JsonElement> _parts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonElement> _model = new(StringComparer.Ordinal);
    private byte[] _scratch = new byte[256];

    private TokenizerFile(string place) => Place = place;

    /// <summary>Where the text comes from.</summary>
    public string Place { get; }

    public Vocabulary Vocabulary { get; private set; } = new(0);

    public MergeTable Merges { get; private set; } = new(0);

    /// <summary>Whether a merge joins a space (U+2581) to something before it that is none.</summary>
    public bool MergesIntoSpaces { get; private set; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="UserFaultException">It is malformed, or no byte-pair encoding.</exception>
    public static TokenizerFile Read(ReadOnlySpan<byte> json, string place)
    {
        var file = new TokenizerFile(place);
        try
        {
            file.ReadRoot(json.StartsWith("\uFEFF"u8) ? json[3..] : json);
            return file;
        }
        catch (Exception error) when (IsMalformed(error))
        {
            throw file.Fault(error.Message.ReplaceLineEndings(" ").TrimEnd('.'), error);
        }
    }

    /// <summary>The errors of reading JSON that is malformed or not what is expected.</summary>
    public static bool IsMalformed(Exception error) =>
        error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException or OverflowException;

    /// <summary>A part of the file; null if it is absent or null.</summary>
    public JsonElement? Part(string name) => Present(_parts, name);

    /// <summary>A part of the model; null if it is absent or null.</summary>
    public JsonElement? ModelPart(string name) => Present(_model, name);

    public UserFaultException Fault(string what, Exception? inner = null) => new(
        $"{Place}: {what}.", "Use an unchanged tokenizer.json of a Qwen, Llama or GPT-2 model, or one of the kinds that docs/design/0004-text.md names.",
        inner: inner);

    private static JsonElement? Present(Dictionary<string, JsonElement> parts, string name) =>
        parts.TryGetValue(name, out var part) && part.ValueKind != JsonValueKind.Null ? part : null;

    private void ReadRoot(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        Expect(ref reader, JsonTokenType.StartObject, "the file");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "model" && reader.TokenType == JsonTokenType.StartObject)
                ReadModel(ref reader, json.Length);
            else
                _parts[name] = JsonElement.ParseValue(ref reader);
        }

        if (reader.Read())
            throw new FormatException("something follows the end of the object");
        if (_model.Count == 0)
            throw new FormatException("there is no model");
    }

    private void ReadModel(ref Utf8JsonReader reader, int size)
    {
        Utf8JsonReader merges = default;
        bool hasMerges = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "vocab" && reader.TokenType == JsonTokenType.StartObject)
            {
                ReadVocabulary(ref reader, size);
            }
            else if (name == "merges" && reader.TokenType == JsonTokenType.StartArray)
            {
                // Read again when the vocabulary is known.
                merges = reader;
                hasMerges = true;
                reader.Skip();
            }
            else
            {
                _model[name] = JsonElement.ParseValue(ref reader);
            }
        }

        _model.TryAdd("type", JsonSerializer.SerializeToElement("BPE"));
        Vocabulary.Complete();
        if (hasMerges && ModelPart("type")?.GetString() == "BPE")
            ReadMerges(ref merges, size);
    }

    private void ReadVocabulary(ref Utf8JsonReader reader, int size)
    {
        Vocabulary = new Vocabulary(size / 48);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var text = Text(ref reader);
            reader.Read();
            int token = reader.GetInt32();
            if (token < 0 || token >= Vocabulary.Limit)
                throw new FormatException($"the token {token} of '{Encoding.UTF8.GetString(text)}' is not from 0 to {Vocabulary.Limit - 1}");
            Vocabulary.Add(text, token);
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader, int size)
    {
        var merges = new List<(int First, int Second, int Merged)>(size / 48);
        byte[] joined = new byte[256];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int first;
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                Expect(ref reader, JsonTokenType.String, "a merge");
                var left = Text(ref reader);
                first = left.Length;
                joined = Ensure(joined, first);
                left.CopyTo(joined);
                Expect(ref reader, JsonTokenType.String, "a merge");
                var right = Text(ref reader);
                joined = Ensure(joined, first + right.Length);
                right.CopyTo(joined.AsSpan(first));
                Add(joined.AsSpan(0, first + right.Length), first);
                Expect(ref reader, JsonTokenType.EndArray, "a merge of two tokens");
                continue;
            }

            if (reader.TokenType != JsonTokenType.String)
                throw new FormatException($"merge {merges.Count} is neither a text nor a pair");
            var pair = Text(ref reader);
            first = pair.IndexOf((byte)' ');
            if (first < 0 || pair[(first + 1)..].Contains((byte)' '))
                throw new FormatException($"merge {merges.Count}, '{Encoding.UTF8.GetString(pair)}', is not two tokens with a space between them");
            joined = Ensure(joined, pair.Length);
            pair[..first].CopyTo(joined);
            pair[(first + 1)..].CopyTo(joined.AsSpan(first));
            Add(joined.AsSpan(0, pair.Length - 1), first);
        }

        var table = new MergeTable(merges.Count);
        for (int i = 0; i < merges.Count; i++)
            table.Add(merges[i].First, merges[i].Second, i, merges[i].Merged);
        Merges = table;

        void Add(ReadOnlySpan<byte> whole, int cut)
        {
            merges.Add((Token(whole[..cut]), Token(whole[cut..]), Token(whole)));
            MergesIntoSpaces |= CrossesIntoSpace(whole);
        }

        int Token(ReadOnlySpan<byte> text) => Vocabulary.Find(text) is >= 0 and int token
            ? token
            : throw new FormatException($"merge {merges.Count} names '{Encoding.UTF8.GetString(text)}', which is not in the vocabulary");
    }

    private static bool CrossesIntoSpace(ReadOnlySpan<byte> text)
    {
        var space = "\u2581"u8;
        while (text.StartsWith(space))
            text = text[space.Length..];
        return text.IndexOf(space) >= 0;
    }

    private static byte[] Ensure(byte[] buffer, int length)
    {
        if (length > buffer.Length)
            Array.Resize(ref buffer, 2 * length);
        return buffer;
    }

    /// <summary>The unescaped text of a name or string; valid until the next call.</summary>
    private ReadOnlySpan<byte> Text(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
            return reader.ValueSpan;
        _scratch = Ensure(_scratch, reader.ValueSpan.Length);
        return _scratch.AsSpan(0, reader.CopyString(_scratch));
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type)
            throw new FormatException($"{what} is not what it should be: {reader.TokenType} in place of {type}");
    }
}
