using Tandem.Datasets;
using Tandem.Language;
using Tandem.Training.Objectives;

namespace Tandem.Tuning;

/// <summary>
/// Turns records into token examples. A prompt that is too long loses its beginning, for the question stands at its end; a
/// reply is never cut, since a cut reply teaches the model to stop in the middle: such an example is left out. Both are counted.
/// </summary>
/// <param name="format">How conversations become tokens.</param>
/// <param name="maximumTokens">The most tokens of a prompt with a reply.</param>
public sealed class ExampleRenderer(IPromptFormat format, int maximumTokens)
{
    /// <summary>How many prompts lost their beginning.</summary>
    public int Truncated { get; private set; }

    /// <summary>How many records were left out, since a reply is empty or too long, or nothing can be learned from them.</summary>
    public int LeftOut { get; private set; }

    /// <summary>The example of a text, a prompt with its completion, or a conversation; null if it is left out.</summary>
    public SequenceExample? Sequence(DataRecord record)
    {
        switch (record)
        {
            case PromptCompletionRecord completion:
                return Fit(completion.Prompt, [completion.Completion]) is { } parts ? SequenceExample.Completion(parts.Prompt, parts.Replies[0]) : null;
            case TextRecord text:
                RenderedReply plain = format.Render([new ChatTurn(ChatRole.User, "")], text.Text);
                return Whole([.. plain.Prompt, .. plain.Reply], [.. plain.Prompt.Select(_ => false), .. plain.Reply.Select(_ => true)]);
            case ConversationRecord conversation:
                RenderedConversation rendered = format.Render(conversation.Turns);
                return Whole(rendered.Tokens, rendered.FromModel);
            default:
                throw new ArgumentException($"A {record.GetType().Name} is no sequence.", nameof(record));
        }
    }

    /// <summary>The example of a preference; null if it is left out.</summary>
    public PreferenceExample? Preference(PreferenceRecord record) =>
        Fit(record.Prompt, [record.Chosen, record.Rejected]) is { } parts
            ? new PreferenceExample(parts.Prompt, parts.Replies[0], parts.Replies[1], (float)(record.Margin ?? 0))
            : null;

    /// <summary>The example of a question; null if it is left out.</summary>
    /// <param name="prompt">The question as it is put.</param>
    /// <param name="target">The probability of each reply, in the order shown.</param>
    public ChoiceTokensExample? Choice(ChoicePrompt prompt, float[] target) =>
        Fit(prompt.Turns, prompt.Replies) is { } parts ? new ChoiceTokensExample(parts.Prompt, parts.Replies, target) : null;

    /// <summary>A prompt and the replies to it, in at most so many tokens as are allowed; null if a reply is too long.</summary>
    public (int[] Prompt, int[][] Replies)? Fit(IReadOnlyList<ChatTurn> turns, IReadOnlyList<string> replies)
    {
        RenderedReply[] rendered = [.. replies.Select(reply => format.Render(turns, reply))];
        int[] prompt = rendered[0].Prompt;
        int[][] tokens = Array.ConvertAll(rendered, reply => reply.Reply);
        int room = maximumTokens - tokens.Max(reply => reply.Length);
        if (room < 1 || prompt.Length == 0 || tokens.Any(reply => reply.Length == 0) || rendered.Any(reply => !reply.Prompt.AsSpan().SequenceEqual(prompt)))
        {
            LeftOut++;
            return null;
        }

        if (prompt.Length <= room)
            return (prompt, tokens);
        Truncated++;
        return (prompt[^room..], tokens);
    }

    // A long text is cut at its end: what is left is whole up to there.
    private SequenceExample? Whole(int[] tokens, bool[] learned)
    {
        int length = Math.Min(tokens.Length, maximumTokens);
        Truncated += tokens.Length > length ? 1 : 0;
        float[] mask = Array.ConvertAll(learned[..length], said => said ? 1f : 0f);
        if (length < 2 || Array.IndexOf(mask, 1f, 1) < 0)
        {
            LeftOut++;
            return null;
        }

        return new SequenceExample(tokens[..length], mask);
    }
}
