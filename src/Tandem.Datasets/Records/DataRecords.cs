using System.Globalization;
using Tandem.Language;

namespace Tandem.Datasets;

/// <summary>Makes records with the identifier of their content. Section and origin are not part of it.</summary>
public static class DataRecords
{
    /// <summary>A text.</summary>
    public static TextRecord Text(string text) => new(text) { Id = ContentHash.Of("text", [text]) };

    /// <summary>A prompt and its completion.</summary>
    public static PromptCompletionRecord PromptCompletion(IReadOnlyList<ChatTurn> prompt, string completion) =>
        new(prompt, completion) { Id = ContentHash.Of("prompt-completion", [.. Flat(prompt), completion]) };

    /// <summary>A preference.</summary>
    public static PreferenceRecord Preference(IReadOnlyList<ChatTurn> prompt, string chosen, string rejected) =>
        new(prompt, chosen, rejected) { Id = ContentHash.Of("preference", [.. Flat(prompt), chosen, rejected]) };

    /// <summary>A question with options.</summary>
    public static ChoiceRecord Choice(string context, string question, IReadOnlyList<string> options, int? answer) => new(context, question, options, answer)
    {
        Id = ContentHash.Of("choice", [context, question, answer?.ToString(CultureInfo.InvariantCulture) ?? "", .. options]),
    };

    /// <summary>A conversation.</summary>
    public static ConversationRecord Conversation(IReadOnlyList<ChatTurn> turns) =>
        new(turns) { Id = ContentHash.Of("conversation", Flat(turns)) };

    /// <summary>A prompt with the behaviour expected.</summary>
    public static PromptRecord Prompt(string prompt, ExpectedBehaviour expected) =>
        new(prompt, expected) { Id = ContentHash.Of("prompt", [prompt, expected.ToString()]) };

    /// <summary>A debate.</summary>
    public static DebateRecord Debate(
        string title, string story, string question, IReadOnlyList<string> answers, int correct, IReadOnlyList<DebateSpeech> speeches) =>
        new(title, story, question, answers, correct, speeches)
        {
            Id = ContentHash.Of("debate", [story, question, correct.ToString(CultureInfo.InvariantCulture), .. answers, .. speeches.Select(s => s.Text)]),
        };

    private static IEnumerable<string> Flat(IReadOnlyList<ChatTurn> turns) => turns.SelectMany(t => new[] { t.Role, t.Content });
}
