using System.CommandLine;
using Spectre.Console;
using Tandem.Cli;
using Tandem.Cli.Commands;
using Tandem.Cli.Commands.Debates;

// A file or a program behind a pipe gets plain text, whatever the terminal around it can show.
if (Console.IsOutputRedirected)
{
    AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });

    // There is no edge at which a table had to be wrapped.
    AnsiConsole.Profile.Width = 250;
}

var root = new RootCommand(
    """
    Tandem grows language models in generations, makes each more capable and then more aligned, and measures whether it
    worked (arXiv 2503.07660).

    Examples:
      tandem run                                   three generations on the embedded world, in minutes
      tandem run --arms all --seeds 1,2,3          every gap schedule beside it, over three seeds
      tandem run --config weak-to-strong           a student for every teacher of the ladder
      tandem experiment noise-sensitivity          one of the paper's experiments; --quick for a look
      tandem resume runs/quickstart                go on where a run was interrupted
      tandem report runs/quickstart                write report.html again
      tandem train pretrain --out my-ladder        pre-train the ladder from scratch (hours)
      tandem train sft --set model=my-model        fine-tune a checkpoint; also dpo, reward, weak-to-strong
      tandem serve my-ladder/r3                    serve a model to any OpenAI client
      tandem eval --model my-model --data cosmosqa --path valid.csv    measure a model
      tandem compare runs/a runs/b                 two runs, item by item
      tandem sweep quickstart --grid gap.small=0.05,0.1    a recipe over a grid of values
      tandem debate run --debater excerpts --judge human --data questions.jsonl    judge debates yourself
      tandem data list                             the data sets that can be read
      tandem models pull Qwen/Qwen2.5-0.5B-Instruct fetch a model
    """)
{
    RunCommand.Create(),
    ExperimentCommand.Create(),
    ResumeCommand.Create(),
    ReportCommand.Create(),
    TrainCommand.Create(),
    EvalCommand.Create(),
    CompareCommand.Create(),
    SweepCommand.Create(),
    DebateCommand.Create(),
    ServeCommand.Create(),
    DataCommand.Create(),
    ModelsCommand.Create(),
};
return await CommandLine.RunAsync(root, args);
