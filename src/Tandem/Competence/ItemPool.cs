using Tandem.Tensors;
using Tandem.Worlds;

namespace Tandem.Competence;

/// <summary>Fresh training items: plain questions, mixed with single decisions of episodes.</summary>
public static class ItemPool
{
    /// <summary>Draws a pool in which every stretch has the same mixture.</summary>
    public static IReadOnlyList<ChoiceItem> Draw(ITaskFamily world, int count, double decisionShare, RandomStream random)
    {
        int decisions = (int)Math.Round(count * decisionShare);
        List<ChoiceItem> items =
        [
            .. world.Items(new ItemRequest(count - decisions, ItemSplit.Train, random.Fork("questions").NextUInt64())),
            .. world.Items(new ItemRequest(decisions, ItemSplit.Train, random.Fork("decisions").NextUInt64(), ItemVariant.Episode)),
        ];
        random.Fork("order").Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(items));
        return items;
    }
}
