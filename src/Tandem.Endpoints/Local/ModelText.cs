using Tandem.Language;

namespace Tandem.Endpoints;

/// <summary>Loads what turns a checkpoint's tokens into text: the tokenizer and the chat template of a model directory.</summary>
internal static class ModelText
{
    /// <summary>The tokenizer, and the chat template if the model has one.</summary>
    /// <exception cref="Tensors.UserFaultException">A file is absent or malformed.</exception>
    public static (ITokenizer Tokenizer, ChatTokens? Chat) Load(string directory)
    {
        var tokenizer = new WordTokens(WordTokenizer.Load(directory));

        // Models over words know no roles: their conversation is the turns' texts one after the other.
        return (tokenizer, turns => tokenizer.Encode(string.Join(' ', turns.Select(turn => turn.Content))));
    }

    private sealed class WordTokens(WordTokenizer words) : ITokenizer
    {
        public int VocabularySize => words.Vocabulary.Count;

        public int? BeginToken => null;

        public int? EndToken => null;

        public int[] Encode(string text, SpecialTokens specialTokens = SpecialTokens.AsText) => words.Encode(text);

        public string Decode(ReadOnlySpan<int> tokens, bool skipSpecialTokens = false) => words.Decode(tokens);
    }
}
