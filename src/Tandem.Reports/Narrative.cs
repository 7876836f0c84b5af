using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports;

/// <summary>A sentence of the summary; a caution is something that failed, is missing or limits what the numbers say.</summary>
internal sealed record Statement(string Text, bool Caution = false);

/// <summary>
/// The run in plain words. A direction (rose, fell, higher) is said only where a 95% interval of the difference excludes
/// zero; else the sentence says that the difference is within noise.
/// </summary>
internal static class Narrative
{
    // More than these are counted instead of named; the sections below name all.
    private const int MostNamed = 3;

    /// <summary>The sentences in the order in which a reader needs them.</summary>
    public static IReadOnlyList<Statement> Of(RunSummary run)
    {
        if (Reading.Reference(run) is not { } arm || Reading.Start(arm) is not { } start || Reading.InForce(arm) is not { } end)
            return [new Statement("No model was measured yet.", Caution: true)];
        IReadOnlyList<ArmSummary> seeds = Reading.ByName(run)[0].Seeds;
        List<Statement> statements = [Growth(arm, run), .. Competence(start, end), .. Alignment(arm), .. Gates(arm), .. OverSeeds(seeds)];
        statements.AddRange(Hazards(arm));
        statements.AddRange(Gaps(arm));
        statements.AddRange(Arms(run, seeds));
        int unscored = run.Arms.SelectMany(a => a.Generations).Sum(g => (g.BeforeAlignment?.Unscored ?? 0) + (g.AfterAlignment?.Unscored ?? 0));
        if (unscored > 0)
            statements.Add(new Statement($"{Figures.Sentence(Figures.Number(unscored, "item"))} got no score and {(unscored == 1 ? "is" : "are")} counted in no rate.", Caution: true));
        return statements;
    }

    /// <summary>Whether the arms' training compute differs by more than a twentieth; null when it is not known of every arm.</summary>
    public static bool? ComputeDiffers(RunSummary run)
    {
        double[] means = [.. Reading.ByName(run).Select(a => a.Seeds.Average(s => s.TrainingFlops))];
        if (!means.All(f => f > 0 && double.IsFinite(f)))
            return null;
        return means.Length > 1 && means.Max() > 1.05 * means.Min();
    }

    /// <summary>A difference for running text: <c>+0.25, 0.19–0.31</c>.</summary>
    public static string Words(Estimate difference) => $"{Figures.Signed(difference.Value)}, {Figures.Interval(difference)}";

    private static Statement Growth(ArmSummary arm, RunSummary run)
    {
        GenerationSummary[] grown = [.. arm.Generations.Where(g => g.Index > 0)];
        int generations = grown.Select(g => g.Index).Distinct().Count();
        long from = arm.Generations[0].ParameterCount, to = arm.Generations.Where(g => !Reading.IsRolledBack(g)).Select(g => g.ParameterCount).LastOrDefault(from);
        string time = Figures.Duration(run.WallSeconds);
        if (generations == 0)
            return new Statement($"Only the initial model was measured ({Figures.Large(from)} parameters, {time}).");
        string tries = grown.Length > generations ? $", {Figures.Number(grown.Length, "attempt")}" : string.Empty;
        string start = $"{Figures.Sentence(Figures.Number(generations, "generation"))}{tries}, {time}: ";
        if (grown.All(Reading.IsRolledBack))
            return new Statement($"{start}none was promoted, and the initial model with {Figures.Large(from)} parameters stays in force.", Caution: true);
        return from == to
            ? new Statement($"{start}the model in force has {Figures.Large(to)} parameters, like the first.")
            : new Statement($"{start}the model in force went from {Figures.Large(from)} to {Figures.Large(to)} parameters.");
    }

    private static IEnumerable<Statement> Competence(ModelMeasurement start, ModelMeasurement end)
    {
        if (ReferenceEquals(start, end))
        {
            yield return new Statement($"The model in force has competence {Figures.Inline(start.Competence)} and conformity {Figures.Inline(start.Conformity)}.");
            yield break;
        }

        Estimate change = Comparison.Difference(start.Competence, end.Competence);
        string values = $"from {Figures.Rate(start.Competence.Value)} to {Figures.Rate(end.Competence.Value)}";
        yield return Comparison.Direction(change) switch
        {
            1 => new Statement($"Competence rose {values} ({Words(change)})."),
            -1 => new Statement($"Competence fell {values} ({Words(change)}).", Caution: true),
            _ => new Statement($"Competence went {values}, which is within noise ({Words(change)}).", Caution: true),
        };

        Estimate conformity = Comparison.Difference(start.Conformity, end.Conformity);
        if (Comparison.Direction(conformity) < 0)
        {
            yield return new Statement(
                $"The model in force conforms less than the first one: {Figures.Rate(start.Conformity.Value)}, then {Figures.Rate(end.Conformity.Value)} ({Words(conformity)}).",
                Caution: true);
        }
    }

    private static IEnumerable<Statement> OverSeeds(IReadOnlyList<ArmSummary> seeds)
    {
        double[] gains =
        [
            .. seeds.Select(s => (Reading.Start(s), Reading.InForce(s))).Where(p => p.Item1 is not null && p.Item2 is not null)
                .Select(p => p.Item2!.Competence.Value - p.Item1!.Competence.Value),
        ];
        if (gains.Length > 1)
        {
            Estimate mean = Comparison.Mean(gains);
            yield return new Statement($"Over {Figures.Number(gains.Length, "seed")} the mean change of competence is {Figures.Signed(mean.Value)} ({Figures.Interval(mean)}){(Comparison.Direction(mean) == 0 ? ", within the noise between seeds" : string.Empty)}.", Comparison.Direction(mean) == 0);
        }
    }

    private static IEnumerable<Statement> Alignment(ArmSummary arm)
    {
        (string Label, Estimate Change, GenerationSummary Generation)[] stages =
        [
            .. arm.Generations.Select((g, i) => (Reading.Label(arm, i), Reading.Change(g.BeforeAlignment, g.AfterAlignment, m => m.Conformity)!, g)).Where(s => s.Item2 is not null),
        ];
        if (stages.Length == 0)
            yield break;
        string[] raised = Where(1), lowered = Where(-1), unclear = Where(0);
        GenerationSummary last = stages[^1].Generation;
        string lastValues = $"from {Figures.Rate(last.BeforeAlignment!.Conformity.Value)} to {Figures.Rate(last.AfterAlignment!.Conformity.Value)} ({Words(stages[^1].Change)}) in {(stages.Length == 1 ? "its only stage" : "the last")}";
        var parts = new List<string>();
        if (raised.Length > 0)
            parts.Add(raised.Length == stages.Length && stages.Length > 1 ? "raised conformity every time" : $"raised conformity in {Generations(raised)}");
        if (lowered.Length > 0)
            parts.Add($"lowered it in {Generations(lowered)}");
        if (unclear.Length > 0)
            parts.Add($"changed it within noise in {Generations(unclear)}");
        yield return new Statement($"Alignment {List(parts)}: {lastValues}.", raised.Length < stages.Length);

        (string Label, Estimate Tax)[] costly =
        [
            .. arm.Generations.Select((g, i) => (Reading.Label(arm, i), g.AlternationTax!)).Where(t => t.Item2 is not null && t.Item2.Lower > 0),
        ];
        if (costly.Length > 0)
            yield return new Statement($"Alignment cost competence in {List([.. costly.Select(c => $"generation {c.Label} by {Figures.Inline(c.Tax)}")])}.", Caution: true);

        string[] Where(int direction) => [.. stages.Where(s => Comparison.Direction(s.Change) == direction).Select(s => s.Label)];
    }

    private static IEnumerable<Statement> Gates(ArmSummary arm)
    {
        (string Label, GateSummary Gate)[] gates = [.. arm.Generations.Select((g, i) => (Reading.Label(arm, i), g.Gate!)).Where(g => g.Item2 is not null)];
        if (gates.Length == 0)
            yield break;
        if (gates.All(g => g.Gate.Promoted))
        {
            yield return new Statement(gates.Length == 1 ? "The gate promoted its one generation." : $"The gate promoted all {Figures.Word(gates.Length)} generations.");
            yield break;
        }

        (string Label, GateSummary Gate)[] back = [.. gates.Where(g => !g.Gate.Promoted)];
        if (back.Length > MostNamed)
        {
            IEnumerable<string> rules = back.SelectMany(b => b.Gate.Rules.Where(r => !r.Passed).Select(r => r.Name).Distinct()).GroupBy(n => n).OrderByDescending(n => n.Count()).Select(n => $"{n.Key} in {Figures.Word(n.Count())}");
            yield return new Statement($"{Figures.Sentence(Figures.Word(back.Length))} of {Figures.Word(gates.Length)} attempts were rolled back. Rules that failed: {List([.. rules])}.", Caution: true);
            yield break;
        }

        foreach ((string label, GateSummary gate) in back)
        {
            IEnumerable<string> failed = gate.Rules.Where(r => !r.Passed).Select(r => $"{r.Name} {r.Measured}, required {r.Threshold}");
            string reasons = string.Join("; ", failed);
            yield return new Statement($"Generation {label} was rolled back{(reasons.Length > 0 ? ": " + reasons : string.Empty)}.", Caution: true);
        }
    }

    private static IEnumerable<Statement> Hazards(ArmSummary arm)
    {
        int episodes = arm.Generations.Sum(g => g.EpisodesPlayed);
        IReadOnlyList<HazardLine> lines = Reading.Lineage(arm);
        if (lines.Count == 0)
        {
            if (episodes > 0)
                yield return new Statement($"Red-teaming found no hazard in {Figures.Count(episodes)} episodes, which does not show that there is none.", Caution: true);
            yield break;
        }

        // What a rolled-back attempt mended went with it: only generations that stayed in force count here.
        (string Id, bool Mended)[] kept =
        [
            .. lines.Select(l => (l.Id, Last: l.Found.Where(f => !Reading.IsRolledBack(arm.Generations[f.Key])).OrderBy(f => f.Key).Select(f => f.Value.Hazard).LastOrDefault()))
                .Where(l => l.Last is not null).Select(l => (l.Id, l.Last!.Mended)),
        ];
        string[] open = [.. kept.Where(k => !k.Mended).Select(k => k.Id)];
        int mended = kept.Length - open.Length, undone = lines.Count - kept.Length;
        string found = $"Red-teaming found {Figures.Number(lines.Count, "hazard")}{(episodes > 0 ? $" in {Figures.Count(episodes)} episodes" : string.Empty)}";
        if (kept.Length == 0)
            yield return new Statement($"{found}, {(lines.Count == 1 ? "in an attempt that was" : "all in attempts that were")} rolled back.", Caution: true);
        else if (open.Length == 0 && undone == 0)
            yield return new Statement($"{found}; after alignment {(lines.Count == 1 ? "it no longer shows" : "none of them shows")} on held-out mutations, within the gate's limits.");
        else
            yield return new Statement($"{found}; {SomeAre(mended)} mended{(open.Length > 0 ? $", {SomeAre(open.Length)} not: {Some(open)}" : string.Empty)}{(undone > 0 ? $"; {Figures.Word(undone)} showed only in attempts that were rolled back" : string.Empty)}.", Caution: true);
        string[] recurred = [.. lines.Where(l => l.Found.Values.Any(f => f.State is HazardState.RecurredMended or HazardState.RecurredRemaining)).Select(l => l.Id)];
        if (recurred.Length > 0)
            yield return new Statement($"{Some(recurred)} came back in a later generation after {(recurred.Length == 1 ? "it was" : "they were")} mended.", Caution: true);
    }

    private static IEnumerable<Statement> Gaps(ArmSummary arm)
    {
        string[] noise = [.. arm.Generations.Select((g, i) => (Reading.Label(arm, i), g)).Where(p => p.g is { Gap: not null, PerformanceGapRecovered: null }).Select(p => p.Item1)];
        if (noise.Length > 0)
            yield return new Statement($"The capability gap of {Generations(noise)} is within noise, so no performance gap recovered is given there.", Caution: true);
    }

    private static IEnumerable<Statement> Arms(RunSummary run, IReadOnlyList<ArmSummary> reference)
    {
        var higher = new List<string>();
        var lower = new List<string>();
        var open = new List<string>();
        bool single = false;
        foreach ((string name, IReadOnlyList<ArmSummary> seeds) in Reading.ByName(run).Skip(1))
        {
            if (Against(seeds, reference, m => m.Utility) is not { } difference)
                continue;
            single |= difference.Seeds < 2;
            string text = $"{name} ({Words(difference.Value)}{(difference.Seeds > 1 ? $", {difference.Seeds} seeds" : string.Empty)})";
            (Comparison.Direction(difference.Value) switch { 1 => higher, -1 => lower, _ => open }).Add(text);
        }

        string arm = reference[0].Name;
        if (higher.Count > 0)
            yield return new Statement($"The {arm} arm ends with more utility than {List(higher)}.");
        if (lower.Count > 0)
            yield return new Statement($"The {arm} arm ends with less utility than {List(lower)}.", Caution: true);
        if (open.Count > 0)
            yield return new Statement($"In utility, the run does not tell the {arm} arm from {List(open)}.", Caution: true);
        if (single)
            yield return new Statement("Arms compared on one seed: the intervals speak of these models' items, not of other seeds.", Caution: true);
        if (ComputeDiffers(run) is true)
        {
            double[] means = [.. Reading.ByName(run).Select(a => a.Seeds.Average(s => s.TrainingFlops))];
            yield return new Statement($"The arms did not spend equal compute: from {Figures.Flops(means.Min())} to {Figures.Flops(means.Max())} of training.", Caution: true);
        }
    }

    /// <summary>
    /// The reference's final measure less another arm's: over paired seeds with Student's t where there are at least two,
    /// else recovered from the two intervals of one seed.
    /// </summary>
    public static (Estimate Value, int Seeds)? Against(IReadOnlyList<ArmSummary> other, IReadOnlyList<ArmSummary> reference, Func<ModelMeasurement, Estimate> measure)
    {
        (Estimate Other, Estimate Reference)[] pairs =
        [
            .. from r in reference
               join o in other on r.Seed equals o.Seed
               let rm = Reading.InForce(r)
               let om = Reading.InForce(o)
               where rm is not null && om is not null
               select (measure(om), measure(rm)),
        ];
        return pairs.Length switch
        {
            0 => null,
            1 => (Comparison.Difference(pairs[0].Other, pairs[0].Reference), 1),
            _ => (Comparison.Mean([.. pairs.Select(p => p.Reference.Value - p.Other.Value)]), pairs.Length),
        };
    }

    private static string Generations(string[] labels) => (labels.Length == 1 ? "generation " : "generations ") + List(labels);

    private static string Some(string[] items) =>
        items.Length <= MostNamed + 1 ? List(items) : List([.. items.Take(MostNamed), Figures.Number(items.Length - MostNamed, "other")]);

    private static string List(IReadOnlyList<string> items) => items.Count switch
    {
        0 => string.Empty,
        1 => items[0],
        _ => string.Join(", ", items.Take(items.Count - 1)) + " and " + items[^1],
    };

    private static string SomeAre(int count) => count switch { 0 => "none is", 1 => "one is", _ => $"{Figures.Word(count)} are" };
}
