namespace Tandem.Worlds;

/// <summary>
/// A family whose stories are made of facts that can be told one by one: what a debater quotes. A family without such
/// parts does not implement this.
/// </summary>
public interface IFactFamily : ITaskFamily
{
    /// <summary>What is asked about the options of an item, in words for people.</summary>
    string Question(ChoiceItem item);

    /// <summary>The facts of an item's story in the order of the story. They follow each other without a gap; what stands behind the last is the question.</summary>
    IReadOnlyList<StoryFact> Facts(ChoiceItem item);

    /// <summary>An option in words for people, without its consequences.</summary>
    string OptionText(ChoiceItem item, int option);
}

/// <summary>A part of a story that makes sense by itself: an event, a sentence.</summary>
/// <param name="Start">The index of its first token in the item.</param>
/// <param name="Length">Its number of tokens, at least 1.</param>
/// <param name="Text">The fact in words for people.</param>
public sealed record StoryFact(int Start, int Length, string Text);
