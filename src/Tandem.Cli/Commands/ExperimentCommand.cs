using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Tandem.Experiments;
using Tandem.Generations;
using Tandem.Reports;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Worlds.Ladder;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem experiment</c>: one of the paper's experiments, from its recipe to its report.</summary>
internal static class ExperimentCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The experiment: the name of its recipe, or a .yaml file." };
        var quick = new Option<bool>("--quick") { Description = "The recipe's quick form: fewer seeds, items and sizes, in under two minutes. It shows that all works, and decides little." };
        var options = new RecipeOptions("test_items=500", dryRun: "") { Seeds = RecipeOptions.SeedsOption(), Store = RunSettings.StoreOption() };
        var command = new Command(
            "experiment",
            $"""
            Run one of the experiments, or go on with it where it was interrupted.

            {string.Join('\n', ExperimentCard.All.Select(card => $"  {card.Kind,-20} {card.Question}"))}

            Examples:
              tandem experiment noise-sensitivity
              tandem experiment noise-sensitivity --quick
              tandem experiment my-recipe.yaml --seeds 5 --json > result.json
            """)
        { name, quick };
        foreach (Option option in options.All)
            command.Add(option);
        command.SetAction(parsed => options.Guard(parsed, (overrides, dryRun, settings) =>
        {
            string recipe = parsed.GetValue(name)!;
            ExperimentCard card = ExperimentCard.Named(Recipes.IsKnown(recipe) ? Recipes.KindOf(recipe) : recipe);
            return Execute(card, Recipes.Read(card.Configuration, recipe, overrides, parsed.GetValue(quick)), dryRun, settings);
        }));
        return command;
    }

    /// <summary>Runs or resumes a recipe of an experiment; null for a recipe of another kind.</summary>
    public static int? Execute(string recipe, IReadOnlyList<RecipeOverride> overrides, Func<string, RunSettings> settings, bool dryRun) =>
        ExperimentCard.Find(Recipes.KindOf(recipe)) is { } card
            ? Execute(card, Recipes.Read(card.Configuration, recipe, overrides, quick: false), dryRun, settings)
            : null;

    private static int Execute(ExperimentCard card, IRecipe recipe, bool dryRun, Func<string, RunSettings> settingsOf)
    {
        var configuration = (ExperimentConfiguration)recipe.Value;
        RunSettings settings = settingsOf(configuration.Name);
        if (dryRun)
        {
            Console.WriteLine(recipe.Resolved.Yaml);
            Console.WriteLine($"# identity {recipe.Resolved.Identity}");
            Console.WriteLine($"# directory {settings.Directory}");
            return CommandLine.Done;
        }

        // A recipe that cannot run leaves no directory behind, which would hold its name and its identity.
        (Worlds.ITaskFamily world, ModelLadder ladder) = configuration.World.Open();
        using RunDirectory run = settings.Open(recipe.Resolved);
        WorldConfiguration.Keep(run, world, ladder);
        using WorkerPool pool = settings.Pool();
        using Reports.LiveDisplay display = Reports.LiveDisplay.OnStandardError();
        using Laboratory laboratory = settings.Laboratory(
            run, pool, world, ladder, new SeedForecast(display, configuration.Seeds, TimeProvider.System), new RunConfiguration());
        var result = new ExperimentResult
        {
            Kind = card.Kind,
            Name = configuration.Name,
            Identity = run.Identity,
            Seeds = configuration.Seeds,
            Command = $"tandem experiment {Path.Combine(settings.Directory, RunDirectory.RecipeFileName)}",
            Recipe = recipe.Resolved.Yaml,
            Findings = Find(configuration, laboratory),
        };
        run.WriteFile(ExperimentResult.FileName, stream => JsonSerializer.Serialize(stream, result, RunPipeline.Json));
        run.WriteFile(ExperimentMarkdown.FileName, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(ExperimentMarkdown.Write(result))));
        run.WriteFile(RunDirectory.ReportFileName, stream => ExperimentReport.Write(result, stream));
        display.Dispose();
        if (settings.Json)
            Console.WriteLine(JsonSerializer.Serialize(result, RunPipeline.Json));
        else
            ExperimentTerminal.Render(result, AnsiConsole.Console);
        Console.Error.WriteLine($"Report: {Path.Combine(settings.Directory, RunDirectory.ReportFileName)}");
        return CommandLine.Done;
    }

    // What a recipe asks for and the world does not have is found when it is asked for.
    private static ExperimentFindings Find(ExperimentConfiguration configuration, Laboratory laboratory)
    {
        try
        {
            return configuration.Create(laboratory).Run();
        }
        catch (UserFaultException fault) when (fault.Kind == FaultKind.Usage)
        {
            laboratory.Directory.Discard();
            throw;
        }
    }
}
