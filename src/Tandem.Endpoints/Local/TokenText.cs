using Tandem.Language;

namespace Tandem.Endpoints;

/// <summary>
/// Turns tokens into text as they come. Characters whose bytes are not all there yet are held back. Tokens that only the
/// embedding table has, not the tokenizer, have no text.
/// </summary>
internal sealed class TokenText
{
    private const int Context = 8;

    private readonly ITokenizer _tokenizer;
    private readonly StreamingDecoder? _stream;
    private readonly List<int> _tokens = [];
    private int _context; // where the tokens begin whose text shows how the next ones join them
    private int _shown; // where the tokens begin whose text is not shown yet

    /// <summary>Begins a text.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="before">The tokens before the text, if it goes on with theirs.</param>
    public TokenText(ITokenizer tokenizer, ReadOnlySpan<int> before = default)
    {
        _tokenizer = tokenizer;
        _stream = tokenizer is BytePairTokenizer ? new StreamingDecoder(tokenizer, skipSpecialTokens: true) : null;
        foreach (int token in before[Math.Max(0, before.Length - Context)..])
            Add(token);
    }

    /// <summary>The text that a token completes.</summary>
    public string Add(int token)
    {
        if (token >= _tokenizer.VocabularySize)
            return "";
        if (_stream is not null)
            return _stream.Append(token);
        _tokens.Add(token);
        return Advance(final: false);
    }

    /// <summary>What is left: bytes that are no character become U+FFFD.</summary>
    public string Finish() => _stream?.Finish() ?? Advance(final: true);

    // Of another tokenizer nothing is known but this: new tokens have the text that they add to the few before them.
    private string Advance(bool final)
    {
        string before = Decode(_context, _shown), all = Decode(_context, _tokens.Count);
        if (all.Length <= before.Length || (!final && all.EndsWith('\uFFFD')))
            return "";
        (_context, _shown) = (_shown, _tokens.Count);
        return all[before.Length..];
    }

    private string Decode(int start, int end) =>
        _tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens)[start..end], skipSpecialTokens: true);
}
