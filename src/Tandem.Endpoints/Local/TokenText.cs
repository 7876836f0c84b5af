using Tandem.Language;

namespace Tandem.Endpoints;

/// <summary>Turns tokens into text as they come. Characters whose bytes are not all there yet are held back.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="before">The tokens before the text, if it goes on with theirs.</param>
internal sealed class TokenText(ITokenizer tokenizer, ReadOnlySpan<int> before = default)
{
    private const int Context = 8;

    private readonly List<int> _tokens = [.. before[Math.Max(0, before.Length - Context)..]];
    private int _context; // where the tokens begin whose text shows how the next ones join them
    private int _shown = Math.Min(before.Length, Context); // where the tokens begin whose text is not shown yet

    /// <summary>The text that a token completes.</summary>
    public string Add(int token)
    {
        _tokens.Add(token);
        return Advance(final: false);
    }

    /// <summary>What is left: bytes that are no character become U+FFFD.</summary>
    public string Finish() => Advance(final: true);

    private string Advance(bool final)
    {
        // Tokenizers treat the beginning of a text in their own way; with some context before them, new tokens have none.
        string before = Decode(_context, _shown), all = Decode(_context, _tokens.Count);
        if (all.Length <= before.Length || (!final && all.EndsWith('\uFFFD')))
            return "";
        (_context, _shown) = (_shown, _tokens.Count);
        return all[before.Length..];
    }

    private string Decode(int start, int end) =>
        tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens)[start..end], skipSpecialTokens: true);
}
