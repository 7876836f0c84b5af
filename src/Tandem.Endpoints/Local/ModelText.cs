using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Endpoints;

/// <summary>Loads what turns a checkpoint's tokens into text: the tokenizer and the chat template of a model directory.</summary>
internal static class ModelText
{
    /// <summary>The tokenizer, and the chat template if the model has one.</summary>
    /// <exception cref="UserFaultException">A file is absent or malformed.</exception>
    public static (ITokenizer Tokenizer, ChatTokens? Chat) Load(string directory)
    {
        ITokenizer tokenizer = Tokenizers.Load(directory);
        if (ChatTemplate.Find(directory) is { } template)
            return (tokenizer, turns => ChatEncoder.EncodeChat(tokenizer, template, turns, addGenerationPrompt: true).Tokens);

        // Models over words know no roles: their conversation is the turns' texts one after the other.
        return (tokenizer, tokenizer is WordTokenizer words ? turns => words.Encode(string.Join(' ', turns.Select(turn => turn.Content))) : null);
    }

    /// <summary>
    /// The tokens of a prompt that is continued as it is, framed as the model expects texts. Whoever sends it may spell out
    /// special tokens: it is the model's whole input, with nothing to forge.
    /// </summary>
    public static int[] EncodePrompt(ITokenizer tokenizer, string text)
    {
        if (tokenizer is not BytePairTokenizer pairs)
            return tokenizer.Encode(text, SpecialTokens.Parsed);

        // Of the frame only its beginning: what closes a text does not belong before its continuation.
        int[] plain = pairs.Encode(text, SpecialTokens.Parsed), framed = pairs.EncodeFramed(text);
        return framed.AsSpan().IndexOf(plain) is > 0 and var start ? framed[..(start + plain.Length)] : plain;
    }
}
