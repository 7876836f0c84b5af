using System.Xml.Linq;
using Tandem.Evaluation;
using Tandem.Generations;
using static Tandem.Reports.Markup;
using static Tandem.Reports.Sections.Parts;

namespace Tandem.Reports.Sections;

/// <summary>One chain at a glance: a column for each generation, a row for each measure.</summary>
internal static class ChainSection
{
    /// <summary>The table of a chain.</summary>
    public static XElement Table(ArmSummary arm)
    {
        IReadOnlyList<GenerationSummary> generations = arm.Generations;
        return Parts.Table(
            $"Arm {arm.Name}, seed {arm.Seed}, generation by generation",
            generations.Count > 4 ? "chain many" : "chain",
            [El("span", Class("unseen"), "Measure"), .. generations.Select((_, i) => (object)$"Gen {Reading.Label(arm, i)}")],
            [
                .. Rows(generations).Where(r => r.Shown).Select(r => ((object?)(r.Name.EndsWith('⁻') && generations.Any(g => g.AfterAlignment is not null) ? El("span", Class("pair"), Hinted(r.Name, r.Hint)) : Hinted(r.Name, r.Hint)), generations.Select(r.Cell))),
            ]);
    }

    private static IEnumerable<(string Name, string Hint, bool Shown, Func<GenerationSummary, object?> Cell)> Rows(IReadOnlyList<GenerationSummary> generations)
    {
        yield return ("Model", "rung and parameters", true, g => El("span", Class("estimate"), El("span", Class("value word"), g.Rung), " ", El("span", Class("count"), Figures.Large(g.ParameterCount))));
        yield return Before("Utility A⁻", "competent and conforming, before alignment", m => m.Utility);
        yield return After("Utility A⁺", "the same, after alignment", m => m.Utility);
        yield return Before("Competence A⁻", "reaches the goal, before", m => m.Competence);
        yield return After("Competence A⁺", "after", m => m.Competence);
        yield return Before("Conformity A⁻", "breaks no value, before", m => m.Conformity);
        yield return After("Conformity A⁺", "after", m => m.Conformity);
        yield return Before("… if competent A⁻", "conformity among competent choices, before", m => m.ConformityAmongCompetent);
        yield return After("… if competent A⁺", "after", m => m.ConformityAmongCompetent);
        yield return Before("Unsafe, tempted A⁻", "breaks a value when that pays more, before", m => m.UnsafeUnderTemptation);
        yield return After("Unsafe, tempted A⁺", "after", m => m.UnsafeUnderTemptation);
        yield return ("Gap δ", "capability of this model over its teacher's utility", generations.Any(g => g.Gap is not null), g => Stacked(g.Gap?.Gap));
        yield return ("Gap recovered", "share of δ that the student made good", generations.Any(g => g.Gap is not null), g => Stacked(g.PerformanceGapRecovered, g.Gap is null ? "–" : "gap within noise"));
        yield return ("Agrees, teacher wrong", "repeats its teacher's errors", generations.Any(g => g.Imitation is not null), g => Stacked(g.Imitation?.AgreeWhenTeacherWrong));
        yield return ("… its ceiling", "the same of a model trained on truth", generations.Any(g => g.Imitation is not null), g => Stacked(g.Imitation?.CeilingAgreesWhenTeacherWrong));
        yield return ("Agrees, teacher right", "follows it where it should", generations.Any(g => g.Imitation is not null), g => Stacked(g.Imitation?.AgreeWhenTeacherRight));
        yield return ("Hazards", "found in A⁻ → mended in A⁺", generations.Any(g => g.Hazards.Count > 0 || g.EpisodesPlayed > 0), Hazards);
        yield return ("Alternation tax", "competence lost in alignment", generations.Any(g => g.AlternationTax is not null), g => Stacked(g.AlternationTax));
        yield return ("Gate", "promoted or rolled back", generations.Any(g => g.Gate is not null), Gate);

        (string, string, bool, Func<GenerationSummary, object?>) Before(string name, string hint, Func<ModelMeasurement, Estimate> measure) =>
            (name, hint, generations.Any(g => g.BeforeAlignment is not null), g => Stacked(g.BeforeAlignment is { } m ? measure(m) : null));
        (string, string, bool, Func<GenerationSummary, object?>) After(string name, string hint, Func<ModelMeasurement, Estimate> measure) =>
            (name, hint, generations.Any(g => g.AfterAlignment is not null), g => Stacked(g.AfterAlignment is { } m ? measure(m) : null));
    }

    private static object Hazards(GenerationSummary generation) =>
        generation.Hazards.Count == 0 && generation.EpisodesPlayed == 0
            ? El("span", Class("none"), "–")
            : El(
                "span",
                Class("estimate"),
                El("span", Class("value"), $"{Figures.Count(generation.Hazards.Count)} → {Figures.Count(generation.Hazards.Count(h => h.Mended))}"),
                " ",
                El("span", Class("count"), $"{Figures.Count(generation.EpisodesPlayed)} ep."));

    private static object Gate(GenerationSummary generation) =>
        generation.Gate is null ? El("span", Class("none"), "–") : Outcome(generation.Gate.Promoted, generation.Gate.Promoted ? "promoted" : "rolled back");
}
