using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Xunit.Abstractions;

namespace Tandem.Language.Tests.Text;

/// <summary>Agreement with Hugging Face's tokenizers library, where its results are at hand.</summary>
public class TokenizerFixtureTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("qwen2_5", "../tokenizers/qwen2_5")]
    [InlineData("llama32k", "../tokenizers/llama32k")]
    [InlineData("stories260K", "stories260K_llama")]
    public void EncodeFramed_RecordedTexts_GivesTheReferenceTokens(string name, string folder)
    {
        if (Fixtures.Find("tokenizer", output) is not { } root)
            return;
        var tokenizer = BytePairTokenizer.Load(Path.Combine(Fixtures.Root!, folder));
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(root, name + ".cases.json")));
        int count = 0;
        foreach (string list in new[] { "cases", "real" })
        {
            foreach (var item in json.RootElement.GetProperty(list).EnumerateArray())
            {
                string text = item.GetProperty("text").GetString()!;
                int[] tokens = [.. item.GetProperty("ids").EnumerateArray().Select(t => t.GetInt32())];
                Assert.Equal(tokens, tokenizer.EncodeFramed(text));
                // With places, another path is taken.
                int[] guarded = tokenizer.EncodeGuarded(text, new bool[text.Length], new HashSet<int>()).Tokens;
                Assert.Equal(tokens[(tokens.Length - guarded.Length)..], guarded);
                string decoded = item.TryGetProperty("decoded", out var other) ? other.GetString()! : text;
                Assert.Equal(decoded, tokenizer.Decode(tokens));
                var stream = new StreamingDecoder(tokenizer);
                Assert.Equal(decoded, string.Concat(tokens.Select(stream.Append)) + stream.Finish());
                count++;
            }
        }

        Assert.True(count > 100);
        string plays = Path.Combine(Fixtures.Root!, "..", "data", "tinyshakespeare.txt");
        if (!File.Exists(plays))
        {
            output.WriteLine("not checked: tinyshakespeare absent");
            return;
        }

        var expected = json.RootElement.GetProperty("shakespeare_first_200000_chars");
        int[] all = tokenizer.EncodeFramed(File.ReadAllText(plays)[..200_000]);
        Assert.Equal(expected.GetProperty("count").GetInt32(), all.Length);
        string hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(all.AsSpan())));
        Assert.Equal(expected.GetProperty("sha256_of_u32le").GetString(), hash);
    }

    [Fact]
    public void EncodeFramed_TextsOfLlama2c_GivesItsTokens()
    {
        if (Fixtures.Find("stories260K_llama", output) is not { } root)
            return;
        var tokenizer = Tokenizers.Load(root);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "tokenizer_cases_llama2c.json")));
        foreach (var item in json.RootElement.EnumerateArray())
        {
            int[] tokens = [.. item.GetProperty("ids").EnumerateArray().Select(t => t.GetInt32())];
            Assert.Equal(tokens, Assert.IsType<BytePairTokenizer>(tokenizer).EncodeFramed(item.GetProperty("text").GetString()!));
        }
    }
}
