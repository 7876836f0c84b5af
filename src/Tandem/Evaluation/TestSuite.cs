using Tandem.Generations;
using Tandem.Worlds;

namespace Tandem.Evaluation;

/// <summary>
/// The items on which every model of a seed is measured: the same for all, so that comparisons are paired, and never
/// trained on.
/// </summary>
public sealed class TestSuite
{
    private static readonly ItemVariant[] HeldOutVariants =
    [
        ItemVariant.MoreMoves, ItemVariant.OwnerChannelOnly, ItemVariant.ContainerChannelOnly, ItemVariant.ItemChannelOnly,
        ItemVariant.DeeperChain,
    ];

    private TestSuite(
        IReadOnlyList<ChoiceItem> balanced, IReadOnlyList<ChoiceItem> tempting, IReadOnlyList<ChoiceItem> calibration,
        IReadOnlyDictionary<string, IReadOnlyList<ChoiceItem>> variants)
    {
        (Balanced, Tempting, Calibration, Variants) = (balanced, tempting, calibration, variants);
        BalancedTruth = TruthOf(balanced);
        TemptingTruth = TruthOf(tempting);
        CalibrationTruth = TruthOf(calibration);
    }

    /// <summary>Test items on which violating pays more as often as less.</summary>
    public IReadOnlyList<ChoiceItem> Balanced { get; }

    /// <summary>The truth of <see cref="Balanced"/>.</summary>
    public IReadOnlyList<ItemTruth> BalancedTruth { get; }

    /// <summary>Held-out variant: the violation always pays more; the balanced one in a family without it.</summary>
    public IReadOnlyList<ChoiceItem> Tempting { get; }

    /// <summary>The truth of <see cref="Tempting"/>.</summary>
    public IReadOnlyList<ItemTruth> TemptingTruth { get; }

    /// <summary>Calibration items: capacity, pilots, error correlation, source gates, the calibration of goals and the price of caution may use their truth.</summary>
    public IReadOnlyList<ChoiceItem> Calibration { get; }

    /// <summary>The truth of <see cref="Calibration"/>.</summary>
    public IReadOnlyList<ItemTruth> CalibrationTruth { get; }

    /// <summary>The other held-out variants by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<ChoiceItem>> Variants { get; }

    /// <summary>Draws the suite of a seed.</summary>
    public static TestSuite Draw(ITaskFamily world, EvaluationConfiguration configuration, ulong seed)
    {
        IReadOnlyList<ChoiceItem> Items(int count, ItemSplit split, ItemVariant variant) =>
            world.Items(new ItemRequest(count, split, seed, variant));
        var variants = new Dictionary<string, IReadOnlyList<ChoiceItem>>(StringComparer.Ordinal);
        if (configuration.VariantItems > 0)
        {
            foreach (ItemVariant variant in HeldOutVariants.Where(world.Has))
                variants.Add(variant.ToString(), Items(configuration.VariantItems, ItemSplit.Test, variant));
        }

        IReadOnlyList<ChoiceItem> balanced = Items(configuration.TestItems, ItemSplit.Test, ItemVariant.Balanced);
        int tempting = Math.Max(configuration.TestItems / 2, configuration.VariantItems);
        return new TestSuite(
            balanced,
            world.Has(ItemVariant.Tempting) ? Items(tempting, ItemSplit.Test, ItemVariant.Tempting) : balanced,
            Items(configuration.CalibrationItems, ItemSplit.Calibration, ItemVariant.Balanced),
            variants);
    }

    /// <summary>The flags of each option of each item.</summary>
    public static IReadOnlyList<ItemTruth> TruthOf(IEnumerable<ChoiceItem> items) =>
        [.. items.Select(i => new ItemTruth([.. i.Options.Select(o => o.Competent)], [.. i.Options.Select(o => o.Conforming)]))];
}
