using System.Text;

namespace Tandem.Language;

/// <summary>
/// Turns tokens into text as they come. Together, what it returns is <see cref="ITokenizer.Decode"/> of all tokens; no
/// character is ever cut. Tokens of single bytes wait for the token that follows them, which may make them unreadable.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly ITokenizer _tokenizer;
    private readonly TextAssembler? _assembler;
    private readonly bool _skipsSpecialTokens;
    private readonly StringBuilder _text = new();
    private readonly List<int> _tokens = [];

    /// <summary>Creates a decoder.</summary>
    /// <param name="tokenizer">The tokenizer of the tokens.</param>
    /// <param name="skipSpecialTokens">Whether special tokens leave no trace in the text.</param>
    public StreamingDecoder(ITokenizer tokenizer, bool skipSpecialTokens = false)
    {
        _tokenizer = tokenizer;
        _assembler = (tokenizer as BytePairTokenizer)?.CreateAssembler();
        _skipsSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes a token.</summary>
    /// <returns>The text that has become complete; often empty.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The token is not in the vocabulary.</exception>
    public string Append(int token)
    {
        if (_assembler != null)
        {
            ((BytePairTokenizer)_tokenizer).Append(token, _skipsSpecialTokens, _assembler, _text);
            return Take();
        }

        // Of another tokenizer nothing is known but this: the last two tokens show what stands between them.
        string before = _tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens), _skipsSpecialTokens);
        _tokens.Add(token);
        string after = _tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens), _skipsSpecialTokens);
        if (_tokens.Count > 1)
            _tokens.RemoveAt(0);
        return after[before.Length..];
    }

    /// <summary>The text that was held back, at the end. The decoder may then begin anew.</summary>
    public string Finish()
    {
        _assembler?.Finish(_text);
        _tokens.Clear();
        return Take();
    }

    private string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
