namespace Tandem.Datasets;

/// <summary>A debate about a question on a story that the debaters can read and the judge cannot (arXiv 2311.08702).</summary>
/// <param name="Title">The story's title.</param>
/// <param name="Story">The story.</param>
/// <param name="Question">The question.</param>
/// <param name="Answers">The answers that are debated: debater i argues for answer i.</param>
/// <param name="Correct">The index of the right answer.</param>
/// <param name="Speeches">What was said, in order.</param>
public sealed record DebateRecord(
    string Title, string Story, string Question, IReadOnlyList<string> Answers, int Correct, IReadOnlyList<DebateSpeech> Speeches) : DataRecord;

/// <summary>A speech of a debate.</summary>
/// <param name="Speaker">Who speaks.</param>
/// <param name="Position">The answer that a debater argues for; null for the judge.</param>
/// <param name="Text">What is said, without the marks around quotes.</param>
/// <param name="Quotes">The passages of the story that the speech quotes, in order.</param>
public sealed record DebateSpeech(DebateSpeaker Speaker, int? Position, string Text, IReadOnlyList<string> Quotes);

/// <summary>The parts of a debate.</summary>
public enum DebateSpeaker
{
    /// <summary>Argues for an answer.</summary>
    Debater,

    /// <summary>Asks, and decides at the end.</summary>
    Judge,
}
