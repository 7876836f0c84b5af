using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Tandem.Generations;
using Tandem.Reports;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Worlds;
using Tandem.Worlds.Ladder;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem run</c>: a recipe from start, or on from where it was interrupted, to the report.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var config = new Option<string>("--config", "-c")
        {
            Description = $"A recipe: a .yaml file, or one of {string.Join(", ", Recipes.Embedded)}.",
            DefaultValueFactory = _ => "quickstart",
        };
        var options = new RecipeOptions("competence.items=9600", dryRun: " and the stages") { Seeds = RecipeOptions.SeedsOption(), Store = RunSettings.StoreOption() };
        var arms = new Option<string?>("--arms") { Description = $"'all', or a list of {string.Join(", ", ArmPlan.Names)}." };
        var command = new Command(
            "run",
            """
            Run a recipe, or go on with it where it was interrupted: the same command always ends in the same results.

            Examples:
              tandem run
              tandem run --seeds 3 --out runs/three-seeds
              tandem run --arms all --set evaluation.test_items=2400
              tandem run --config my-recipe.yaml --json > summary.json
            """)
        { config, arms };
        foreach (Option option in options.All)
            command.Add(option);
        command.SetAction(parsed => options.Guard(parsed, (overrides, dryRun, settingsOf) =>
        {
            if (parsed.GetValue(arms) is { } armList)
                overrides.Add(new RecipeOverride("arms", ArmList(armList), $"--arms {armList}"));
            string name = parsed.GetValue(config)!;
            if (TuneCommand.Execute(name, overrides, settingsOf, dryRun) is { } tuned)
                return tuned;
            if (ExperimentCommand.Execute(name, overrides, settingsOf, dryRun) is { } experimented)
                return experimented;
            Recipe<RunConfiguration> recipe = Recipes.Read<RunConfiguration>(name, overrides);
            RunSettings settings = settingsOf(recipe.Value.Name);
            return dryRun ? DryRun(recipe.Resolved, settings.Directory, RunPlan.Of(recipe.Value)) : Execute(recipe, settings);
        }));
        return command;
    }

    /// <summary>Runs or resumes a progressive recipe.</summary>
    public static int Execute(Recipe<RunConfiguration> recipe, RunSettings settings)
    {
        foreach (string arm in recipe.Value.Arms)
            ArmPlan.Named(arm, recipe.Value.Gap, null);
        // A recipe that cannot run leaves no directory behind, which would hold its name and its identity.
        ModelLadder ladder = RunSettings.Ladder(recipe.Value.Ladder.Directory);
        _ = ladder[recipe.Value.Ladder.First];
        using RunDirectory run = settings.Open(recipe.Resolved);
        using WorkerPool pool = settings.Pool();
        using Reports.LiveDisplay display = Reports.LiveDisplay.OnStandardError();
        using Laboratory laboratory = settings.Laboratory(run, pool, TaskFamilies.Named("chains"), ladder, display, recipe.Value);
        RunSummary summary = RunPipeline.Run(
            laboratory, $"tandem run --config {Path.Combine(settings.Directory, RunDirectory.RecipeFileName)}");
        run.WriteFile(RunDirectory.ReportFileName, stream => ReportWriter.Write(summary, stream));
        display.Dispose();
        if (settings.Json)
            Console.WriteLine(JsonSerializer.Serialize(summary, RunPipeline.Json));
        else
            ClosingTable.Render(summary, AnsiConsole.Console);
        Console.Error.WriteLine($"Report: {Path.Combine(settings.Directory, RunDirectory.ReportFileName)}");
        return summary.Arms.Any(a => a.Generations.Any(g => g.Gate is { Promoted: false })) ? CommandLine.GateNotMet : CommandLine.Done;
    }

    private static int DryRun(ResolvedRecipe recipe, string directory, IReadOnlyList<PlannedStage> stages)
    {
        Console.WriteLine(recipe.Yaml);
        Console.WriteLine($"# identity {recipe.Identity}");
        Console.WriteLine($"# directory {directory}");
        foreach (PlannedStage stage in stages)
            Console.WriteLine($"# stage {stage.Key}");
        return CommandLine.Done;
    }

    private static string ArmList(string text) => text == "all" ? $"[{string.Join(", ", ArmPlan.Names)}]" : $"[{text}]";
}
