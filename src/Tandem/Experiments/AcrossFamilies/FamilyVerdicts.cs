namespace Tandem.Experiments.AcrossFamilies;

/// <summary>The rules by which claims over several families are judged.</summary>
internal static class FamilyVerdicts
{
    /// <summary>
    /// Whether one schedule is best everywhere. Reproduced: the same is ahead of every other in every family. Partly: it has
    /// the highest mean everywhere and is ahead of every other in some family. Not reproduced: two families have different
    /// ones, each ahead of the other's in its own. Undecided otherwise.
    /// </summary>
    /// <param name="best">The schedule with the highest mean, by family.</param>
    /// <param name="comparisons">All comparisons, each pair of schedules once a family.</param>
    public static ClaimVerdict SameBest(IReadOnlyDictionary<string, string> best, IReadOnlyList<ScheduleComparison> comparisons)
    {
        bool Ahead(string family, string first, string second) => comparisons.Any(c => c.Family == family
            && ((c.First == first && c.Second == second && c.IsAhead) || (c.First == second && c.Second == first && c.IsBehind)));
        bool AheadOfAll(string family) => comparisons.Where(c => c.Family == family).SelectMany(c => new[] { c.First, c.Second })
            .Distinct().All(other => other == best[family] || Ahead(family, best[family], other));
        if (best.Keys.Any(f => best.Keys.Any(g => Ahead(f, best[f], best[g]) && Ahead(g, best[g], best[f]))))
            return ClaimVerdict.NotReproduced;
        if (best.Values.Distinct().Count() > 1)
            return ClaimVerdict.Undecided;
        return best.Keys.All(AheadOfAll) ? ClaimVerdict.Reproduced : best.Keys.Any(AheadOfAll) ? ClaimVerdict.Partly : ClaimVerdict.Undecided;
    }

    /// <summary>
    /// Whether the first schedules are ahead: reproduced when all are, partly when some are and none is behind, not reproduced
    /// when none is and some are behind or all lie below <see cref="ClaimRule.Negligible"/>, undecided otherwise.
    /// </summary>
    public static ClaimVerdict AllAhead(IReadOnlyList<ScheduleComparison> comparisons)
    {
        int ahead = comparisons.Count(c => c.IsAhead), behind = comparisons.Count(c => c.IsBehind);
        if (comparisons.Count > 0 && ahead == comparisons.Count)
            return ClaimVerdict.Reproduced;
        if (ahead > 0)
            return behind == 0 ? ClaimVerdict.Partly : ClaimVerdict.Undecided;
        return behind > 0 || comparisons.All(c => c.Difference is { Upper: < ClaimRule.Negligible }) ? ClaimVerdict.NotReproduced : ClaimVerdict.Undecided;
    }
}
