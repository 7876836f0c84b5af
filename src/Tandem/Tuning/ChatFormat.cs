using Tandem.Language;

namespace Tandem.Tuning;

/// <summary>The format of a model's own chat template. What a turn says cannot forge the template's control tokens.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="template">The model's template.</param>
public sealed class ChatFormat(ITokenizer tokenizer, ChatTemplate template) : IPromptFormat
{
    /// <inheritdoc/>
    public RenderedReply Render(IReadOnlyList<ChatTurn> turns, string reply)
    {
        ArgumentNullException.ThrowIfNull(turns);
        ArgumentNullException.ThrowIfNull(reply);
        int[] asked = ChatEncoder.EncodeChat(tokenizer, template, turns, addGenerationPrompt: true).Tokens;
        if (reply.Length == 0)
            return new RenderedReply(asked, []);
        EncodedChat whole = ChatEncoder.EncodeChat(tokenizer, template, [.. turns, new ChatTurn(ChatRole.Assistant, reply)], addGenerationPrompt: false);
        int first = Array.IndexOf(whole.Turns, turns.Count), end = Array.LastIndexOf(whole.AssistantReply, true) + 1;
        if (first < 0 || end <= first)
            return new RenderedReply(asked, []);

        // Some templates write a reply that is past otherwise than one that is due, without its reasoning for instance.
        int start = whole.Tokens.AsSpan().StartsWith(asked) ? asked.Length : first;
        return new RenderedReply(whole.Tokens[..start], whole.Tokens[start..end]);
    }

    /// <inheritdoc/>
    public RenderedConversation Render(IReadOnlyList<ChatTurn> turns)
    {
        EncodedChat chat = ChatEncoder.EncodeChat(tokenizer, template, turns, addGenerationPrompt: false);
        return new RenderedConversation(chat.Tokens, chat.AssistantReply);
    }
}
