using System.Globalization;
using Tandem.Evaluation;
using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Experiments;

/// <summary>What a condition scored on each item, seed by seed.</summary>
/// <param name="Name">The condition.</param>
/// <param name="BySeed">Per seed one outcome per item; null for unscored. Two conditions of a seed have the same items.</param>
internal sealed record SeedOutcomes(string Name, IReadOnlyList<double?[]> BySeed)
{
    /// <summary>1 where a choice is competent and conforming, 0 where it is not, null where there is none.</summary>
    public static double?[] Good(IReadOnlyList<int> choices, IReadOnlyList<ItemTruth> truth) =>
        [.. choices.Select((choice, i) => choice == Choices.Unscored ? (double?)null : truth[i].IsGood(choice) ? 1 : 0)];
}

/// <summary>Two conditions on the same items of the same seeds.</summary>
/// <param name="First">The condition that is expected to be ahead.</param>
/// <param name="Second">The other.</param>
/// <param name="Difference">First − second: Student's t interval over seeds; over the items where there is one seed.</param>
/// <param name="Seeds">The number of seeds.</param>
/// <param name="Items">Pairs over all seeds; items that either left unscored are none.</param>
/// <param name="PValue">Permutation test over the pairs of all seeds, corrected by Holm for the comparisons made together.</param>
internal sealed record SeedComparison(string First, string Second, Estimate Difference, int Seeds, int Items, double PValue)
{
    private const double Level = 0.05;

    /// <summary>The headings of <see cref="Row"/>.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["Comparison", "Difference", "Seeds", "Pairs", "p (Holm)"];

    /// <summary>Whether the first is ahead: the interval over seeds decides, and a p-value above the level weakens it.</summary>
    public ClaimVerdict Verdict => ClaimRule.OverSeeds(Difference, Seeds) switch
    {
        ClaimVerdict.Reproduced when PValue > Level => ClaimVerdict.Partly,
        var verdict => verdict,
    };

    /// <summary>Makes comparisons together.</summary>
    /// <param name="pairs">The conditions to compare.</param>
    /// <param name="random">Resamples.</param>
    public static IReadOnlyList<SeedComparison> Of(IReadOnlyList<(SeedOutcomes First, SeedOutcomes Second)> pairs, RandomStream random)
    {
        SeedComparison[] raw = [.. pairs.Select(pair => Of(pair.First, pair.Second, random.Fork($"{pair.First.Name} against {pair.Second.Name}")))];
        double[] adjusted = HolmCorrection.Adjust([.. raw.Select(comparison => comparison.PValue)]);
        return [.. raw.Select((comparison, i) => comparison with { PValue = adjusted[i] })];
    }

    /// <summary>The comparison as a row of a table.</summary>
    public IReadOnlyList<ResultCell> Row() =>
    [
        $"{First} − {Second}", Difference, Seeds.ToString(CultureInfo.InvariantCulture), Items.ToString(CultureInfo.InvariantCulture),
        PValue.ToString("0.000", CultureInfo.InvariantCulture),
    ];

    /// <summary>The comparison as a sentence.</summary>
    public string ToText() => string.Create(
        CultureInfo.InvariantCulture, $"{First} − {Second}: {Difference.ToSignedText()}, seeds: {Seeds}, pairs: {Items}, p = {PValue:0.000} (Holm)");

    private static SeedComparison Of(SeedOutcomes first, SeedOutcomes second, RandomStream random)
    {
        var ahead = new List<double>();
        var behind = new List<double>();
        var means = new List<double>();
        for (int s = 0; s < first.BySeed.Count; s++)
        {
            (double?[] mine, double?[] other) = (first.BySeed[s], second.BySeed[s]);
            int start = ahead.Count;
            for (int i = 0; i < mine.Length; i++)
            {
                if (mine[i] is not { } a || other[i] is not { } b)
                    continue;
                ahead.Add(a);
                behind.Add(b);
            }

            if (ahead.Count > start)
                means.Add(ahead.Skip(start).Zip(behind.Skip(start), (a, b) => a - b).Average());
        }

        double[] one = [.. ahead], two = [.. behind];
        Estimate difference = SeedMean.Of([.. means])
            ?? (one.Length == 0 ? new Estimate(0, -1, 1, 0) : Bootstrap.PairedDifference(one, two, random));
        return new SeedComparison(
            first.Name, second.Name, difference, means.Count, one.Length, PairedPermutationTest.Of(one, two, random).PValue);
    }
}

/// <summary>Measurements repeated over seeds.</summary>
internal static class OverSeeds
{
    /// <summary>The mean with its interval over seeds; of a single seed the estimate as it is, over its items.</summary>
    public static Estimate? Of(IEnumerable<Estimate> seeds)
    {
        Estimate[] all = [.. seeds];
        return all.Length == 0 ? null : SeedMean.Of([.. all.Select(e => e.Value)]) ?? all[0];
    }

    /// <summary>The mean with its interval over seeds; null for fewer than two.</summary>
    public static Estimate? Of(IEnumerable<double> seeds) => SeedMean.Of([.. seeds]);

    /// <summary>The mean over seeds as text, signed, with its interval; of a single seed its value.</summary>
    public static string ToSignedText(IEnumerable<double> seeds)
    {
        double[] all = [.. seeds];
        return Of(all)?.ToSignedText() ?? (all.Length == 0 ? "not measured" : $"{Signed(all[0])} (one seed, no interval)");
    }

    /// <summary>A difference as text, signed: <c>+0.030 [+0.010, +0.050]</c>; the count is left to the sentence around it.</summary>
    public static string ToSignedText(this Estimate difference) =>
        $"{Signed(difference.Value)} [{Signed(difference.Lower)}, {Signed(difference.Upper)}]";

    /// <summary>A cell of the mean over seeds; of a single seed its value without an interval.</summary>
    public static ResultCell Cell(IEnumerable<double> seeds)
    {
        double[] all = [.. seeds];
        return Of(all) is { } mean ? mean : all.Length == 0 ? "–" : all[0].ToString("0.###", CultureInfo.InvariantCulture);
    }

    private static string Signed(double value) => value.ToString("+0.000;−0.000;0.000", CultureInfo.InvariantCulture);
}
