using System.Text;
using System.Text.Json.Nodes;

namespace Tandem.Tests.TextWorld;

/// <summary>A tokenizer over bytes in Hugging Face's layout. GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on.</summary>
internal static class ByteTokenizerFiles
{
    /// <summary>A byte-level tokenizer without merges.</summary>
    public static void Write(string directory, bool splitsWords = false)
    {
        Directory.CreateDirectory(directory);
        var vocabulary = new JsonObject();
        int other = 0x100;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            vocabulary[new Rune(printable ? value : other++).ToString()] = value;
        }

        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = 256, ["content"] = "<|end|>", ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = splitsWords },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = false },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), json.ToJsonString());
        File.WriteAllText(Path.Combine(directory, "tokenizer_config.json"), """{"eos_token": "<|end|>"}""");
    }
}
