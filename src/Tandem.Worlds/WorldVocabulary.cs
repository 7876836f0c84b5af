using Tandem.Tensors;

namespace Tandem.Worlds;

/// <summary>
/// The closed word list of a task family: word i is token i. Text is words separated by single spaces, so a
/// word-level tokenizer over <see cref="Words"/> reproduces the tokens exactly.
/// </summary>
public sealed class WorldVocabulary
{
    private readonly string[] _words;
    private readonly Dictionary<string, int> _ids;

    /// <summary>Creates the vocabulary of a list of distinct words.</summary>
    /// <exception cref="ArgumentException">A word occurs twice, is empty or contains white space.</exception>
    public WorldVocabulary(IEnumerable<string> words)
    {
        _words = [.. words];
        _ids = new Dictionary<string, int>(_words.Length, StringComparer.Ordinal);
        for (int i = 0; i < _words.Length; i++)
        {
            if (_words[i].Length == 0 || _words[i].Any(char.IsWhiteSpace) || !_ids.TryAdd(_words[i], i))
                throw new ArgumentException($"word {i}, '{_words[i]}', is empty, has white space or occurs twice", nameof(words));
        }
    }

    /// <summary>The words in the order of their tokens.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>The number of words.</summary>
    public int Count => _words.Length;

    /// <summary>The word of a token.</summary>
    public string this[int token] => _words[token];

    /// <summary>The token of a word.</summary>
    /// <exception cref="UserFaultException">The word is not in the vocabulary.</exception>
    public int this[string word] => _ids.TryGetValue(word, out int id)
        ? id
        : throw new UserFaultException(
            $"The word '{word}' is not among the {Count} words of this world.",
            "Write only words that the world's vocabulary lists.", FaultKind.Usage);

    /// <summary>The tokens of words separated by white space.</summary>
    /// <exception cref="UserFaultException">A word is not in the vocabulary.</exception>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return Array.ConvertAll(parts, word => this[word]);
    }

    /// <summary>The words of tokens, separated by single spaces.</summary>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var text = new System.Text.StringBuilder(tokens.Length * 6);
        foreach (int token in tokens)
        {
            if (text.Length > 0)
                text.Append(' ');
            text.Append(_words[token]);
        }

        return text.ToString();
    }
}
