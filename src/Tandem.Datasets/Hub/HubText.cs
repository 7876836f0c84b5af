using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tandem.Datasets.Hub;

/// <summary>Texts that come from a server, and names that must be exactly right before a path is made of them.</summary>
internal static partial class HubText
{
    private const int LongestShown = 300;

    /// <summary>One short line without control characters, which could steer a terminal.</summary>
    public static string Clean(string text)
    {
        var clean = new StringBuilder(Math.Min(text.Length, LongestShown));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (clean.Length >= LongestShown)
                return clean.Append('…').ToString();
            bool hidden = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse;
            if (hidden)
                clean.Append(' ');
            else
                clean.Append(rune.ToString());
        }

        return clean.ToString().Trim();
    }

    /// <summary>Whether a text is a commit: 40 lower-case hexadecimal digits.</summary>
    public static bool IsCommit(string text) => CommitPattern().IsMatch(text);

    /// <summary>Whether a text names a blob: a git hash, or the SHA-256 of a large file.</summary>
    public static bool IsBlobId(string text) => BlobPattern().IsMatch(text);

    /// <summary>Whether a text is a branch, a tag, a commit or <c>refs/pr/N</c>, and safe as a path below <c>refs</c>.</summary>
    public static bool IsRevision(string text) =>
        text.Length is > 0 and <= 255 && RevisionPattern().IsMatch(text)
        && text.Split('/').All(part => part.Length > 0 && !part.StartsWith('.') && !part.EndsWith('.') && !part.Contains("..", StringComparison.Ordinal));

    /// <summary>An entity tag without its quotes and its mark of weakness.</summary>
    public static string? Etag(string? header)
    {
        if (header is null)
            return null;
        string tag = header.StartsWith("W/", StringComparison.Ordinal) ? header[2..] : header;
        return tag.Trim('"');
    }

    [GeneratedRegex(@"\A[0-9a-f]{40}\z")]
    private static partial Regex CommitPattern();

    [GeneratedRegex(@"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\z")]
    private static partial Regex BlobPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9._/+-]+\z")]
    private static partial Regex RevisionPattern();
}
