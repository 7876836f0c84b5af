using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>
/// A tokenizer by byte-pair encoding (arXiv 1508.07909), as Hugging Face's tokenizer.json describes it: over bytes (GPT-2,
/// Qwen2 to Qwen3, Llama 3) or over characters (Llama 2). It gives the tokens that Hugging Face's library gives. Safe for
/// use by several threads at once.
/// </summary>
public sealed partial class BytePairTokenizer : ITokenizer
{
    private readonly BytePairModel _model;
    private readonly Normalizer? _normalizer;
    private readonly PreTokenizer? _preTokenizer;
    private readonly WordPattern? _scanner;
    private readonly TokenDecoder _decoder;
    private readonly List<AddedToken> _added;
    private readonly Dictionary<int, AddedToken> _addedOf = [];
    private readonly AddedTokenMatcher _plain, _normalized;
    private readonly int[] _before, _after;

    // Of a vocabulary of bytes, the bytes of all tokens one after the other; of another, the texts.
    private readonly byte[][] _bytes = [];
    private readonly string[] _texts = [];

    private BytePairTokenizer(TokenizerFile file, TokenizerSettings settings)
    {
        _added = TokenizerParts.AddedTokens(file);
        _normalizer = TokenizerParts.Normalizer(file, file.Part("normalizer"));
        _preTokenizer = TokenizerParts.PreTokenizer(file, file.Part("pre_tokenizer"));
        _scanner = _preTokenizer?.Scanner;
        _decoder = TokenizerParts.Decoder(file, file.Part("decoder"));
        _model = CreateModel(file, _preTokenizer);

        VocabularySize = Math.Max(_model.Vocabulary.Size, _added.Count == 0 ? 0 : _added.Max(t => t.Token) + 1);
        if (VocabularySize == 0)
            throw file.Fault("the vocabulary is empty");
        foreach (var token in _added)
            _addedOf[token.Token] = token;
        _plain = new AddedTokenMatcher(_added.Where(t => !t.Normalized).Select(t => (t.Content, t)));
        _normalized = new AddedTokenMatcher(_added.Where(t => t.Normalized).Select(t => (Normalize(new TrackedText(t.Content, null)).Text, t)));

        BeginToken = settings.BeginText is { } begin ? TokenOf(begin) : null;
        EndToken = settings.EndText is { } end ? TokenOf(end) : null;
        (_before, _after) = TokenizerParts.Frame(file, file.Part("post_processor"));
        if (_before.Concat(_after).Any(t => t < 0 || t >= VocabularySize))
            throw file.Fault("the post-processor adds a token that is not in the vocabulary");
        (_before, _after) = settings.Frame(_before, _after, BeginToken, EndToken);
        BeginToken = _before.Length == 0 ? null : _before[0];

        if (_decoder.Kind == DecoderKind.Bytes)
            _bytes = [.. Enumerable.Range(0, VocabularySize).Select(t => BytesOf(t))];
        else
            _texts = [.. Enumerable.Range(0, VocabularySize).Select(t => _addedOf.TryGetValue(t, out var a) ? a.Content : Encoding.UTF8.GetString(_model.Vocabulary[t]))];
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int? BeginToken { get; }

    /// <inheritdoc/>
    public int? EndToken { get; }

    /// <summary>The tokens that control a model and are no text, with the text that stands for each.</summary>
    public IReadOnlyDictionary<int, string> ControlTokens => _added.Where(t => t.IsSpecial).DistinctBy(t => t.Token).ToDictionary(t => t.Token, t => t.Content);

    /// <summary>Reads a tokenizer.json, and the tokenizer_config.json beside it, if there is one.</summary>
    /// <param name="path">The file, or the model directory that holds it.</param>
    /// <exception cref="UserFaultException">A file is absent, malformed, or has a component that is not supported.</exception>
    public static BytePairTokenizer Load(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, "tokenizer.json") : path;
        byte[] json = TokenizerSettings.ReadBytes(file) ?? throw new UserFaultException($"There is no {file}.", "Check the path of the model directory.");
        string configuration = Path.Combine(Path.GetDirectoryName(file) ?? "", "tokenizer_config.json");
        return Create(json, TokenizerSettings.Load(configuration), file);
    }

    /// <summary>Reads the text of a tokenizer.json.</summary>
    /// <param name="json">The text in UTF-8.</param>
    /// <param name="configuration">The text of the tokenizer_config.json, if there is one.</param>
    /// <param name="place">Where it comes from: faults name it.</param>
    /// <exception cref="UserFaultException">A text is malformed, or has a component that is not supported.</exception>
    public static BytePairTokenizer Parse(ReadOnlySpan<byte> json, string? configuration = null, string place = "tokenizer.json") =>
        Create(json, configuration == null ? TokenizerSettings.None : TokenizerSettings.Parse(Encoding.UTF8.GetBytes(configuration), "tokenizer_config.json"), place);

    /// <summary>The token of a text that is one; null if it is none.</summary>
    public int? TokenOf(string text)
    {
        if (_added.Find(t => t.Content == text) is { } added)
            return added.Token;
        int token = _model.Vocabulary.Find(Encoding.UTF8.GetBytes(text));
        return token < 0 ? null : token;
    }

    /// <summary>The tokens of a text, framed by the tokens that open and close every text: add_special_tokens=True elsewhere.</summary>
    /// <param name="text">The text.</param>
    /// <param name="specialTokens">What becomes of special tokens that the text spells out.</param>
    public int[] EncodeFramed(string text, SpecialTokens specialTokens = SpecialTokens.Parsed)
    {
        using var output = new TokenBuffer(tracked: false);
        output.Add(_before);
        Encode(text, specialTokens == SpecialTokens.Parsed ? MatchPolicy.Parsed : MatchPolicy.AsText, output);
        output.Add(_after);
        return output.Tokens.ToArray();
    }

    /// <inheritdoc/>
    public int[] Encode(string text, SpecialTokens specialTokens = SpecialTokens.AsText)
    {
        using var output = new TokenBuffer(tracked: false);
        Encode(text, specialTokens == SpecialTokens.Parsed ? MatchPolicy.Parsed : MatchPolicy.AsText, output);
        return output.Tokens.ToArray();
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens = false)
    {
        if (_decoder.Kind != DecoderKind.Bytes)
        {
            var text = new StringBuilder();
            var assembler = new TextAssembler(_decoder);
            foreach (int token in tokens)
                Append(token, skipSpecialTokens, assembler, text);
            assembler.Finish(text);
            return text.ToString();
        }

        int length = 0;
        foreach (int token in tokens)
            length += Skips(token, skipSpecialTokens) ? 0 : _bytes[token].Length;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Math.Max(1, length));
        int at = 0;
        foreach (int token in tokens)
        {
            if (Skips(token, skipSpecialTokens))
                continue;
            _bytes[token].CopyTo(bytes, at);
            at += _bytes[token].Length;
        }

        string result = Encoding.UTF8.GetString(bytes, 0, at);
        ArrayPool<byte>.Shared.Return(bytes);
        return result;
    }

    /// <summary>A decoder that takes tokens one by one.</summary>
    internal TextAssembler CreateAssembler() => new(_decoder);

    /// <summary>Gives a token to a decoder made here.</summary>
    internal void Append(int token, bool skipSpecialTokens, TextAssembler assembler, StringBuilder text)
    {
        if (Skips(token, skipSpecialTokens))
            return;
        if (_decoder.Kind == DecoderKind.Bytes)
            assembler.Append(_bytes[token], text);
        else if (Exists(token))
            assembler.Append(_texts[token], text);
    }

    private static BytePairTokenizer Create(ReadOnlySpan<byte> json, TokenizerSettings settings, string place)
    {
        var file = TokenizerFile.Read(json, place);
        try
        {
            return new BytePairTokenizer(file, settings);
        }
        catch (Exception error) when (TokenizerFile.IsMalformed(error))
        {
            throw file.Fault(error.Message.ReplaceLineEndings(" ").TrimEnd('.'), error);
        }
    }

    private static BytePairModel CreateModel(TokenizerFile file, PreTokenizer? preTokenizer)
    {
        string type = file.ModelPart("type")!.Value.GetString() ?? "";
        if (type != "BPE")
            throw file.Fault($"the model {type} is not supported");
        foreach (string part in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (file.ModelPart(part)?.GetString() is { Length: > 0 } affix)
                throw file.Fault($"the model's {part} '{affix}' is not supported");
        }

        if (file.ModelPart("dropout") is { } dropout && dropout.GetDouble() != 0)
            throw file.Fault("the model's dropout is not supported");

        var kind = UsesBytes(preTokenizer) ? SymbolKind.Bytes : SymbolKind.Characters;
        bool byteFallback = file.ModelPart("byte_fallback")?.GetBoolean() ?? false;
        int unknown = -1;
        if (file.ModelPart("unk_token")?.GetString() is { } text)
        {
            unknown = file.Vocabulary.Find(Encoding.UTF8.GetBytes(text));
            if (unknown < 0)
                throw file.Fault($"the unk_token '{text}' is not in the vocabulary");
        }

        bool ignoreMerges = file.ModelPart("ignore_merges")?.GetBoolean() ?? false;
        bool parts = kind == SymbolKind.Characters && !ignoreMerges && !file.MergesIntoSpaces && file.Vocabulary.Find("\u2581"u8) >= 0;
        return new BytePairModel(
            file.Vocabulary, file.Merges, kind, byteFallback, unknown, file.ModelPart("fuse_unk")?.GetBoolean() ?? false, ignoreMerges, parts);
    }

    private static bool UsesBytes(PreTokenizer? preTokenizer) => preTokenizer switch
    {
        ByteLevelPreTokenizer => true,
        PreTokenizerSequence sequence => sequence.Parts.Any(UsesBytes),
        _ => false,
    };

    private byte[] BytesOf(int token) =>
        ByteAlphabet.Bytes(_addedOf.TryGetValue(token, out var added) ? Encoding.UTF8.GetBytes(added.Content) : _model.Vocabulary[token]);

    private bool Exists(int token) => _model.Vocabulary.Contains(token) || _addedOf.ContainsKey(token);

    private bool Skips(int token, bool skipSpecialTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(token, nameof(token));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, VocabularySize, nameof(token));
        return skipSpecialTokens && _addedOf.TryGetValue(token, out var added) && added.IsSpecial;
    }
}
