using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;
using Tandem.Reports.Charts;
using static Tandem.Reports.Markup;
using static Tandem.Reports.Sections.Parts;

namespace Tandem.Reports.Sections;

/// <summary>The arms side by side, aggregated over seeds, with what each spent.</summary>
internal static class ArmsSection
{
    /// <summary>The section; null with a single arm.</summary>
    public static XElement? Draw(RunSummary run)
    {
        (string Name, IReadOnlyList<ArmSummary> Seeds, IReadOnlyList<ModelMeasurement> Ends)[] arms =
        [
            .. Reading.ByName(run).Select(a => (a.Name, a.Seeds, (IReadOnlyList<ModelMeasurement>)[.. a.Seeds.Select(Reading.InForce).OfType<ModelMeasurement>()])).Where(a => a.Item3.Count > 0),
        ];
        if (arms.Length == 0 || (arms.Length == 1 && arms[0].Ends.Count < 2))
            return null;
        bool several = arms.Any(a => a.Ends.Count > 1);
        return El(
            "section",
            At("id", "arms"),
            At("aria-labelledby", "arms-h"),
            El("h2", At("id", "arms-h"), "Arms side by side"),
            El("p", "Each arm’s model in force at the end. ", Narrative.ComputeDiffers(run) switch
            {
                true => "The arms did not spend equal compute; read the differences with their cost beside them.",
                false => "The arms’ training compute, pilots counted, is equal within 5%.",
                null => "What the arms spent is not known of all of them.",
            }),
            El(
                "div",
                Class("panels pairs"),
                Panel("arms-u", "Utility", arms, m => m.Utility),
                Panel("arms-c", "Competence", arms, m => m.Competence),
                Panel("arms-v", "Conformity", arms, m => m.Conformity),
                Panel("arms-t", "Unsafe under temptation", arms, m => m.UnsafeUnderTemptation)),
            Table(
                several ? "Final models by arm: mean over seeds with Student’s t interval, n = seeds; one seed keeps its items’ interval" : "Final models by arm, one seed each",
                "dense arms",
                ["Arm", "Utility", "Competence", "Conformity", "Unsafe, tempted", "Training", "Labels"],
                arms.Select(a => ((object?)new object[] { a.Name, " ", El("small", Figures.Number(a.Ends.Count, "seed")) }, (IEnumerable<object?>)
                [
                    Stacked(Mean(a.Ends, m => m.Utility)), Stacked(Mean(a.Ends, m => m.Competence)), Stacked(Mean(a.Ends, m => m.Conformity)), Stacked(Mean(a.Ends, m => m.UnsafeUnderTemptation)),
                    Figures.Flops(a.Seeds.Average(s => s.TrainingFlops)), Figures.Count((long)Math.Round(a.Seeds.Average(s => s.HumanLabels))),
                ]))),
            arms.Length > 1 ? Differences(arms) : null);
    }

    private static XElement Panel(string id, string name, (string Name, IReadOnlyList<ArmSummary> Seeds, IReadOnlyList<ModelMeasurement> Ends)[] arms, Func<ModelMeasurement, Estimate> measure) =>
        Figure(
            ArmsChart.Draw(id, name, [.. arms.Select(a => (a.Name, (IReadOnlyList<Estimate>)[.. a.Ends.Select(measure)], Mean(a.Ends, measure)))]),
            El("strong", name),
            arms.Any(a => a.Ends.Count > 1) ? " Diamond: mean and interval; rings: seeds." : " Diamond: value; bar: interval.");

    private static XElement Differences((string Name, IReadOnlyList<ArmSummary> Seeds, IReadOnlyList<ModelMeasurement> Ends)[] arms)
    {
        IReadOnlyList<ArmSummary> reference = arms[0].Seeds;
        return Table(
            $"{Figures.Sentence(arms[0].Name)} less each other arm: paired by seed (n = seeds), or from the two intervals of one seed (n = items)",
            "dense arms",
            ["Against", "Utility", "Competence", "Conformity", "Unsafe, tempted"],
            arms.Skip(1).Select(a => ((object?)a.Name, (IEnumerable<object?>)
            [
                Cell(a.Seeds, m => m.Utility), Cell(a.Seeds, m => m.Competence), Cell(a.Seeds, m => m.Conformity), Cell(a.Seeds, m => m.UnsafeUnderTemptation),
            ])));

        object Cell(IReadOnlyList<ArmSummary> other, Func<ModelMeasurement, Estimate> measure)
        {
            if (Narrative.Against(other, reference, measure) is not { } difference)
                return El("span", Class("none"), "no common seed");
            return new object?[] { Stacked(difference.Value, signed: true), Comparison.Direction(difference.Value) == 0 ? El("span", Class("count block"), "within noise") : null };
        }
    }

    private static Estimate Mean(IReadOnlyList<ModelMeasurement> ends, Func<ModelMeasurement, Estimate> measure) =>
        Comparison.OverSeeds([.. ends.Select(measure)])!;
}
