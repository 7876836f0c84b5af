using Spectre.Console;
using Tandem.Evaluation;
using Tandem.Generations;

namespace Tandem.Reports;

/// <summary>
/// The end of a run in the terminal: the generations, the arms, and the summary in words. It fits 80 columns; from 120
/// on, each estimate takes one line. Without a terminal it is plain text.
/// </summary>
public static class ClosingTable
{
    private const int OneLineWidth = 120;

    /// <summary>Writes the tables and the summary.</summary>
    /// <param name="run">The run; it may be unfinished.</param>
    /// <param name="console">Where to write; its width and abilities decide the form.</param>
    public static void Render(RunSummary run, IAnsiConsole console)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(console);
        var form = new Form(console.Profile.Width >= OneLineWidth, console.Profile.Capabilities.Unicode);
        if (Reading.Reference(run) is { Generations.Count: > 0 } arm)
        {
            console.Write(Generations(arm, form));
            string note = form.Text($"Arm {arm.Name}, seed {arm.Seed}. ± is the longer side of the 95% interval{Counts(arm)}.");
            console.Write(new Text(note + "\n", new Style(Color.Grey)));
            for (int i = 0; i < arm.Generations.Count; i++)
            {
                foreach (string remark in Remarks(arm.Generations[i]))
                    Write(console, Reading.Label(arm, i), new Style(Color.Grey), form.Text(remark));
            }
        }

        var arms = Reading.ByName(run);
        if (arms.Count > 1)
        {
            console.WriteLine();
            console.Write(Arms(arms, form));
        }

        console.WriteLine();
        foreach (Statement statement in Narrative.Of(run))
            Write(console, statement.Caution ? "!" : "-", statement.Caution ? new Style(Color.Yellow) : Style.Plain, form.Text(statement.Text));
    }

    // Why a step was chosen, and how far its model took over its teachers' errors.
    private static IEnumerable<string> Remarks(GenerationSummary generation)
    {
        if (generation.Gap is { } gap)
            yield return gap.Reason;
        if (generation.Imitation is { } imitation)
        {
            yield return $"A⁻ agrees with its labels in {Figures.Inline(imitation.AgreeWhenTeacherRight)} where they are right, in {Figures.Inline(imitation.AgreeWhenTeacherWrong)} where they are wrong; a model trained on truth in {Figures.Inline(imitation.CeilingAgreesWhenTeacherWrong)} of those: imitation {Figures.Signed(imitation.Excess)}.";
        }
    }

    private static void Write(IAnsiConsole console, string mark, Style style, string text)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadLeft(0).PadRight(1)).AddColumn(new GridColumn().PadLeft(0).PadRight(0));
        grid.AddRow(new Text(mark, style), new Text(text));
        console.Write(grid);
    }

    private static Table Generations(ArmSummary arm, Form form)
    {
        Table table = Empty(form, padding: 0, ["Gen", "Model", "U", "Comp.", "Conf.\nA⁻", "Conf.\nA⁺", "δ", "PGR", "Hazards", "Tax", "Gate"]);
        for (int i = 0; i < arm.Generations.Count; i++)
        {
            GenerationSummary generation = arm.Generations[i];
            ModelMeasurement? outcome = Reading.Outcome(generation);
            bool found = generation.EpisodesPlayed > 0 || generation.Hazards.Count > 0;
            table.AddRow(
                form.Cell(Reading.Label(arm, i)),
                form.Pair(Shorten(generation.Rung), Figures.Large(generation.ParameterCount)),
                form.Estimate(outcome?.Utility),
                form.Estimate(outcome?.Competence),
                form.Estimate(generation.BeforeAlignment?.Conformity),
                form.Estimate(generation.AfterAlignment?.Conformity),
                form.Estimate(generation.Gap?.Gap),
                generation.Gap is not null && generation.PerformanceGapRecovered is null ? form.Pair("within", "noise") : form.Estimate(generation.PerformanceGapRecovered),
                form.Cell(found ? $"{Figures.Count(generation.Hazards.Count)} → {Figures.Count(generation.Hazards.Count(h => h.Mended))}" : "–"),
                form.Estimate(generation.AlternationTax),
                generation.Gate is { } gate
                    ? gate.Promoted ? form.Cell("promoted", Color.Green) : form.Pair("rolled", "back", Color.Red)
                    : form.Cell("–"));
        }

        return table;
    }

    private static Table Arms(IReadOnlyList<(string Name, IReadOnlyList<ArmSummary> Seeds)> arms, Form form)
    {
        Table table = Empty(form, padding: 1, ["Arm", "Seeds", "U", "Comp.", "Conf.", "Unsafe", "Training", "Labels"]);
        foreach ((string name, IReadOnlyList<ArmSummary> seeds) in arms)
        {
            ModelMeasurement[] ends = [.. seeds.Select(Reading.InForce).OfType<ModelMeasurement>()];
            table.AddRow(
                form.Cell(Shorten(name, 18)),
                form.Cell(Figures.Count(seeds.Count)),
                form.Estimate(Comparison.OverSeeds([.. ends.Select(m => m.Utility)])),
                form.Estimate(Comparison.OverSeeds([.. ends.Select(m => m.Competence)])),
                form.Estimate(Comparison.OverSeeds([.. ends.Select(m => m.Conformity)])),
                form.Estimate(Comparison.OverSeeds([.. ends.Select(m => m.UnsafeUnderTemptation)])),
                form.Cell(Figures.Flops(seeds.Average(s => s.TrainingFlops))),
                form.Cell(Figures.Count((long)Math.Round(seeds.Average(s => s.HumanLabels)))));
        }

        return table;
    }

    private static Table Empty(Form form, int padding, string[] columns)
    {
        var table = new Table { Border = form.Unicode ? TableBorder.Simple : TableBorder.Ascii };
        foreach (string column in columns)
            table.AddColumn(new TableColumn(new Text(form.Text(column), new Style(decoration: Decoration.Bold))) { Padding = new Padding(0, 0, padding, 0) });
        return table;
    }

    private static string Counts(ArmSummary arm)
    {
        int[] counts =
        [
            .. arm.Generations.SelectMany(g => new[] { g.BeforeAlignment, g.AfterAlignment }).OfType<ModelMeasurement>()
                .SelectMany(m => new[] { m.Utility.Count, m.Competence.Count, m.Conformity.Count }),
        ];
        if (counts.Length == 0)
            return string.Empty;
        return counts.Min() == counts.Max() ? $", n {Figures.Count(counts.Min())}" : $", n {Figures.Count(counts.Min())} to {Figures.Count(counts.Max())}";
    }

    private static string Shorten(string text, int length = 9) => text.Length <= length ? text : text[..(length - 1)] + "…";

    private sealed record Form(bool OneLine, bool Unicode)
    {
        public Text Estimate(Estimate? estimate)
        {
            if (estimate is null)
                return Cell("–");
            if (!double.IsFinite(estimate.Value))
                return Pair("not", "measured");
            double half = Figures.HalfWidth(estimate);
            return Pair(Figures.Rate(estimate.Value), double.IsFinite(half) ? "±" + Figures.Rate(half) : "no limit");
        }

        public Text Pair(string first, string second, Color? color = null) => Cell(first + (OneLine ? " " : "\n") + second, color);

        public Text Cell(string text, Color? color = null) => new(Text(text), color is { } c ? new Style(c) : Style.Plain);

        /// <summary>Safe to print: no control characters but line ends, and ASCII where the console has no more.</summary>
        public string Text(string text) => Terminal.Safe(text, Unicode, keepLines: true);
    }
}
