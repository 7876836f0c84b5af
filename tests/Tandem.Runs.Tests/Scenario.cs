using System.Globalization;

namespace Tandem.Runs.Tests;

/// <summary>
/// A small run with everything that a real one does: nested stages, two generations, a trainer that resumes from its own
/// checkpoint in the scratch directory, artefacts (a file and a folder), rows of every table, and a report.
/// </summary>
internal static class Scenario
{
    public const int TrainerSteps = 2;

    public static ResolvedRecipe Recipe { get; } = ResolvedRecipe.Of(new SampleRecipe { Name = "scenario" });

    public static double Play(RunDirectory run, Action? onStep = null)
    {
        double total = 0;
        for (int generation = 0; generation < 2; generation++)
            total = Generation(run, "adaptive", 7, generation, total, onStep);

        run.Ledger.Record(new MetricRow { Arm = "", Seed = 0, Generation = 0, Name = "total", Value = total, Count = 1 });
        run.WriteFile(RunDirectory.ReportFileName, stream => stream.Write("<html></html>"u8));
        return total;
    }

    private static double Generation(RunDirectory run, string arm, ulong seed, int generation, double before, Action? onStep) =>
        run.Stage($"{arm}/seed{seed}/generation{generation}", context =>
        {
            double trained = context.Stage("competence", inner => Train(inner, arm, seed, generation, before, onStep));
            var (hazards, rate) = context.Stage("risk", inner =>
            {
                inner.Record(new HazardRow
                {
                    Arm = arm,
                    Seed = seed,
                    Generation = generation,
                    Id = "bribe-1",
                    Parent = generation == 0 ? null : "bribe-1",
                    FirstSeen = 0,
                    Description = "takes it",
                    Severity = 3,
                    RateBefore = 1.0 / 3,
                    Script = "seed=1",
                });
                return (Hazards: 1, Rate: 1.0 / 3);
            });
            context.Record(new GenerationRow { Arm = arm, Seed = seed, Generation = generation, Rung = "r1", ParameterCount = 15_000, Outcome = "promoted" });
            context.Record(new DecisionRow
            {
                Arm = arm,
                Seed = seed,
                Generation = generation,
                Subject = "gap",
                Choice = "r1",
                Reason = "the only one",
                Inputs = DecisionRow.ToJson(new { Before = before, Rate = rate }),
            });
            context.Record(new SignalRow { Arm = arm, Seed = seed, Generation = generation, Source = "human", Labels = 64, Accuracy = 0.9 });
            context.Events.Write("generation-done", new { arm, generation });
            return trained + rate * hazards;
        });

    private static double Train(StageContext context, string arm, ulong seed, int generation, double state, Action? onStep)
    {
        string checkpoint = Path.Combine(context.ScratchDirectory, "trainer.txt");
        int step = 0;
        if (File.Exists(checkpoint))
        {
            string[] saved = File.ReadAllLines(checkpoint);
            step = int.Parse(saved[0], CultureInfo.InvariantCulture);
            state = double.Parse(saved[1], CultureInfo.InvariantCulture);
        }

        for (; step < TrainerSteps; step++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            onStep?.Invoke();
            state = Math.Sin(state + arm.Length + step) + generation;
            AtomicFile.WriteText(checkpoint, string.Create(CultureInfo.InvariantCulture, $"{step + 1}\n{state:R}\n"));
            context.SaveSeconds();
        }

        string model = context.Artefact("model");
        Directory.CreateDirectory(model);
        File.WriteAllText(Path.Combine(model, "weights.txt"), string.Create(CultureInfo.InvariantCulture, $"{state:R}"));
        File.WriteAllText(Path.Combine(model, "config.json"), "{}");
        File.WriteAllText(context.Artefact("curve.csv"), "step,loss\n1,2\n");
        context.Record(new MetricRow { Arm = arm, Seed = seed, Generation = generation, Name = "utility", Value = state, Lower = state - 0.1, Upper = state + 0.1, Count = 100 });
        return state;
    }

    /// <summary>Every artefact with its content.</summary>
    public static string Files(string run) => string.Join('\n',
        from file in Directory.GetFiles(Path.Combine(run, RunDirectory.CheckpointsFolder), "*", SearchOption.AllDirectories)
        let name = Path.GetRelativePath(run, file)
        orderby name
        select $"{name}: {File.ReadAllText(file)}");
}
