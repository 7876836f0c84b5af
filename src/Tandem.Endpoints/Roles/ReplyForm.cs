using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Tandem.Endpoints;

/// <summary>The form that a reply must have.</summary>
/// <typeparam name="T">What it is read as.</typeparam>
public abstract class ReplyForm<T>
{
    /// <summary>What the model is told when its reply has another form.</summary>
    public abstract string Reminder { get; }

    /// <summary>Whether the server is asked to reply with a JSON object.</summary>
    public virtual bool IsJson => false;

    /// <summary>Reads a reply.</summary>
    /// <param name="text">The reply, without reasoning before it.</param>
    /// <param name="value">What it says.</param>
    /// <returns>Whether it has the form.</returns>
    public abstract bool TryRead(string text, out T value);
}

/// <summary>The forms of replies.</summary>
public static class ReplyForms
{
    private const string Marks = " \t\r\n.:)(*_`\"'[]{}";

    /// <summary>
    /// One letter among options. The reply is the letter alone, whatever punctuation is around it, or its last line is
    /// <c>Answer: B</c>. A letter within a sentence is not taken for an answer.
    /// </summary>
    /// <param name="letters">The letters that there are: <c>ABCD</c>.</param>
    /// <returns>A form that is read as the letter's index.</returns>
    public static ReplyForm<int> Letter(string letters) => new LetterForm(letters);

    /// <summary>A JSON object, alone or in a fenced block. What else it must hold, the type says: <c>required</c> members, and <c>JsonUnmappedMemberHandling.Disallow</c> for no others.</summary>
    /// <typeparam name="T">What it is read as.</typeparam>
    /// <param name="type">How it is read.</param>
    /// <param name="reminder">The object's form in words, for a model that replied otherwise.</param>
    public static ReplyForm<T> Json<T>(JsonTypeInfo<T> type, string reminder)
        where T : class => new JsonForm<T>(type, reminder);

    /// <summary>The part of a reply after the reasoning that some models write in it.</summary>
    internal static string WithoutReasoning(string text)
    {
        const string End = "</think>";
        int end = text.LastIndexOf(End, StringComparison.Ordinal);
        return (end < 0 ? text : text[(end + End.Length)..]).Trim();
    }

    private sealed class LetterForm : ReplyForm<int>
    {
        private readonly string _letters;

        public LetterForm(string letters)
        {
            if (letters.Length == 0 || letters.Distinct().Count() != letters.Length || !letters.All(char.IsAsciiLetterUpper))
                throw new ArgumentException($"'{letters}' are not distinct capital letters.", nameof(letters));
            _letters = letters;
        }

        public override string Reminder => $"Reply with one letter and nothing else: {string.Join(", ", _letters.AsEnumerable())}.";

        public override bool TryRead(string text, out int value)
        {
            string alone = text.Trim(Marks.ToCharArray());
            int line = alone.LastIndexOf('\n') + 1;
            string last = alone[line..].TrimStart(Marks.ToCharArray());
            foreach (string opening in new[] { "the answer is", "answer is", "final answer", "answer" })
            {
                if (last.StartsWith(opening, StringComparison.OrdinalIgnoreCase))
                {
                    alone = last[opening.Length..].Trim(Marks.ToCharArray());
                    break;
                }
            }

            value = alone.Length == 1 ? _letters.IndexOf(char.ToUpperInvariant(alone[0]), StringComparison.Ordinal) : -1;
            return value >= 0;
        }
    }

    private sealed class JsonForm<T>(JsonTypeInfo<T> type, string reminder) : ReplyForm<T>
        where T : class
    {
        public override string Reminder => reminder;

        public override bool IsJson => true;

        public override bool TryRead(string text, out T value)
        {
            value = null!;
            const string Fence = "```";
            text = text.Trim();
            if (text.StartsWith(Fence, StringComparison.Ordinal) && text.EndsWith(Fence, StringComparison.Ordinal) && text.Contains('\n', StringComparison.Ordinal))
                text = text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..^Fence.Length].Trim();
            if (!text.StartsWith('{'))
                return false;
            try
            {
                value = JsonSerializer.Deserialize(text, type)!;
                return value is not null;
            }
            catch (JsonException)
            {
                return false;
            }
        }
    }
}
