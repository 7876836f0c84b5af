using System.Text;
using System.Text.Json;

namespace Tandem.Language;

/// <summary>Reads the components of a tokenizer.json other than its model. What is not known is refused by name.</summary>
internal static class TokenizerParts
{
    private const int DeepestNesting = 16;

    public static Normalizer? Normalizer(TokenizerFile file, JsonElement? element, int depth = 0)
    {
        if (element is not { } part)
            return null;
        return Type(part) switch
        {
            "NFC" => new FormNormalizer(NormalizationForm.FormC),
            "NFD" => new FormNormalizer(NormalizationForm.FormD),
            "NFKC" => new FormNormalizer(NormalizationForm.FormKC),
            "NFKD" => new FormNormalizer(NormalizationForm.FormKD),
            "Prepend" => new PrependNormalizer(Text(part, "prepend")),
            "Replace" => new ReplaceNormalizer(Pattern(part), Text(part, "content")),
            "Lowercase" => new LowercaseNormalizer(),
            "Strip" => new StripNormalizer(Flag(part, "strip_left"), Flag(part, "strip_right")),
            "Sequence" when depth < DeepestNesting =>
                new NormalizerSequence([.. Items(part, "normalizers").Select(p => Normalizer(file, p, depth + 1)!)]),
            var other => throw file.Fault($"the normalizer {other} is not supported"),
        };
    }

    public static PreTokenizer? PreTokenizer(TokenizerFile file, JsonElement? element, int depth = 0)
    {
        if (element is not { } part)
            return null;
        switch (Type(part))
        {
            case "ByteLevel":
                return new ByteLevelPreTokenizer(Flag(part, "add_prefix_space", true), Flag(part, "use_regex", true));
            case "Split":
                string? expression = part.GetProperty("pattern").TryGetProperty("Regex", out var regex) ? regex.GetString() : null;
                var known = expression == null ? null : WordScanner.Known(expression);
                return new SplitPreTokenizer(known == null ? Pattern(part) : null, known, Behavior(file, part), Flag(part, "invert"));
            case "Metaspace":
                string replacement = Text(part, "replacement");
                return new MetaspacePreTokenizer(replacement, Scheme(file, part), Flag(part, "split", true));
            case "Digits":
                return new ClassPreTokenizer(
                    ClassPreTokenizer.IsNumber, Flag(part, "individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
            case "Punctuation":
                return new ClassPreTokenizer(ClassPreTokenizer.IsPunctuation, Behavior(file, part));
            case "WhitespaceSplit":
                return new ClassPreTokenizer(char.IsWhiteSpace, SplitBehavior.Removed);
            case "Sequence" when depth < DeepestNesting:
                return new PreTokenizerSequence([.. Items(part, "pretokenizers").Select(p => PreTokenizer(file, p, depth + 1)!)]);
            case var other:
                throw file.Fault($"the pre-tokenizer {other} is not supported");
        }
    }

    public static TokenDecoder Decoder(TokenizerFile file, JsonElement? element)
    {
        if (element is not { } part)
            return TokenDecoder.Of(DecoderKind.Spaced);
        if (Type(part) == "ByteLevel")
            return TokenDecoder.Of(DecoderKind.Bytes);
        var parts = Type(part) == "Sequence" ? Items(part, "decoders") : [part];
        if (parts.Count == 1 && Type(parts[0]) == "ByteLevel")
            return TokenDecoder.Of(DecoderKind.Bytes);

        var decoder = TokenDecoder.Of(DecoderKind.Texts);
        bool fused = false;
        foreach (var item in parts)
        {
            switch (Type(item))
            {
                case "Replace" when !fused && !decoder.BytesFallBack && decoder.Metaspace == null && Pattern(item).Literal is { } literal:
                    decoder = decoder with { Replacements = [.. decoder.Replacements, (literal, Text(item, "content"))] };
                    break;
                case "Metaspace" when !fused && !decoder.BytesFallBack && decoder.Metaspace == null:
                    decoder = decoder with { Metaspace = (Text(item, "replacement"), Scheme(file, item) != PrependScheme.Never) };
                    break;
                case "ByteFallback" when !fused:
                    decoder = decoder with { BytesFallBack = true };
                    break;
                case "Fuse":
                    fused = true;
                    break;
                case "Strip" when fused && decoder.StrippedText == null && Text(item, "content").Length == 1:
                    int start = item.GetProperty("start").GetInt32(), stop = item.GetProperty("stop").GetInt32();
                    if (start < 0 || stop < 0 || stop > 1024)
                        throw file.Fault($"the decoder Strip takes {start} and {stop} characters");
                    decoder = decoder with { StrippedText = Text(item, "content")[0], StrippedStart = start, StrippedStop = stop };
                    break;
                case var other:
                    throw file.Fault($"the decoder {other} is not supported at its place");
            }
        }

        return decoder;
    }

    /// <summary>The tokens that the post-processor puts before and behind a text.</summary>
    public static (int[] Before, int[] After) Frame(TokenizerFile file, JsonElement? element, int depth = 0)
    {
        if (element is not { } part)
            return ([], []);
        switch (Type(part))
        {
            case "ByteLevel":
                return ([], []);
            case "TemplateProcessing":
                return Template(file, part);
            case "Sequence" when depth < DeepestNesting:
                int[] before = [], after = [];
                foreach (var item in Items(part, "processors"))
                {
                    var (first, last) = Frame(file, item, depth + 1);
                    (before, after) = ([.. first, .. before], [.. after, .. last]);
                }

                return (before, after);
            case var other:
                throw file.Fault($"the post-processor {other} is not supported");
        }
    }

    public static List<AddedToken> AddedTokens(TokenizerFile file)
    {
        var tokens = new List<AddedToken>();
        if (file.Part("added_tokens") is not { } list)
            return tokens;
        foreach (var item in list.EnumerateArray())
        {
            string content = Text(item, "content");
            int token = item.GetProperty("id").GetInt32();
            // The model's own token is what the reference implementation takes, too.
            if (file.Vocabulary.Find(Encoding.UTF8.GetBytes(content)) is >= 0 and int own)
                token = own;
            if (token < 0 || token >= Vocabulary.Limit)
                throw file.Fault($"the added token '{content}' has the number {token}, which is not from 0 to {Vocabulary.Limit - 1}");
            tokens.Add(new AddedToken(
                token, content, Flag(item, "special"), Flag(item, "normalized"), Flag(item, "lstrip"), Flag(item, "rstrip"), Flag(item, "single_word")));
        }

        return tokens;
    }

    /// <summary>A truth value; what is absent or null has the value given.</summary>
    public static bool Flag(JsonElement part, string name, bool otherwise = false) =>
        part.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetBoolean() : otherwise;

    private static (int[] Before, int[] After) Template(TokenizerFile file, JsonElement part)
    {
        var before = new List<int>();
        var after = new List<int>();
        bool seen = false;
        foreach (var item in Items(part, "single"))
        {
            if (item.TryGetProperty("Sequence", out _))
            {
                if (seen)
                    throw file.Fault("the post-processor TemplateProcessing repeats the text");
                seen = true;
                continue;
            }

            string name = Text(item.GetProperty("SpecialToken"), "id");
            foreach (var token in part.GetProperty("special_tokens").GetProperty(name).GetProperty("ids").EnumerateArray())
                (seen ? after : before).Add(token.GetInt32());
        }

        return ([.. before], [.. after]);
    }

    private static string Type(JsonElement part) => Text(part, "type");

    private static string Text(JsonElement part, string name) =>
        part.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    private static List<JsonElement> Items(JsonElement part, string name) => [.. part.GetProperty(name).EnumerateArray()];

    private static TextPattern Pattern(JsonElement part)
    {
        var pattern = part.GetProperty("pattern");
        if (pattern.TryGetProperty("String", out var literal) && literal.GetString() is { Length: > 0 } text)
            return new TextPattern(text, null);
        return TextPattern.OfExpression(Text(pattern, "Regex"));
    }

    private static SplitBehavior Behavior(TokenizerFile file, JsonElement part) =>
        Text(part, "behavior") is var name && Enum.TryParse<SplitBehavior>(name, out var behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw file.Fault($"the behavior {name} is not supported");

    private static PrependScheme Scheme(TokenizerFile file, JsonElement part)
    {
        if (!part.TryGetProperty("prepend_scheme", out var scheme))
            return Flag(part, "add_prefix_space", true) ? PrependScheme.Always : PrependScheme.Never;
        return scheme.GetString() switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            var other => throw file.Fault($"the prepend_scheme {other} is not supported"),
        };
    }
}
