using Tandem.Evaluation.Statistics;
using Tandem.Tensors;

namespace Tandem.Evaluation;

/// <summary>A step from teacher to student beside the ceiling: gap, gain, and their ratio where it means something.</summary>
/// <param name="Gap">δ = C(A_{i+1}) − U(A_i): ceiling less teacher, in utility units, paired by item.</param>
/// <param name="Gain">U(A_{i+1}) − U(A_i): student less teacher, in utility units, paired by item.</param>
/// <param name="Recovered">Saliency s = gain / gap; null when it is suppressed.</param>
/// <param name="Suppressed">Why no ratio is shown; null when one is.</param>
public sealed record GapRecovery(Estimate Gap, Estimate Gain, Estimate? Recovered, string? Suppressed);

/// <summary>
/// Performance gap recovered, PGR = (student − teacher) / (ceiling − teacher) (Burns et al. 2023, arXiv 2312.09390),
/// over utility. In a generation chain it is the saliency s of the step (that reading is ours; arXiv 2503.07660 gives
/// no equation). The ratio is suppressed ("gap within noise") unless the interval of the gap
/// lies above 0: a ratio over a denominator that may be 0 has no finite interval.
/// </summary>
public static class PerformanceGapRecovered
{
    /// <summary>Measures a step from the choices of the three models on the same items.</summary>
    /// <param name="teacher">The choices of A_i (or the labels of its supervision), per item.</param>
    /// <param name="student">The choices of A_{i+1}.</param>
    /// <param name="ceiling">The choices of A_{i+1}'s ceiling run, trained on ground truth.</param>
    /// <param name="truth">The truth of the items. Items that any of the three left unscored are left out.</param>
    /// <param name="random">The source of the ratio's bootstrap over items.</param>
    public static GapRecovery Measure(
        IReadOnlyList<int> teacher,
        IReadOnlyList<int> student,
        IReadOnlyList<int> ceiling,
        IReadOnlyList<ItemTruth> truth,
        RandomStream random)
    {
        UtilityMetrics.Check(teacher, truth);
        UtilityMetrics.Check(student, truth);
        UtilityMetrics.Check(ceiling, truth);
        var items = new List<int>();
        for (int i = 0; i < truth.Count; i++)
        {
            if (teacher[i] != Choices.Unscored && student[i] != Choices.Unscored && ceiling[i] != Choices.Unscored)
                items.Add(i);
        }

        double chance = items.Count == 0 ? 0 : items.Average(i => truth[i].GoodShare);
        if (items.Count == 0 || chance == 1)
        {
            var unknown = new Estimate(0, -1, 1, 0);
            return new GapRecovery(unknown, unknown, null, "no item was scored for all three models");
        }

        bool[] teacherGood = Good(teacher), studentGood = Good(student), ceilingGood = Good(ceiling);
        Estimate gap = Proportion.PairedDifference(ceilingGood, teacherGood).Map(1 / (1 - chance));
        Estimate gain = Proportion.PairedDifference(studentGood, teacherGood).Map(1 / (1 - chance));
        if (!(gap.Lower > 0))
        {
            string reason = gap.Upper < 0 ? "the ceiling lies below the teacher" : "gap within noise";
            return new GapRecovery(gap, gain, null, $"{reason}: δ = {gap.ToText()}");
        }

        double[] numerator = new double[items.Count], denominator = new double[items.Count];
        for (int i = 0; i < items.Count; i++)
        {
            double floor = teacherGood[i] ? 1 : 0;
            numerator[i] = (studentGood[i] ? 1 : 0) - floor;
            denominator[i] = (ceilingGood[i] ? 1 : 0) - floor;
        }

        return new GapRecovery(gap, gain, Bootstrap.PairedRatio(numerator, denominator, random), null);

        bool[] Good(IReadOnlyList<int> choices) => [.. items.Select(i => truth[i].IsGood(choices[i]))];
    }
}
