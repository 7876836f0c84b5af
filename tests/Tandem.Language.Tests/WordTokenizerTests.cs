using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Tandem.Tensors;

namespace Tandem.Language.Tests;

public class WordTokenizerTests
{
    private static readonly string[] Words = ["<unk>", "the", "fox", "\"quoted\"", "é", "."];

    [Fact]
    public void Encode_WordsAndWhiteSpace_GivesTheirPlacesInTheVocabulary()
    {
        var tokenizer = new WordTokenizer(Words);
        Assert.Equal([1, 2, 5, 4], tokenizer.Encode("  the fox\t.\n é "));
        Assert.Empty(tokenizer.Encode(" \n"));
        Assert.Equal("the fox .", tokenizer.Decode([1, 2, 5]));
    }

    [Fact]
    public void DecodeThenEncode_AnyTokens_IsTheIdentity()
    {
        var tokenizer = new WordTokenizer(Words);
        var reloaded = WordTokenizer.Parse(tokenizer.ToJson());
        Prop.ForAll(Gen.ArrayOf(Gen.Choose(0, Words.Length - 1)).ToArbitrary(), tokens =>
        {
            Assert.Equal(tokens, tokenizer.Encode(tokenizer.Decode(tokens)));
            Assert.Equal(tokens, reloaded.Encode(tokenizer.Decode(tokens)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Encode_WordOutsideTheVocabulary_IsAFaultOrTheUnknownWord()
    {
        var fault = Assert.Throws<UserFaultException>(() => new WordTokenizer(Words).Encode("the wolf"));
        Assert.Contains("'wolf'", fault.Message, StringComparison.Ordinal);
        Assert.Equal([1, 0], new WordTokenizer(Words, "<unk>").Encode("the wolf"));
    }

    [Fact]
    public void SaveThenLoad_KeepsVocabularyAndUnknownWord()
    {
        using var folder = new TemporaryFolder();
        new WordTokenizer(Words, "<unk>").Save(folder.Path);
        var loaded = WordTokenizer.Load(folder.Path);
        Assert.Equal(Words, loaded.Vocabulary);
        Assert.Equal("<unk>", loaded.UnknownWord);

        new WordTokenizer(Words).Save(folder.Path);
        Assert.Null(WordTokenizer.Load(folder.Path).UnknownWord);

        using var json = JsonDocument.Parse(File.ReadAllText(folder["tokenizer.json"]));
        Assert.Equal("WordLevel", json.RootElement.GetProperty("model").GetProperty("type").GetString());
        Assert.Equal("WhitespaceSplit", json.RootElement.GetProperty("pre_tokenizer").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("""{"model":{"type":"BPE","vocab":{}},"pre_tokenizer":{"type":"WhitespaceSplit"}}""")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a":0}},"pre_tokenizer":{"type":"Whitespace"}}""")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a":1}},"pre_tokenizer":{"type":"WhitespaceSplit"}}""")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a":0,"b":0}},"pre_tokenizer":{"type":"WhitespaceSplit"}}""")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a b":0}},"pre_tokenizer":{"type":"WhitespaceSplit"}}""")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a":"0"}},"pre_tokenizer":{"type":"WhitespaceSplit"}}""")]
    public void Parse_UnusableFile_IsAFaultThatNamesIt(string json)
    {
        var fault = Assert.Throws<UserFaultException>(() => WordTokenizer.Parse(json, "dir/tokenizer.json"));
        Assert.StartsWith("dir/tokenizer.json: ", fault.Message, StringComparison.Ordinal);
    }
}
