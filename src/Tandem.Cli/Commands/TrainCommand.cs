using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tandem.Capability;
using Tandem.Runs;
using Tandem.Tensors;
using Tandem.Training;
using Tandem.Worlds;

namespace Tandem.Cli.Commands;

/// <summary><c>tandem train</c>; <c>tandem train pretrain</c> makes the ladder, from scratch.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = new Command("train", "Train models: a ladder from scratch, or a checkpoint on data.") { Pretrain() };
        foreach (Command tune in TuneCommand.All())
            command.Add(tune);
        return command;
    }

    private static Command Pretrain()
    {
        var config = new Option<string>("--config", "-c")
        {
            Description = "A recipe: a .yaml file, or the name of one that ships with the program.",
            DefaultValueFactory = _ => "pretrain-ladder",
        };
        var output = new Option<string>("--out", "-o") { Description = "The ladder's folder.", DefaultValueFactory = _ => "ladder" };
        var rungs = new Option<string?>("--rungs") { Description = "Train these only: r1,r2. The manifest lists all that are complete." };
        Option<int> threads = RecipeOptions.Threads();
        var set = new Option<string[]>("--set") { Description = "A value of the recipe: --set held_out_rows=64. May be repeated." };
        var command = new Command(
            "pretrain",
            """
            Pre-train a ladder of models on an embedded task family. It takes hours; interrupt it at any time, the same
            command goes on. The same recipe gives the same bits.

            Examples:
              tandem train pretrain --out my-ladder
              tandem train pretrain --rungs r1,r2 --out my-ladder
              tandem train pretrain --config pretrain-ledger --out ledger-ladder
              tandem run --set ladder.directory=my-ladder
            """)
        { config, output, rungs, threads, set };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                string name = parsed.GetValue(config)!;
                Recipe<LadderRecipe> recipe = Recipes.Read<LadderRecipe>(name, (parsed.GetValue(set) ?? []).Select(RecipeOverride.Parse));
                string[] wanted = parsed.GetValue(rungs)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
                using var pool = new WorkerPool(Math.Clamp(parsed.GetValue(threads), 1, 256));
                LadderBuilder.Build(
                    recipe.Value, TaskFamilies.Named(recipe.Value.Family), parsed.GetValue(output)!, wanted,
                    $"tandem train pretrain --config {name}", pool, rung => new Lines(rung), cancellation);
                Console.WriteLine($"Ladder: {parsed.GetValue(output)}");
                return CommandLine.Done;
            },
            () => $"tandem train pretrain --config {parsed.GetValue(config)} --out {parsed.GetValue(output)}"));
        return command;
    }

    /// <summary>Hours of work told in one line every few seconds.</summary>
    private sealed class Lines(RungRecipe rung) : ITrainingObserver
    {
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private long _firstStep = -1;
        private double _next = 5;

        public void OnStep(in TrainingStep step)
        {
            if (_firstStep < 0)
                _firstStep = step.Step - 1;
            double seconds = _clock.Elapsed.TotalSeconds;
            if (seconds < _next && step.Step < step.TotalSteps)
                return;
            _next = seconds + 5;
            double perStep = seconds / (step.Step - _firstStep);
            TimeSpan left = TimeSpan.FromSeconds(perStep * (step.TotalSteps - step.Step));
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{rung.Name} {step.Stage}: step {step.Step}/{step.TotalSteps}, loss {step.Loss:F3}, {step.Tokens / (double)step.Step / perStep:N0} tokens/s, {left:hh\\:mm\\:ss} left"));
        }

        public void OnEvaluation(TrainingEvaluation evaluation) => Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{rung.Name}: after {evaluation.Tokens / 1e6:F1} M tokens, {evaluation.Accuracy:P1} of first-asked answers right"));
    }
}
