using System.Text;
using System.Text.RegularExpressions;

namespace Tandem.Language;

/// <summary>A change of text before it is cut into words.</summary>
internal abstract record Normalizer
{
    public abstract TrackedText Apply(TrackedText text);
}

internal sealed record FormNormalizer(NormalizationForm Form) : Normalizer
{
    public override TrackedText Apply(TrackedText text) => Normalization.Apply(text, Form);
}

internal sealed record PrependNormalizer(string Front) : Normalizer
{
    public override TrackedText Apply(TrackedText text) => text.Text.Length == 0 ? text : text.Prepend(Front);
}

internal sealed record ReplaceNormalizer(TextPattern Pattern, string Content) : Normalizer
{
    public override TrackedText Apply(TrackedText text)
    {
        if (text.Origins == null && Pattern.Literal is { } literal)
            return new TrackedText(text.Text.Replace(literal, Content, StringComparison.Ordinal), null);
        return text.Replace(Pattern.Matches(text.Text), Content);
    }
}

internal sealed record LowercaseNormalizer : Normalizer
{
    public override TrackedText Apply(TrackedText text)
    {
        // The dotted capital I is the one character whose lower case is two.
        string lower = text.Text.ToLowerInvariant();
        return lower.Contains('\u0130', StringComparison.Ordinal)
            ? new TrackedText(lower, text.Origins).Replace(new TextPattern("\u0130", null).Matches(lower), "i\u0307")
            : new TrackedText(lower, text.Origins);
    }
}

internal sealed record StripNormalizer(bool Left, bool Right) : Normalizer
{
    public override TrackedText Apply(TrackedText text)
    {
        int start = 0, end = text.Text.Length;
        while (Left && start < end && char.IsWhiteSpace(text.Text[start]))
            start++;
        while (Right && end > start && char.IsWhiteSpace(text.Text[end - 1]))
            end--;
        return text.Slice(start, end);
    }
}

internal sealed record NormalizerSequence(Normalizer[] Parts) : Normalizer
{
    public override TrackedText Apply(TrackedText text) => Parts.Aggregate(text, (t, part) => part.Apply(t));
}
