using Tandem.Datasets;
using Tandem.Tuning;

namespace Tandem.Evaluation.Questions;

/// <summary>The orders in which the options of a question are shown, so that no option owes its score to its place.</summary>
public static class ChoiceRotations
{
    /// <summary>
    /// The question in several orders: the seeded order of <see cref="ChoicePrompt"/>, moved on in equal steps. With as many
    /// rotations as options every option stands at every place once. Continuations are scored without being listed, and have
    /// one.
    /// </summary>
    /// <param name="record">The question.</param>
    /// <param name="style">How the options are put.</param>
    /// <param name="rotations">How many orders, at most as many as there are options; 0 for as many.</param>
    /// <param name="seed">The seed of the first order.</param>
    public static IReadOnlyList<ChoicePrompt> Of(ChoiceRecord record, ChoiceStyle style, int rotations, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentOutOfRangeException.ThrowIfNegative(rotations);
        ChoicePrompt first = ChoicePrompt.Of(record, style, seed);
        int options = record.Options.Count;
        int count = style == ChoiceStyle.Continuations ? 1 : rotations == 0 ? options : Math.Min(rotations, options);
        return [first, .. Enumerable.Range(1, count - 1).Select(i => Rotated(record, first, style, seed, i * options / count))];
    }

    // The prompt draws its order from the identifier, so the same record with its options moved is shown in the moved order.
    private static ChoicePrompt Rotated(ChoiceRecord record, ChoicePrompt first, ChoiceStyle style, ulong seed, int by)
    {
        int count = first.Order.Length;
        string[] moved = new string[count];
        int[] order = new int[count];
        for (int place = 0; place < count; place++)
        {
            order[place] = first.Order[(place + by) % count];
            moved[first.Order[place]] = record.Options[order[place]];
        }

        return ChoicePrompt.Of(record with { Options = moved }, style, seed) with { Order = order };
    }
}
