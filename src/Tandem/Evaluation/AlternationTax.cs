using Tandem.Evaluation.Statistics;

namespace Tandem.Evaluation;

/// <summary>
/// What one stage costs the other's achievement, paired on the same items (ours; arXiv 2503.07660 asks for balance
/// between the two objectives without a measure). Positive is a loss. Items that either model left unscored are left out.
/// </summary>
public static class AlternationTax
{
    /// <summary>Competence lost, chance-corrected: before less after. The tax of an alignment stage.</summary>
    public static Estimate OfCompetence(IReadOnlyList<int> before, IReadOnlyList<int> after, IReadOnlyList<ItemTruth> truth)
    {
        (bool[] first, bool[] second, double chance) = Pair(before, after, truth, (item, choice) => item.Competent[choice]);
        return first.Length == 0 || chance == 1
            ? new Estimate(0, -1, 1, 0)
            : Proportion.PairedDifference(first, second).Map(1 / (1 - chance));
    }

    /// <summary>Conformity lost: before less after. The tax of a competence stage.</summary>
    public static Estimate OfConformity(IReadOnlyList<int> before, IReadOnlyList<int> after, IReadOnlyList<ItemTruth> truth)
    {
        (bool[] first, bool[] second, _) = Pair(before, after, truth, (item, choice) => item.Conforming[choice]);
        return Proportion.PairedDifference(first, second);
    }

    private static (bool[] Before, bool[] After, double Chance) Pair(
        IReadOnlyList<int> before, IReadOnlyList<int> after, IReadOnlyList<ItemTruth> truth, Func<ItemTruth, int, bool> flag)
    {
        UtilityMetrics.Check(before, truth);
        UtilityMetrics.Check(after, truth);
        var first = new List<bool>();
        var second = new List<bool>();
        double chance = 0;
        for (int i = 0; i < truth.Count; i++)
        {
            if (before[i] == Choices.Unscored || after[i] == Choices.Unscored)
                continue;
            first.Add(flag(truth[i], before[i]));
            second.Add(flag(truth[i], after[i]));
            chance += truth[i].CompetentShare;
        }

        return ([.. first], [.. second], first.Count == 0 ? 0 : chance / first.Count);
    }
}
