using Tandem.Language;

namespace Tandem.Tuning;

/// <summary>How conversations become the tokens of a model.</summary>
public interface IPromptFormat
{
    /// <summary>The tokens of turns up to where the model's reply begins, and those of a reply, its end token included.</summary>
    /// <param name="turns">The turns before the reply.</param>
    /// <param name="reply">The reply; empty for none, as before it is generated: then there are no reply tokens.</param>
    RenderedReply Render(IReadOnlyList<ChatTurn> turns, string reply);

    /// <summary>The tokens of a whole conversation, and for each whether the model says it.</summary>
    RenderedConversation Render(IReadOnlyList<ChatTurn> turns);
}

/// <summary>A prompt with a reply, in tokens.</summary>
/// <param name="Prompt">The tokens before the reply.</param>
/// <param name="Reply">The tokens of the reply with its end.</param>
public sealed record RenderedReply(int[] Prompt, int[] Reply);

/// <summary>A conversation in tokens.</summary>
/// <param name="Tokens">All tokens.</param>
/// <param name="FromModel">For each token whether it belongs to what the model says.</param>
public sealed record RenderedConversation(int[] Tokens, bool[] FromModel);

/// <summary>
/// The format of models without a chat template: a single user turn is plain text that the reply continues after a space;
/// several turns are written as in the HH data set (arXiv 2204.05862), "Human:" and "Assistant:".
/// </summary>
/// <param name="tokenizer">The model's tokenizer.</param>
public sealed class PlainFormat(ITokenizer tokenizer) : IPromptFormat
{
    /// <inheritdoc/>
    public RenderedReply Render(IReadOnlyList<ChatTurn> turns, string reply)
    {
        ArgumentNullException.ThrowIfNull(turns);
        ArgumentNullException.ThrowIfNull(reply);
        bool plain = turns is [{ Role: ChatRole.User }];
        string prompt = plain ? turns[0].Content : string.Concat(turns.Select(Written)) + "\n\nAssistant:";
        int[] opening = tokenizer.BeginToken is { } begin ? [begin] : [];
        return new RenderedReply([.. opening, .. tokenizer.Encode(prompt)], reply.Length == 0 ? [] : Said(prompt, reply));
    }

    /// <inheritdoc/>
    public RenderedConversation Render(IReadOnlyList<ChatTurn> turns)
    {
        ArgumentNullException.ThrowIfNull(turns);
        List<int> tokens = tokenizer.BeginToken is { } begin ? [begin] : [];
        List<bool> fromModel = [.. tokens.Select(_ => false)];
        foreach (ChatTurn turn in turns)
        {
            bool model = turn.Role == ChatRole.Assistant;
            Add(tokenizer.Encode(model ? "\n\nAssistant:" : Written(turn)), false);
            if (model)
                Add(Said(":", turn.Content), true);
        }

        return new RenderedConversation([.. tokens], [.. fromModel]);

        void Add(int[] part, bool said)
        {
            tokens.AddRange(part);
            fromModel.AddRange(Enumerable.Repeat(said, part.Length));
        }
    }

    private int[] Said(string before, string reply)
    {
        bool joined = before.Length == 0 || char.IsWhiteSpace(before[^1]) || char.IsWhiteSpace(reply[0]);
        int[] ending = tokenizer.EndToken is { } end ? [end] : [];
        return [.. tokenizer.Encode(joined ? reply : " " + reply), .. ending];
    }

    private static string Written(ChatTurn turn) => turn.Role switch
    {
        ChatRole.System => $"{turn.Content}\n",
        ChatRole.Assistant => $"\n\nAssistant: {turn.Content}",
        _ => $"\n\nHuman: {turn.Content}",
    };
}
