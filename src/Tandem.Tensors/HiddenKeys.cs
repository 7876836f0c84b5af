namespace Tandem.Tensors;

/// <summary>
/// Keys of its own sequence that a row of attention does not see, counted from the sequence's first. Branches that share
/// a beginning, as the options of a question do, stand one after the other in one sequence and hide each other; branches of
/// a branch, as the options of questions about one text, hide what is between the text and their question too.
/// </summary>
/// <param name="Start">The first key that is hidden.</param>
/// <param name="End">The first after them; equal to <paramref name="Start"/> for none.</param>
/// <param name="LaterStart">The first key of a second stretch that is hidden.</param>
/// <param name="LaterEnd">The first after it; equal to <paramref name="LaterStart"/> for none.</param>
public readonly record struct HiddenKeys(int Start, int End, int LaterStart = 0, int LaterEnd = 0)
{
    /// <summary>Whether a key is hidden.</summary>
    public bool Hides(int key) => (key >= Start && key < End) || (key >= LaterStart && key < LaterEnd);
}
