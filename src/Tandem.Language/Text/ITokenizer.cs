namespace Tandem.Language;

/// <summary>Turns text into the tokens of a model and back.</summary>
public interface ITokenizer
{
    /// <summary>One more than the largest token. A model's embedding table may have more rows.</summary>
    int VocabularySize { get; }

    /// <summary>The token that opens every text, if the tokenizer adds one.</summary>
    int? BeginToken { get; }

    /// <summary>The token at which a text ends, if there is one.</summary>
    int? EndToken { get; }

    /// <summary>
    /// The tokens of a text. What the text holds of special tokens (<c>&lt;|im_end|&gt;</c>) becomes those tokens only with
    /// <see cref="SpecialTokens.Parsed"/>: text of unknown origin must not be able to forge a turn of a conversation.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="specialTokens">What becomes of special tokens that the text spells out.</param>
    int[] Encode(string text, SpecialTokens specialTokens = SpecialTokens.AsText);

    /// <summary>The text of tokens. Bytes that are no character become U+FFFD.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="skipSpecialTokens">Whether special tokens leave no trace in the text.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens = false);
}

/// <summary>What becomes of special tokens that a text spells out.</summary>
public enum SpecialTokens
{
    /// <summary>They are text like any other.</summary>
    AsText,

    /// <summary>They become the tokens: for the text of a chat template.</summary>
    Parsed,
}
