using System.Text;
using System.Text.Json.Nodes;

namespace Tandem.Language.Tests.Text;

/// <summary>Tokenizers small enough to be made in a test.</summary>
internal static class SmallTokenizers
{
    public const string EndOfTurn = "<|im_end|>", StartOfTurn = "<|im_start|>", Call = "<tool_call>";

    /// <summary>Bytes and a few merges, as GPT-2's and Qwen2's: tokens 0 to 255 are the printable bytes, then the others.</summary>
    public static JsonObject Bytes(bool pairsAsArrays = false, string pattern = WordScanner.SingleDigitsText)
    {
        var vocabulary = new JsonObject();
        for (int i = 0; i < 256; i++)
            vocabulary[Character((byte)i)] = i;
        var merges = new JsonArray();
        foreach (var (left, right) in new[] { ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("a", "a"), ("aa", "aa"), ("Ġ", "a"), ("Ċ", "Ċ"), ("Ã", "©") })
        {
            vocabulary[left + right] = vocabulary.Count;
            merges.Add(pairsAsArrays ? new JsonArray(left, right) : left + " " + right);
        }

        int added = vocabulary.Count;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(added, StartOfTurn, true), Added(added + 1, EndOfTurn, true), Added(added + 2, Call, false)),
            ["normalizer"] = new JsonObject { ["type"] = "NFC" },
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false }),
            },
            ["post_processor"] = new JsonObject { ["type"] = "ByteLevel" },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = merges },
        };
    }

    /// <summary>Characters with bytes to fall back on, as Llama 2's: unknown, begin and end, 256 bytes, then the characters.</summary>
    public static JsonObject Characters()
    {
        var vocabulary = new JsonObject();
        foreach (string control in new[] { "<unk>", "<s>", "</s>" })
            vocabulary[control] = vocabulary.Count;
        for (int i = 0; i < 256; i++)
            vocabulary[$"<0x{i:X2}>"] = vocabulary.Count;
        foreach (string text in new[] { "▁", "a", "b", "c", "▁a", "ab", "▁ab" })
            vocabulary[text] = vocabulary.Count;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(0, "<unk>", true), Added(1, "<s>", true), Added(2, "</s>", true)),
            ["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""),
            ["pre_tokenizer"] = null,
            ["post_processor"] = JsonNode.Parse("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}"""),
            ["decoder"] = JsonNode.Parse("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"""),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray("▁ a", "a b", "▁a b"),
            },
        };
    }

    public static BytePairTokenizer Parse(JsonNode json, string? configuration = null) =>
        BytePairTokenizer.Parse(Encoding.UTF8.GetBytes(json.ToJsonString()), configuration);

    public static JsonObject Added(int id, string content, bool special) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["special"] = special,
        ["normalized"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["single_word"] = false,
    };

    private static string Character(byte value)
    {
        Span<byte> text = stackalloc byte[2];
        return Encoding.UTF8.GetString(text[..ByteAlphabet.Write(value, text)]);
    }
}
