using Tandem.Language;
using Tandem.Worlds;

namespace Tandem.TextWorld;

/// <summary>
/// The sentences of an item's context, as facts that a debater quotes. A sentence ends with a token that ends in a full
/// stop, a question mark, an exclamation mark or a line break, where white space follows: whole tokens, so that a story
/// made of some of them is read as it was.
/// </summary>
/// <param name="tokenizer">The models' tokenizer.</param>
internal sealed class TextSentences(ITokenizer tokenizer)
{
    /// <summary>The sentences in order; they cover the context. None where the item has no context.</summary>
    public IReadOnlyList<StoryFact> Of(TextItem item)
    {
        (int start, int length) = item.Context.GetOffsetAndLength(item.Item.Tokens.Length);
        int end = start + length, begin = start;
        string[] pieces = [.. item.Item.Tokens[start..end].Select(token => tokenizer.Decode([token]))];
        var sentences = new List<StoryFact>();
        for (int t = start; t < end; t++)
        {
            bool last = t + 1 == end;
            if (!last && !(Ends(pieces[t - start]) && OpensWithSpace(pieces[t + 1 - start])))
                continue;
            string text = tokenizer.Decode(item.Item.Tokens.AsSpan(begin..(t + 1))).Trim();

            // White space by itself is no sentence: it goes with the one before it.
            if (text.Length > 0)
                sentences.Add(new StoryFact(begin, t + 1 - begin, text));
            else if (sentences.Count > 0)
                sentences[^1] = sentences[^1] with { Length = t + 1 - sentences[^1].Start };
            else
                continue;
            begin = t + 1;
        }

        return sentences;
    }

    private static bool Ends(string piece)
    {
        ReadOnlySpan<char> shown = piece.AsSpan().TrimEnd([' ', '"', '\'', '”', '’', ')']);
        return shown.Length > 0 && shown[^1] is '.' or '?' or '!' or '\n' or '…' or '。';
    }

    private static bool OpensWithSpace(string piece) => piece.Length > 0 && char.IsWhiteSpace(piece[0]);
}
