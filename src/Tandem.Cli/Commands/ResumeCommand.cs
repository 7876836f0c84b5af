using System.CommandLine;
using Tandem.Generations;
using Tandem.Runs;
using Tandem.Tensors;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem resume</c>: goes on with a run from its directory alone.</summary>
internal static class ResumeCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("directory") { Description = "The run directory." };
        Option<int> threads = RecipeOptions.Threads();
        Option<string?> store = RunSettings.StoreOption();
        var json = new Option<bool>("--json") { Description = "Print the summary as JSON on standard output." };
        var command = new Command(
            "resume",
            """
            Go on with an interrupted run; a finished one only writes its report again.

            Example:
              tandem resume runs/quickstart
            """)
        { directory, threads, store, json };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                string run = parsed.GetValue(directory)!;
                string recipe = Path.Combine(run, RunDirectory.RecipeFileName);
                if (!File.Exists(recipe))
                {
                    throw new UserFaultException(
                        $"{run} is no run directory: {recipe} is missing.", "Name a directory made by 'tandem run' or 'tandem train'.", FaultKind.Usage);
                }

                var settings = new RunSettings(run, parsed.GetValue(threads), parsed.GetValue(json), cancellation) { Store = parsed.GetValue(store) };
                if (TuneCommand.Execute(recipe, [], _ => settings, dryRun: false) is { } tuned)
                    return tuned;
                if (ExperimentCommand.Execute(recipe, [], _ => settings, dryRun: false) is { } experimented)
                    return experimented;
                return RunCommand.Execute(Recipes.Read<RunConfiguration>(recipe, []), settings);
            },
            () => $"tandem resume {parsed.GetValue(directory)}"));
        return command;
    }
}
