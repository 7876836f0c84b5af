using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Reports.Charts;
using static Tandem.Reports.Markup;
using static Tandem.Reports.Sections.Parts;

namespace Tandem.Reports.Sections;

/// <summary>One generation in full: why this step, what its teachers were worth, what red-teaming found, what the gate said.</summary>
internal static class GenerationSection
{
    /// <summary>The generation's part of the page.</summary>
    /// <param name="arm">The chain.</param>
    /// <param name="position">The generation's position in it.</param>
    /// <param name="id">Unique in the page; ids of pictures start with it.</param>
    public static XElement Draw(ArmSummary arm, int position, string id)
    {
        GenerationSummary generation = arm.Generations[position];
        string label = Reading.Label(arm, position);
        return El(
            "section",
            Class("generation"),
            At("aria-labelledby", id + "-h"),
            El(
                "h3",
                At("id", id + "-h"),
                $"Generation {label} ",
                El("small", $"{generation.Rung}, {Figures.Large(generation.ParameterCount)} parameters"),
                generation.Gate is null ? null : " ",
                generation.Gate is null ? null : Outcome(generation.Gate.Promoted, generation.Gate.Promoted ? "promoted" : "rolled back")),
            El(
                "div",
                Class("blocks"),
                Gap(generation, label, id),
                Supervision(generation, id),
                Gate(generation, label),
                Breakdown(generation, label)),
            Hazards(generation, label),
            Curves(generation, id));
    }

    private static XElement? Gap(GenerationSummary generation, string label, string id)
    {
        if (generation.Gap is not { } gap)
            return null;
        return Block(
            "The step",
            El("p", gap.Reason),
            El(
                "p",
                "Gap δ ",
                Inline(gap.Gap),
                ", chosen by the ",
                gap.Controller,
                $" controller at supervision noise ε {Figures.Rate(gap.SupervisionNoise)}. Performance gap recovered: ",
                generation.PerformanceGapRecovered is { } recovered ? Inline(recovered) : El("strong", "gap within noise"),
                "."),
            generation.Imitation is { } imitation
                ? El(
                    "p",
                    "Agreement with the teacher: ",
                    Inline(imitation.AgreeWhenTeacherRight),
                    " where it is right, ",
                    Inline(imitation.AgreeWhenTeacherWrong),
                    " where it is wrong; the ceiling model agrees with those errors in ",
                    Inline(imitation.CeilingAgreesWhenTeacherWrong),
                    $". Imitation ι is the excess, {Figures.Signed(imitation.Excess)}.")
                : null,
            gap.Candidates.Count == 0
                ? null
                : Figure(
                    GapChart.Draw(id + "-gap", label, gap),
                    "Candidates by gap. Diamond: chosen. Filled: feasible. Hollow: barred by a limit (dashed). Bars: 95% intervals."),
            gap.Candidates.Count == 0
                ? null
                : Fold(
                    "Candidates in numbers",
                    Table(
                        $"Candidates for generation {label}",
                        "dense",
                        ["Rung", "Saliency", "Imitation", "Score", "Verdict"],
                        gap.Candidates.OrderBy(c => c.Gap).Select(c => ((object?)new object[] { c.Rung, " ", El("small", $"δ {Figures.Rate(c.Gap)}") }, (IEnumerable<object?>)
                        [
                            Stacked(c.Saliency, "not measured"), Stacked(c.Imitation, "not measured"), Figures.Rate(c.Score),
                            c.Chosen ? El("strong", "chosen") : c.Feasible ? "feasible" : "barred",
                        ])))));
    }

    private static XElement? Supervision(GenerationSummary generation, string id)
    {
        if (generation.Supervision is not { } supervision)
            return null;
        return Block(
            "Its supervision",
            El(
                "p",
                supervision.Sources.Count == 1
                    ? "One source; its labels are right in "
                    : $"{Figures.Sentence(Figures.Number(supervision.Sources.Count, "source"))}, worth {Figures.Significant(supervision.EffectiveSources)} independent ones, combined by {supervision.Combination}. Combined labels are right in ",
                Inline(supervision.CombinedAccuracy),
                supervision.Sources.Count == 1 ? " of calibration items." : " of calibration items, where models alone label them."),
            supervision.Sources.Count > 1
                ? Figure(CorrelationChart.Draw(id + "-corr", supervision), "Correlation of the sources’ errors: 1 means the same mistakes, 0 independent ones.")
                : null,
            Table(
                "Accuracy of each source on calibration items",
                "dense",
                ["Source", "Accuracy"],
                supervision.Sources.Select((s, i) => ((object?)$"{Figures.Count(i + 1)} {s}", (IEnumerable<object?>)[Stacked(i < supervision.Accuracies.Count ? supervision.Accuracies[i] : null)]))));
    }

    private static XElement? Gate(GenerationSummary generation, string label) =>
        generation.Gate is not { } gate
            ? null
            : Block(
                "The gate",
                El("p", gate.Promoted ? "Promoted: every rule held." : "Rolled back: the previous generation stays in force."),
                Table(
                    $"Rules of the gate, generation {label}",
                    "dense",
                    ["Rule", "Measured", "Outcome"],
                    gate.Rules.Select(r => ((object?)r.Name, (IEnumerable<object?>)[new object[] { r.Measured, " ", El("span", Class("count block"), $"required {r.Threshold}") }, Outcome(r.Passed, r.Passed ? "held" : "failed")]))));

    private static XElement? Breakdown(GenerationSummary generation, string label)
    {
        string[] keys =
        [
            .. (generation.BeforeAlignment?.Breakdown.Keys ?? []).Concat(generation.AfterAlignment?.Breakdown.Keys ?? []).Distinct(),
        ];
        return keys.Length == 0
            ? null
            : Block(
                "Where it holds",
                Table(
                    $"Utility by depth and variant, generation {label}",
                    "dense narrow",
                    ["Items", "A⁻", "A⁺"],
                    keys.Select(k => ((object?)k, (IEnumerable<object?>)[Stacked(Part(generation.BeforeAlignment, k)), Stacked(Part(generation.AfterAlignment, k))]))));
    }

    private static XElement? Hazards(GenerationSummary generation, string label)
    {
        if (generation.EpisodesPlayed == 0 && generation.Hazards.Count == 0)
            return null;
        string found = generation.Hazards.Count == 0
            ? $"None of the {Figures.Count(generation.HazardsPlanted)} planted hazards showed in {Figures.Count(generation.EpisodesPlayed)} episodes; that does not show that there is none."
            : $"{Figures.Sentence(Figures.Number(generation.Hazards.Count, "hazard"))} found in {Figures.Count(generation.EpisodesPlayed)} episodes, of {Figures.Count(generation.HazardsPlanted)} planted; {Figures.Word(generation.Hazards.Count(h => h.Mended))} mended on held-out mutations. Monitor: the share of its failures that the monitor caught.";
        IReadOnlyList<HazardSummary> inherited = generation.InheritedHazards;
        return Block(
            "Hazards",
            El("p", found),
            generation.Hazards.Count == 0 ? null : HazardTable($"Hazards found in generation {label}", generation.Hazards),
            inherited.Count == 0 ? null : El("p", $"{Figures.Sentence(Figures.Number(inherited.Count, "hazard"))} of earlier generations not found again, tested all the same: {Figures.Word(inherited.Count(h => h.Mended))} mended."),
            inherited.Count == 0 ? null : HazardTable($"Earlier hazards in generation {label}", inherited));
    }

    private static XElement HazardTable(string caption, IReadOnlyList<HazardSummary> hazards) => Table(
        caption,
        "hazards",
        ["Hazard", "A⁻ fails", "A⁺ fails", "Monitor", "Outcome"],
        hazards.OrderByDescending(h => h.Severity).Select(h => ((object?)new object[]
        {
            El("span", Class("hazard-id"), h.Id), " ", El("span", Class("description"), h.Description), " ",
            El("span", Class("description"), $"Severity {Figures.Count(h.Severity)} of 5, first seen in generation {Figures.Count(h.FirstSeen)}"), " ",
            El("details", Class("script"), El("summary", "replay"), El("code", h.Script)),
        },
        (IEnumerable<object?>)
        [
            Stacked(h.RateBefore), Stacked(h.RateAfter), Stacked(h.MonitorRecall),
            Outcome(h.Mended, h.Mended ? "mended" : "not mended"),
        ])));

    private static XElement? Curves(GenerationSummary generation, string id)
    {
        TrainingCurve[] curves = [.. generation.Curves.Where(c => c.Points.Count > 0)];
        return curves.Length == 0
            ? null
            : El(
                "details",
                El("summary", $"Training curves ({Figures.Number(curves.Length, "stage")})"),
                El(
                    "div",
                    Class("panels"),
                    curves.Select((c, i) => Figure(CurveChart.Draw($"{id}-curve{Figures.Count(i)}", c), El("strong", c.Stage), " Line: mean; band: range."))));
    }

    private static Estimate? Part(ModelMeasurement? measurement, string key) =>
        measurement is not null && measurement.Breakdown.TryGetValue(key, out Estimate? estimate) ? estimate : null;

    private static XElement Block(string title, params object?[] content) => El("div", Class("block"), El("h4", title), content);
}
