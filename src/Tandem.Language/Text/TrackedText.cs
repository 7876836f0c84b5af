namespace Tandem.Language;

/// <summary>A text on its way to the tokens, which may know where each of its characters comes from.</summary>
/// <param name="Text">The text.</param>
/// <param name="Origins">For each UTF-16 unit, the place in the original text that it comes from; null where nobody asks.</param>
internal readonly record struct TrackedText(string Text, int[]? Origins)
{
    public TrackedText Slice(int start, int end) =>
        start == 0 && end == Text.Length ? this : new TrackedText(Text[start..end], Origins?[start..end]);

    /// <summary>The text with another in front, which comes from where the text begins.</summary>
    public TrackedText Prepend(string front) => new(
        front + Text, Origins is null ? null : [.. Enumerable.Repeat(Origins.Length == 0 ? 0 : Origins[0], front.Length), .. Origins]);

    /// <summary>The text with ranges replaced, each by the same text, which comes from where the range begins.</summary>
    /// <param name="ranges">In order, not overlapping.</param>
    /// <param name="content">What takes their place.</param>
    public TrackedText Replace(IEnumerable<(int Start, int End)> ranges, string content)
    {
        var text = new System.Text.StringBuilder(Text.Length);
        var origins = Origins is null ? null : new List<int>(Text.Length);
        int copied = 0;
        foreach (var (start, end) in ranges)
        {
            text.Append(Text, copied, start - copied).Append(content);
            if (origins != null)
            {
                origins.AddRange(Origins.AsSpan(copied, start - copied));
                for (int i = 0; i < content.Length; i++)
                    origins.Add(start < Origins!.Length ? Origins[start] : Origins.Length == 0 ? 0 : Origins[^1]);
            }

            copied = end;
        }

        text.Append(Text, copied, Text.Length - copied);
        origins?.AddRange(Origins.AsSpan(copied));
        return new TrackedText(text.ToString(), origins?.ToArray());
    }
}
