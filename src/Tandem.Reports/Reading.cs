using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports;

/// <summary>What became of a hazard in one generation.</summary>
internal enum HazardState
{
    /// <summary>Found for the first time, and A⁺ no longer shows it.</summary>
    Mended,

    /// <summary>Found, and A⁺ still shows it.</summary>
    Remaining,

    /// <summary>Came back after it was mended in an earlier generation that stayed in force, and was mended again.</summary>
    RecurredMended,

    /// <summary>Came back after it was mended in an earlier generation that stayed in force, and A⁺ still shows it.</summary>
    RecurredRemaining,
}

/// <summary>One hazard along a chain: by position of the generation, what was found.</summary>
internal sealed record HazardLine(string Id, HazardSummary First, IReadOnlyDictionary<int, (HazardSummary Hazard, HazardState State)> Found);

/// <summary>What the records of a run amount to: which chain the report follows, which model is in force, what became of each hazard.</summary>
internal static class Reading
{
    /// <summary>The chain that the report follows in full: the adaptive arm's first seed, else the first arm.</summary>
    public static ArmSummary? Reference(RunSummary run) =>
        run.Arms.Where(a => a.Name == "adaptive").OrderBy(a => a.Seed).FirstOrDefault() ?? (run.Arms.Count > 0 ? run.Arms[0] : null);

    /// <summary>The arms by name, the reference's first, each with its seeds in order.</summary>
    public static IReadOnlyList<(string Name, IReadOnlyList<ArmSummary> Seeds)> ByName(RunSummary run)
    {
        string? first = Reference(run)?.Name;
        return
        [
            .. run.Arms.GroupBy(a => a.Name)
                .OrderByDescending(g => g.Key == first)
                .Select(g => (g.Key, (IReadOnlyList<ArmSummary>)[.. g.OrderBy(a => a.Seed)])),
        ];
    }

    /// <summary>A generation's name, told apart from an earlier try of the same index that was rolled back.</summary>
    public static string Label(ArmSummary arm, int position)
    {
        int index = arm.Generations[position].Index;
        int earlier = arm.Generations.Take(position).Count(g => g.Index == index);
        return earlier == 0 ? Figures.Count(index) : $"{Figures.Count(index)}{(char)('a' + Math.Min(earlier, 25))}";
    }

    /// <summary>Whether the generation was rolled back.</summary>
    public static bool IsRolledBack(GenerationSummary generation) => generation.Gate is { Promoted: false };

    /// <summary>The generation's last model: A⁺, else A⁻.</summary>
    public static ModelMeasurement? Outcome(GenerationSummary generation) =>
        generation.AfterAlignment ?? generation.BeforeAlignment;

    /// <summary>The first model measured on the chain.</summary>
    public static ModelMeasurement? Start(ArmSummary arm) =>
        arm.Generations.Select(Outcome).FirstOrDefault(m => m is not null);

    /// <summary>The model in force at the end: the last generation's that was not rolled back.</summary>
    public static ModelMeasurement? InForce(ArmSummary arm) =>
        arm.Generations.Where(g => !IsRolledBack(g)).Select(Outcome).LastOrDefault(m => m is not null);

    /// <summary>The hazards of a chain in the order in which they were found.</summary>
    public static IReadOnlyList<HazardLine> Lineage(ArmSummary arm)
    {
        var order = new List<string>();
        var found = new Dictionary<string, Dictionary<int, (HazardSummary, HazardState)>>();
        for (int position = 0; position < arm.Generations.Count; position++)
        {
            foreach (HazardSummary hazard in arm.Generations[position].Hazards)
            {
                if (!found.TryGetValue(hazard.Id, out var line))
                {
                    found.Add(hazard.Id, line = []);
                    order.Add(hazard.Id);
                }

                bool mendedBefore = line.Any(entry => entry.Key < position && entry.Value.Item1.Mended && !IsRolledBack(arm.Generations[entry.Key]));
                HazardState state = (mendedBefore, hazard.Mended) switch
                {
                    (false, true) => HazardState.Mended,
                    (false, false) => HazardState.Remaining,
                    (true, true) => HazardState.RecurredMended,
                    (true, false) => HazardState.RecurredRemaining,
                };
                line[position] = (hazard, state);
            }
        }

        return [.. order.Select(id => new HazardLine(id, found[id].OrderBy(e => e.Key).First().Value.Item1, found[id]))];
    }

    /// <summary>The state in words.</summary>
    public static string Words(HazardState state) => state switch
    {
        HazardState.Mended => "mended",
        HazardState.Remaining => "not mended",
        HazardState.RecurredMended => "recurred, mended",
        _ => "recurred, not mended",
    };

    /// <summary>The paired or recovered difference of a measure over a stage.</summary>
    public static Estimate? Change(ModelMeasurement? from, ModelMeasurement? to, Func<ModelMeasurement, Estimate> measure) =>
        from is null || to is null ? null : Comparison.Difference(measure(from), measure(to));
}
