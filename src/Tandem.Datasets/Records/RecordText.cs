using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>The texts of a record by their part: what splits, duplicates, contamination and lengths are computed from.</summary>
public static class RecordText
{
    /// <summary>What the model is given: context and question, the prompt's turns, or for plain text nothing.</summary>
    public static IEnumerable<string> Input(DataRecord record) => record switch
    {
        TextRecord => [],
        PromptCompletionRecord r => r.Prompt.Select(t => t.Content),
        PreferenceRecord r => r.Prompt.Select(t => t.Content),
        ChoiceRecord r => r.Context.Length > 0 ? [r.Context, r.Question] : [r.Question],
        ConversationRecord r => r.Turns.Where(t => t.Role != ChatRole.Assistant).Select(t => t.Content),
        PromptRecord r => [r.Prompt],
        DebateRecord r => [r.Story, r.Question],
        _ => throw new ArgumentException($"{record.GetType().Name} has no text.", nameof(record)),
    };

    /// <summary>What is learnt or judged: the text, the completion, both replies, the options, the assistant's turns, the answers.</summary>
    public static IEnumerable<string> Output(DataRecord record) => record switch
    {
        TextRecord r => [r.Text],
        PromptCompletionRecord r => [r.Completion],
        PreferenceRecord r => [r.Chosen, r.Rejected],
        ChoiceRecord r => r.Options,
        ConversationRecord r => r.Turns.Where(t => t.Role == ChatRole.Assistant).Select(t => t.Content),
        PromptRecord => [],
        DebateRecord r => r.Answers,
        _ => throw new ArgumentException($"{record.GetType().Name} has no text.", nameof(record)),
    };

    /// <summary>
    /// What records that must not be separated have in common: the context or story; else the question or the prompt; else
    /// the whole text.
    /// </summary>
    public static string Group(DataRecord record) => record switch
    {
        ChoiceRecord { Context.Length: > 0 } r => r.Context,
        DebateRecord r => r.Story,
        TextRecord r => r.Text,
        ConversationRecord r => r.Turns.FirstOrDefault(t => t.Role == ChatRole.User)?.Content ?? "",
        _ => string.Join('\n', Input(record)),
    };

    /// <summary>The words of a text: runs of letters and digits in lower case, so that case, spacing and punctuation do not count.</summary>
    public static IEnumerable<string> Words(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int start = -1;
        for (int i = 0; i <= text.Length; i++)
        {
            bool inside = i < text.Length && (char.IsLetterOrDigit(text[i]) || char.IsSurrogate(text[i]));
            if (inside && start < 0)
            {
                start = i;
            }
            else if (!inside && start >= 0)
            {
                yield return text[start..i].ToLowerInvariant();
                start = -1;
            }
        }
    }

    /// <summary>The text as its words with single spaces.</summary>
    public static string Normalised(string text) => string.Join(' ', Words(text));
}
