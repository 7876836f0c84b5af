using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>A conversation as tokens.</summary>
/// <param name="Tokens">The tokens. [N]</param>
/// <param name="Turns">For each token the turn whose content it holds any of; -1 where it is the template's alone. [N]</param>
/// <param name="AssistantContent">For each token whether it holds any of an assistant turn's content. [N]</param>
/// <param name="AssistantReply">
/// The same with the control token that ends each such content, which a model has to learn to say too. [N]
/// </param>
public sealed record EncodedChat(int[] Tokens, int[] Turns, bool[] AssistantContent, bool[] AssistantReply);

/// <summary>Turns conversations into tokens.</summary>
public static class ChatEncoder
{
    /// <summary>
    /// The tokens of a conversation. Only the template's own text may spell out control tokens: the tokenizer's special ones,
    /// and those that the template writes. What a turn or a variable holds of them stays text, so that nobody can forge a
    /// turn; all else is encoded as if the text were one, and gives the same tokens.
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">The model's template.</param>
    /// <param name="turns">The turns.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows.</param>
    /// <param name="variables">More variables: see <see cref="ChatTemplate.Render"/>.</param>
    /// <exception cref="UserFaultException">The template refuses the conversation, or does what is not supported; or a role is no name.</exception>
    public static EncodedChat EncodeChat(
        ITokenizer tokenizer, ChatTemplate template, IReadOnlyList<ChatTurn> turns, bool addGenerationPrompt,
        IReadOnlyDictionary<string, object?>? variables = null)
    {
        var text = template.RenderMarked(turns, addGenerationPrompt, variables);
        int[] owners = text.Owners();
        var tokens = new List<int>();
        var owned = new List<int>();
        if (tokenizer is BytePairTokenizer pairs)
        {
            bool[] isForeign = [.. owners.Select(o => o != MarkedText.Template)];
            var (found, places) = pairs.EncodeGuarded(text.Text, isForeign, pairs.AddedTokensIn(template.Source));
            tokens.AddRange(found);
            foreach (var (first, last) in places)
                owned.Add(Math.Max(-1, owners.AsSpan(first, last - first + 1).ToArray().Max()));
        }
        else
        {
            // Of another tokenizer nothing is known but this: parts of one owner are encoded one by one.
            for (int start = 0, end; start < owners.Length; start = end)
            {
                end = start + 1;
                while (end < owners.Length && owners[end] == owners[start])
                    end++;
                bool isTemplate = owners[start] == MarkedText.Template;
                int[] part = tokenizer.Encode(text.Text[start..end], isTemplate ? SpecialTokens.Parsed : SpecialTokens.AsText);
                tokens.AddRange(part);
                owned.AddRange(Enumerable.Repeat(Math.Max(-1, owners[start]), part.Length));
            }
        }

        bool[] content = [.. owned.Select(o => o >= 0 && turns[o].Role == ChatRole.Assistant)];
        bool[] reply = [.. content];
        for (int i = 1; i < reply.Length; i++)
            reply[i] |= content[i - 1] && owned[i] < 0 && tokenizer is BytePairTokenizer known && known.IsControl(tokens[i]);
        return new EncodedChat([.. tokens], [.. owned], content, reply);
    }
}
