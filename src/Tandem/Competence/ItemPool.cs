using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Competence;

/// <summary>Fresh training items: plain questions, mixed with single decisions of episodes.</summary>
public static class ItemPool
{
    /// <summary>Draws a pool in which every stretch has the same mixture.</summary>
    /// <param name="world">The task family.</param>
    /// <param name="count">How many items.</param>
    /// <param name="decisionShare">The share of decisions, in [0, 1]; 0 where the family has no episodes.</param>
    /// <param name="random">The pool's randomness.</param>
    /// <param name="without">Items that serve another purpose.</param>
    /// <exception cref="UserFaultException">There are too few items, or no decisions.</exception>
    public static IReadOnlyList<ChoiceItem> Draw(
        ITaskFamily world, int count, double decisionShare, RandomStream random, params IReadOnlyList<ChoiceItem>[] without)
    {
        ArgumentNullException.ThrowIfNull(world);
        ArgumentNullException.ThrowIfNull(random);
        int decisions = (int)Math.Round(count * decisionShare);
        if (decisions > 0 && !world.Has(ItemVariant.Episode))
        {
            throw new UserFaultException(
                $"decision_share is {decisionShare}, and the family '{world.Name}' has no episodes.", "Set it to 0.", FaultKind.Usage);
        }

        ChoiceItem[] used = [.. without.SelectMany(items => items)];
        List<ChoiceItem> items =
        [
            .. Questions(world, count - decisions, random.Fork("questions"), used),
            .. decisions == 0 ? [] : world.Items(
                new ItemRequest(decisions, ItemSplit.Train, random.Fork("decisions").NextUInt64(), ItemVariant.Episode) { Without = used }),
        ];
        random.Fork("order").Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(items));
        return items;
    }

    /// <summary>Draws plain questions by a stream.</summary>
    /// <param name="world">The task family.</param>
    /// <param name="count">How many items.</param>
    /// <param name="random">Its next number is the seed of the items.</param>
    /// <param name="without">Items that serve another purpose.</param>
    /// <exception cref="UserFaultException">There are too few items.</exception>
    public static IReadOnlyList<ChoiceItem> Questions(
        ITaskFamily world, int count, RandomStream random, params IReadOnlyList<ChoiceItem>[] without)
    {
        ArgumentNullException.ThrowIfNull(world);
        ArgumentNullException.ThrowIfNull(random);
        return world.Items(new ItemRequest(count, ItemSplit.Train, random.NextUInt64()) { Without = [.. without.SelectMany(items => items)] });
    }
}
