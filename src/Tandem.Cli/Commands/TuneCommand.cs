using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tandem.Reports;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Tuning;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem train sft|dpo|reward|weak-to-strong</c>: fine-tuning of checkpoints on data.</summary>
internal static class TuneCommand
{
    public static IEnumerable<Command> All() =>
    [
        Create<SupervisedTuningConfiguration>(
            "sft", "sft-choice", "Fine-tune a language model on questions, completions, conversations or texts.",
            "tandem train sft --set model=Qwen/Qwen2.5-0.5B-Instruct --set data.path=cosmosqa/valid.csv"),
        Create<PreferenceTuningConfiguration>(
            "dpo", "dpo", "Fine-tune a language model on preferences, by DPO and its relatives.",
            "tandem train dpo --set model=my-model --set data.path=pairs.jsonl --set loss=ipo"),
        Create<RewardTuningConfiguration>(
            "reward", "reward", "Train a reward model on preferences.",
            "tandem train reward --set model=my-model --set data.path=harmless-base/train.jsonl.gz"),
        Create<WeakToStrongTuningConfiguration>(
            "weak-to-strong", "weak-to-strong-text", "Train a student on a weak teacher's labels, beside the same student on truth.",
            "tandem train weak-to-strong --set teacher=small-model --set model=large-model --set data.path=cosmosqa/train.jsonl"),
    ];

    /// <summary>Runs or resumes a recipe of a kind that this command has; null for other kinds.</summary>
    public static int? Execute(string recipe, IReadOnlyList<RecipeOverride> overrides, Func<string, RunSettings> settings, bool dryRun) =>
        Recipes.KindOf(recipe) switch
        {
            "sft" => Execute(Recipes.Read<SupervisedTuningConfiguration>(recipe, overrides), settings, dryRun),
            "dpo" => Execute(Recipes.Read<PreferenceTuningConfiguration>(recipe, overrides), settings, dryRun),
            "reward" => Execute(Recipes.Read<RewardTuningConfiguration>(recipe, overrides), settings, dryRun),
            "weak-to-strong-text" => Execute(Recipes.Read<WeakToStrongTuningConfiguration>(recipe, overrides), settings, dryRun),
            _ => null,
        };

    private static Command Create<T>(string verb, string recipeName, string what, string example)
        where T : TuningConfiguration
    {
        var config = new Option<string>("--config", "-c") { Description = "A recipe: a .yaml file, or the name of one that ships with the program.", DefaultValueFactory = _ => recipeName };
        var options = new RecipeOptions("training.epochs=2", dryRun: " and what the training will take");
        var command = new Command(
            verb,
            $"""
            {what} Interrupt it at any time: the same command goes on, and ends in the same bits.

            Examples:
              {example}
              tandem train {verb} --config my-recipe.yaml --out runs/mine --dry-run
            """)
        { config };
        foreach (Option option in options.All)
            command.Add(option);
        command.SetAction(parsed => options.Guard(parsed, (overrides, dryRun, settings) =>
            Execute(Recipes.Read<T>(parsed.GetValue(config)!, overrides), settings, dryRun)));
        return command;
    }

    private static int Execute<T>(Recipe<T> recipe, Func<string, RunSettings> settingsOf, bool dryRun)
        where T : TuningConfiguration
    {
        RunSettings settings = settingsOf(recipe.Value.Name);

        // A recipe that cannot run leaves no directory behind, which would hold its name and its identity.
        PreparedTuning prepared = TuningRun.Prepare(recipe.Value, settings.Cancellation);
        if (dryRun)
            return DryRun(recipe.Resolved, prepared, settings);
        using RunDirectory run = settings.Open(recipe.Resolved);
        using WorkerPool pool = settings.Pool();
        TuningResult result = TuningRun.Execute(prepared, run, pool, name => new TrainingLines(name));
        if (settings.Json)
            Console.WriteLine(JsonSerializer.Serialize(result, TuningRun.Json));
        else
            TuningText.Print(result, Console.Out);
        Console.Error.WriteLine($"Results: {Path.Combine(settings.Directory, TuningRun.ResultFileName)}");
        return CommandLine.Done;
    }

    private static int DryRun(ResolvedRecipe recipe, PreparedTuning prepared, RunSettings settings)
    {
        IReadOnlyList<TuningPlan> plans = TuningPlan.Of(prepared);
        if (settings.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { recipe.Identity, settings.Directory, Recipe = recipe.Yaml, Trainings = plans }, TuningRun.Json));
            return CommandLine.Done;
        }

        Console.WriteLine(recipe.Yaml);
        Console.WriteLine($"# identity {recipe.Identity}");
        Console.WriteLine($"# directory {settings.Directory}");
        foreach (TuningPlan plan in plans)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"# {plan.Name}: {plan.TrainableParameters:#,0} of {plan.Parameters:#,0} parameters trained, {plan.Examples:#,0} examples ({plan.LeftOut} left out, {plan.Truncated} truncated), {plan.Steps:#,0} steps"));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"#   about {plan.Tokens:#,0} tokens, {plan.Flops:0.00e+0} operations, {ByteCount.Text(plan.MemoryBytes)} of memory"));
        }

        return CommandLine.Done;
    }
}
