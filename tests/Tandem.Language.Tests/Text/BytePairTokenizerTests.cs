using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests.Text;

public class BytePairTokenizerTests
{
    private static readonly BytePairTokenizer s_bytes = SmallTokenizers.Parse(SmallTokenizers.Bytes());
    private static readonly BytePairTokenizer s_characters = SmallTokenizers.Parse(SmallTokenizers.Characters());

    // Text that holds what is awkward: special tokens, surrogates, combining marks, newlines.
    private static readonly Arbitrary<string> s_texts = Gen.ArrayOf(Gen.Elements(
        "a", "aa", "hello", " w", " ", "\n", "\r\n", "é", "e\u0301", "中", "🙂", "\0", "7", "'s", SmallTokenizers.EndOfTurn, SmallTokenizers.Call, "<s>", "b", "_"))
        .Select(string.Concat).ToArbitrary();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Encode_SmallMerges_GivesTheMergedTokens(bool pairsAsArrays)
    {
        var tokenizer = SmallTokenizers.Parse(SmallTokenizers.Bytes(pairsAsArrays));
        // hello is one token; " w" is one, and o, r, l, d are their bytes.
        Assert.Equal([259, 260, (byte)'o', (byte)'r', (byte)'l', (byte)'d'], tokenizer.Encode("hello world"));
        Assert.Equal([262, 261, (byte)'a'], tokenizer.Encode("aaaaaaa"));
        Assert.Equal([265], tokenizer.Encode("e\u0301"));
        Assert.Equal("hello world", tokenizer.Decode([259, 260, (byte)'o', (byte)'r', (byte)'l', (byte)'d']));
    }

    [Fact]
    public void Encode_SpecialTokensInText_AreTokensOnlyWhenParsed()
    {
        const string text = "a" + SmallTokenizers.EndOfTurn + SmallTokenizers.Call;
        Assert.Equal([(byte)'a', 267, 268], s_bytes.Encode(text, SpecialTokens.Parsed));
        int[] asText = s_bytes.Encode(text);
        Assert.DoesNotContain(267, asText);
        Assert.Equal(268, asText[^1]);
        Assert.Equal(text, s_bytes.Decode(asText));
        Assert.Equal("a" + SmallTokenizers.Call, s_bytes.Decode([(byte)'a', 267, 268], skipSpecialTokens: true));
    }

    [Fact]
    public void Encode_CharactersWithByteFallback_GivesSpacesBytesAndTheFrame()
    {
        // ▁ab is one token; é is not in the vocabulary and becomes its two bytes.
        Assert.Equal([265, 259, 261, 3 + 0xC3, 3 + 0xA9], s_characters.Encode("ab bé"));
        Assert.Equal([1, 265], s_characters.EncodeFramed("ab"));
        Assert.Equal("ab bé", s_characters.Decode(s_characters.Encode("ab bé")));
        Assert.Equal("\uFFFD\uFFFDa", s_characters.Decode([3 + 0xC3, 3 + 0xC3, 260]));
    }

    [Fact]
    public void Encode_IgnoreMerges_TakesAWordThatIsAToken()
    {
        var json = SmallTokenizers.Bytes();
        json["model"]!["vocab"]!["world"] = 300;
        Assert.DoesNotContain(300, SmallTokenizers.Parse(json).Encode("world"));
        json["model"]!["ignore_merges"] = true;
        Assert.Equal([300], SmallTokenizers.Parse(json).Encode("world"));
    }

    [Theory]
    [InlineData("lstrip", "x  <|im_end|> y", "x", " y")]
    [InlineData("rstrip", "x <|im_end|>  y", "x ", "y")]
    [InlineData("single_word", "x<|im_end|> <|im_end|> y", "x<|im_end|> ", " y")]
    public void Encode_FlagsOfAddedTokens_AreKept(string flag, string text, string before, string after)
    {
        var json = SmallTokenizers.Bytes();
        json["added_tokens"]![1]![flag] = true;
        var tokenizer = SmallTokenizers.Parse(json);
        Assert.Equal([.. tokenizer.Encode(before), 267, .. tokenizer.Encode(after)], tokenizer.Encode(text, SpecialTokens.Parsed));
    }

    [Fact]
    public void BeginAndEnd_OfTheConfiguration_OpenAndCloseATextWhenAskedFor()
    {
        var json = SmallTokenizers.Bytes();
        const string names = $$"""{"bos_token":"{{SmallTokenizers.StartOfTurn}}","eos_token":{"content":"{{SmallTokenizers.EndOfTurn}}"} """;
        var silent = SmallTokenizers.Parse(json, names + "}");
        Assert.Null(silent.BeginToken);
        Assert.Equal(267, silent.EndToken);
        var framing = SmallTokenizers.Parse(json, names + ""","add_bos_token":true,"add_eos_token":true}""");
        Assert.Equal(266, framing.BeginToken);
        Assert.Equal([266, (byte)'a', 267], framing.EncodeFramed("a"));
    }

    [Theory]
    [InlineData("normalizer", """{"type":"Precompiled"}""", "normalizer Precompiled")]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "pre-tokenizer UnicodeScripts")]
    [InlineData("post_processor", """{"type":"RobertaProcessing"}""", "post-processor RobertaProcessing")]
    [InlineData("decoder", """{"type":"WordPiece"}""", "decoder WordPiece")]
    [InlineData("model", """{"type":"Unigram","vocab":{"a":0}}""", "model Unigram")]
    public void Parse_UnknownComponent_IsRefusedByName(string part, string value, string name)
    {
        var json = SmallTokenizers.Bytes();
        json[part] = JsonNode.Parse(value);
        Assert.Contains(name, Assert.Throws<UserFaultException>(() => SmallTokenizers.Parse(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DecodeOfEncode_AnyText_IsItsNormalForm()
    {
        Prop.ForAll(s_texts, text =>
        {
            string composed = text.Replace("e\u0301", "é", StringComparison.Ordinal);
            Assert.Equal(composed, s_bytes.Decode(s_bytes.Encode(text)));
            Assert.Equal(composed, s_bytes.Decode(s_bytes.Encode(text, SpecialTokens.Parsed)));
            Assert.Equal(text, s_characters.Decode(s_characters.Encode(text)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_WithPlaces_GivesTheSameTokensAndPlacesInOrder()
    {
        foreach (var tokenizer in new[] { s_bytes, s_characters })
        {
            Prop.ForAll(s_texts, text =>
            {
                var (tokens, places) = tokenizer.EncodeGuarded(text, new bool[text.Length], new HashSet<int>());
                Assert.Equal(tokenizer.Encode(text, SpecialTokens.Parsed), tokens);
                Assert.Equal(tokens.Length, places.Length);
                for (int i = 0; i < places.Length; i++)
                {
                    Assert.InRange(places[i].First, i == 0 ? 0 : places[i - 1].First, text.Length - 1);
                    Assert.InRange(places[i].Last, places[i].First, text.Length - 1);
                }
            }).QuickCheckThrowOnFailure();
        }
    }

    [Fact]
    public void Stream_AnyTokens_TogetherAreTheTextOfAll()
    {
        var words = new WordTokenizer(["x", "y"]);
        foreach (ITokenizer tokenizer in new ITokenizer[] { s_bytes, s_characters, words })
        {
            foreach (bool skips in new[] { false, true })
            {
                Prop.ForAll(Gen.ArrayOf(Gen.Choose(0, tokenizer.VocabularySize - 1)).ToArbitrary(), tokens =>
                {
                    var stream = new StreamingDecoder(tokenizer, skips);
                    string[] parts = [.. tokens.Select(stream.Append), stream.Finish()];
                    Assert.Equal(tokenizer.Decode(tokens, skips), string.Concat(parts));
                    Assert.DoesNotContain(parts, p => p.Length > 0 && (char.IsLowSurrogate(p[0]) || char.IsHighSurrogate(p[^1])));
                }).QuickCheckThrowOnFailure();
            }
        }
    }

    [Fact]
    public void Stream_CharacterOfSeveralTokens_WaitsForItsLast()
    {
        var stream = new StreamingDecoder(s_bytes);
        int[] tokens = s_bytes.Encode("🙂");
        Assert.Equal(4, tokens.Length);
        Assert.Equal(["", "", "", "🙂"], tokens.Select(stream.Append));
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void Encode_HostileLengths_AreMergedAsShortOnesAre()
    {
        // A search through all pairs at every merge would take hours.
        int[] tokens = s_bytes.Encode(new string('a', 1_000_003));
        Assert.Equal(250_002, tokens.Length);
        Assert.Equal([262, 261, (byte)'a'], tokens[^3..]);
        Assert.All(tokens[..^3], t => Assert.Equal(262, t));
        Assert.Equal(1_000_001, s_characters.Encode(new string('c', 1_000_000)).Length);
        Assert.NotEmpty(s_bytes.Encode(string.Concat(Enumerable.Repeat(" \n", 200_000)) + new string('\u0301', 200_000)));
    }

    [Fact]
    public void MergeOfLongWords_AnyWord_IsThatOfShortOnes()
    {
        // Words of up to 48 bytes are merged by search, longer ones with a heap.
        Prop.ForAll(Gen.ListOf(Gen.Elements("a", "aa", "h", "he", "l", "o", "hello")).Select(string.Concat).Where(t => t.Length is > 0 and < 40).ToArbitrary(), text =>
        {
            string longer = string.Concat(Enumerable.Repeat(text, 60));
            Assert.Equal(NaiveMerge(text), s_bytes.Encode(text));
            Assert.Equal(NaiveMerge(longer), s_bytes.Encode(longer));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_ManyThreads_GiveTheSameTokens()
    {
        var tokenizer = SmallTokenizers.Parse(SmallTokenizers.Bytes());
        string[] texts = [.. Enumerable.Range(0, 2000).Select(i => $"hello {i} aaaa{new string('a', i % 50)} é{i}")];
        int[][] alone = [.. texts.Select(t => s_bytes.Encode(t))];
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < texts.Length; i++)
                Assert.Equal(alone[i], tokenizer.Encode(texts[i]));
        });
    }

    [Fact]
    public void Decode_TokenOutsideTheVocabulary_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => s_bytes.Decode([s_bytes.VocabularySize]));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_characters.Decode([-1]));
    }

    [Fact]
    public void Load_EitherKind_IsChosenByTheModel()
    {
        using var folder = new TemporaryFolder();
        new WordTokenizer(["a"]).Save(folder.Path);
        Assert.IsType<WordTokenizer>(Tokenizers.Load(folder.Path));
        File.WriteAllText(folder["tokenizer.json"], SmallTokenizers.Bytes().ToJsonString());
        File.Delete(folder["tokenizer_config.json"]);
        Assert.Equal([259], Tokenizers.Load(folder["tokenizer.json"]).Encode("hello"));
        Assert.Throws<UserFaultException>(() => Tokenizers.Load(folder["absent"]));
    }

    [Fact]
    public void Parse_DamagedFiles_IsAFaultOrATokenizerThatWorks()
    {
        var random = new RandomStream(7);
        int faults = 0, works = 0;
        foreach (string json in new[] { SmallTokenizers.Bytes().ToJsonString(), SmallTokenizers.Characters().ToJsonString() })
        {
            byte[] whole = Encoding.UTF8.GetBytes(json);
            for (int i = 0; i < 400; i++)
            {
                byte[] damaged = i % 4 == 0 ? whole[..random.NextInt32(whole.Length)] : [.. whole];
                for (int k = 0; k < i % 3 && damaged.Length > 0; k++)
                    damaged[random.NextInt32(damaged.Length)] ^= (byte)(1 << random.NextInt32(8));
                try
                {
                    var tokenizer = BytePairTokenizer.Parse(damaged);
                    tokenizer.Decode(tokenizer.EncodeFramed("hello ab  wé 🙂\n<|im_end|><s>12"));
                    works++;
                }
                catch (UserFaultException)
                {
                    faults++;
                }
            }
        }

        Assert.True(faults > 200 && works > 100, $"{faults} faults, {works} works");
    }

    private static int[] NaiveMerge(string text)
    {
        var symbols = text.Select(c => c.ToString()).ToList();
        foreach (var (left, right) in new[] { ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("a", "a"), ("aa", "aa") })
        {
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (symbols[i] == left && symbols[i + 1] == right)
                {
                    symbols[i] += right;
                    symbols.RemoveAt(i + 1);
                }
            }
        }

        return [.. symbols.Select(s => s_bytes.TokenOf(s)!.Value)];
    }
}
