using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;

namespace Tandem.Language.Tests.Text;

public class WordScannerTests
{
    // Each with its like beyond U+FFFF, where there is one: the runtime's expressions know the classes of the former only.
    private static readonly (string Plain, string Beyond)[] s_characters =
    [
        ("é", "𝕳"), ("中", "𠀀"), ("Ω", "𐐀"), ("٣", "𝟘"), ("Ⅷ", "𐅀"), ("☃", "🙂"), ("\u0301", "\U000E0100"), ("\uE000", "\U000F0000"),
        (" ", " "), ("  ", "  "), ("\n", "\n"), ("\r\n", "\r\n"), ("\t", "\t"), ("\u00A0", "\u00A0"), ("\u3000", "\u3000"), ("\u0085", "\u0085"),
        ("\u200B", "\u200B"), ("a", "a"), ("Z", "Z"), ("7", "7"), ("42", "42"), ("'", "'"), ("s", "s"), ("S", "S"), ("ſ", "ſ"), ("re", "re"), ("VE", "VE"),
        ("lL", "lL"), ("m", "m"), ("!", "!"), ("_", "_"), ("\0", "\0"), ("²", "²"), ("'s", "'s"), ("'T", "'T"), ("'ſ", "'ſ"),
    ];

    [Theory]
    [InlineData(WordScanner.Gpt2Text)]
    [InlineData(WordScanner.SingleDigitsText)]
    [InlineData(WordScanner.ThreeDigitsText)]
    public void Next_AnyText_CutsWhereTheExpressionDoes(string pattern)
    {
        // Where case is ignored, the long s is an s to the library that defines these tokenizers.
        var expression = new Regex(pattern.Replace("'d)|", "'d)|'\u017F|", StringComparison.Ordinal), RegexOptions.CultureInvariant);
        var known = WordScanner.Known(pattern)!.Value;
        var characters = Gen.OneOf(
            Gen.Choose(0, s_characters.Length - 1).Select(i => s_characters[i]),
            Gen.Choose(1, 0xD7FF).Select(c => (((char)c).ToString(), ((char)c).ToString())));
        Prop.ForAll(Gen.ArrayOf(characters).ToArbitrary(), parts =>
        {
            string plain = string.Concat(parts.Select(p => p.Item1)), beyond = string.Concat(parts.Select(p => p.Item2));
            string[] expected = [.. expression.Matches(plain).Select(m => m.Value)];
            Assert.Equal(expected, Words(plain, known));
            Assert.Equal(expected.Select(Length), Words(beyond, known).Select(Length));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    [Fact]
    public void Known_OtherPattern_IsNone() => Assert.Null(WordScanner.Known(WordScanner.Gpt2Text + " "));

    [Fact]
    public void Encode_UnknownPattern_SeesLettersBeyondTheFirstPlane()
    {
        var json = SmallTokenizers.Bytes(pattern: @"\p{L}+|[^\p{L}]+");
        // A letter beyond U+FFFF joins the letters about it, so that the merge of l and l across it is not undone.
        Assert.Equal(SmallTokenizers.Parse(SmallTokenizers.Bytes()).Encode("hello𝕳hello"), SmallTokenizers.Parse(json).Encode("hello𝕳hello"));
        var split = new TrackedText("a𝕳b🙂c", null);
        var pieces = new List<TrackedText>();
        new SplitPreTokenizer(TextPattern.OfExpression(@"\p{L}+"), null, SplitBehavior.Isolated, false).Cut(split, true, pieces);
        Assert.Equal(["a𝕳b", "🙂", "c"], pieces.Select(p => p.Text));
    }

    [Theory]
    [InlineData("Removed", "a|b")]
    [InlineData("Isolated", "a|-|b|-")]
    [InlineData("MergedWithPrevious", "a-|b-")]
    [InlineData("MergedWithNext", "a|-b|-")]
    [InlineData("Contiguous", "a|-|b|-")]
    public void Cut_EachBehavior_TreatsTheMatchAsItSays(string behavior, string expected)
    {
        var pieces = new List<TrackedText>();
        new SplitPreTokenizer(new TextPattern("-", null), null, Enum.Parse<SplitBehavior>(behavior), false).Cut(new TrackedText("a-b-", null), true, pieces);
        Assert.Equal(expected, string.Join('|', pieces.Select(p => p.Text)));
    }

    private static List<string> Words(string text, WordPattern pattern)
    {
        var words = new List<string>();
        for (int at = 0, end; at < text.Length; at = end)
        {
            end = WordScanner.Next(text, at, pattern);
            Assert.True(end > at);
            words.Add(text[at..end]);
        }

        return words;
    }

    private static int Length(string text) => text.EnumerateRunes().Count();
}
