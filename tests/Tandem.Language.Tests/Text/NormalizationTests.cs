using System.Text;

namespace Tandem.Language.Tests.Text;

public class NormalizationTests
{
    [Theory]
    [InlineData("e\u0301", NormalizationForm.FormC, "é")]
    [InlineData("é", NormalizationForm.FormD, "e\u0301")]
    [InlineData("\u212B", NormalizationForm.FormC, "Å")]
    [InlineData("ﬁ①²", NormalizationForm.FormKC, "fi12")]
    [InlineData("ﬁ", NormalizationForm.FormC, "ﬁ")]
    [InlineData("\u1100\u1161\u11A8", NormalizationForm.FormC, "각")]
    [InlineData("각", NormalizationForm.FormKD, "\u1100\u1161\u11A8")]
    [InlineData("q\u0307\u0323", NormalizationForm.FormC, "q\u0323\u0307")]
    [InlineData("d\u0307\u0323", NormalizationForm.FormC, "\u1E0D\u0307")]
    [InlineData("\u0958", NormalizationForm.FormC, "\u0915\u093C")]
    [InlineData("\u0344", NormalizationForm.FormC, "\u0308\u0301")]
    [InlineData("a\u0315\u0300\u05AE\u0300b", NormalizationForm.FormC, "à\u05AE\u0300\u0315b")]
    [InlineData("\U0001D15E", NormalizationForm.FormC, "\U0001D157\U0001D165")]
    [InlineData("\U0001109Ax", NormalizationForm.FormD, "\U00011099\U000110BAx")]
    public void Apply_TextOfTheStandard_GivesItsForm(string text, NormalizationForm form, string expected) =>
        Assert.Equal(expected, Normalization.Apply(new TrackedText(text, null), form).Text);

    [Fact]
    public void Apply_EveryCharacter_IsStable()
    {
        var text = new StringBuilder();
        foreach (var form in Enum.GetValues<NormalizationForm>())
        {
            text.Clear();
            for (int code = 0; code < 0x20000; code++)
            {
                if (Rune.IsValid(code))
                    text.Append('x').Append(new Rune(code));
            }

            string once = Normalization.Apply(new TrackedText(text.ToString(), null), form).Text;
            Assert.Equal(once, Normalization.Apply(new TrackedText(once, null), form).Text);
            Assert.NotEqual(text.ToString(), once);
        }
    }

    [Fact]
    public void Apply_Tracked_NamesThePlacesOfTheCharacters()
    {
        var normal = Normalization.Apply(new TrackedText("xe\u0301y", [0, 1, 2, 3]), NormalizationForm.FormC);
        Assert.Equal("xéy", normal.Text);
        Assert.Equal([0, 1, 3], normal.Origins!);
    }
}
