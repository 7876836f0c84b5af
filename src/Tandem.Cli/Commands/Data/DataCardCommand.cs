using System.CommandLine;
using Spectre.Console;
using Tandem.Datasets;
using Tandem.Tensors;

namespace Tandem.Cli.Commands.Data;

/// <summary><c>tandem data card</c>: what a reader has to know of a data set.</summary>
internal static class DataCardCommand
{
    public static Command Create()
    {
        var options = new DataOptions();
        var train = new Option<string?>("--train") { Description = "Training data to look for these records in: a file, folder or pattern." };
        var markdown = new Option<bool>("--markdown") { Description = "Print a Markdown table." };
        var command = new Command(
            "card",
            """
            Describe a data set: source, checksums, counts, lengths, labels, answer biases, duplicates, splits, what was dropped.

            Examples:
              tandem data card cosmosqa --path valid.csv
              tandem data card my-pairs.jsonl --markdown > card.md
              tandem data card test.jsonl --train train.jsonl --json
            """)
        { options.Target, options.Path, options.Format, options.Split, options.Limit, options.Seed, train, options.Json, markdown };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                bool json = parsed.GetValue(options.Json), asMarkdown = parsed.GetValue(markdown);
                if (json && asMarkdown)
                    throw new UserFaultException("Both --json and --markdown are given.", "Choose one of them.", FaultKind.Usage);
                DatasetRequest request = options.Request(parsed);
                LoadedDataset data = DatasetLoader.Load(request, cancellation);
                ContaminationReport? overlap = parsed.GetValue(train) is { } path
                    ? ContaminationCheck.Run(DatasetLoader.Open(new DatasetRequest(path)).Records(cancellation), data.Records, cancellation)
                    : null;
                DataCard card = DataCardBuilder.Build(data, request.Path, contamination: overlap);
                if (json)
                    Console.WriteLine(DataCardText.Json(card));
                else if (asMarkdown)
                    Console.Write(DataCardText.Markdown(card));
                else
                    Print(card);
                return CommandLine.Done;
            },
            () => $"tandem data card {parsed.GetValue(options.Target)}"));
        return command;
    }

    private static void Print(DataCard card)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        foreach ((string heading, string value) in DataCardText.Lines(card))
            grid.AddRow(new Text(heading, new Style(decoration: Decoration.Bold)), new Text(Printable.Line(value)));
        AnsiConsole.Write(grid);
    }
}
