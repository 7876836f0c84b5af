namespace Tandem.Tensors;

/// <summary>
/// Keys of its own sequence that a row of attention does not see, counted from the sequence's first. Branches that share
/// a beginning, as the options of a question do, stand one after the other in one sequence and hide each other.
/// </summary>
/// <param name="Start">The first key that is hidden.</param>
/// <param name="End">The first after them; equal to <paramref name="Start"/> for none.</param>
public readonly record struct HiddenKeys(int Start, int End);
