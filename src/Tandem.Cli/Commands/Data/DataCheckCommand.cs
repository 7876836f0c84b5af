using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tandem.Datasets;
using Tandem.Tensors;

namespace Tandem.Cli.Commands.Data;

/// <summary><c>tandem data check</c>: whether test items stand in training data.</summary>
internal static class DataCheckCommand
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Create()
    {
        var train = new Option<string>("--train") { Description = "The training data: a file, folder or pattern. It is streamed.", Required = true };
        var test = new Option<string>("--test") { Description = "The test data: a file, folder or pattern. It is kept in memory.", Required = true };
        var trainFormat = new Option<string>("--train-format") { Description = "The format of the training data.", DefaultValueFactory = _ => DataFormats.Automatic };
        var testFormat = new Option<string>("--test-format") { Description = "The format of the test data.", DefaultValueFactory = _ => DataFormats.Automatic };
        var threshold = new Option<double?>("--threshold") { Description = "The largest share of test items that may be affected, from 0 to 1; above it the exit code is 3." };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command(
            "check",
            $"""
            Look for test items in training data: equal texts (case, spacing and punctuation aside) and runs of {ContaminationCheck.RunLength} words
            in common. Items of {ContaminationCheck.ShortestRun} to {ContaminationCheck.RunLength - 1} words are looked for whole, shorter ones as equal texts only.

            Examples:
              tandem data check --train train.jsonl --test test.jsonl
              tandem data check --train 'corpus/**/*.jsonl.gz' --test valid.csv --threshold 0.01
            """)
        { train, test, trainFormat, testFormat, threshold, json };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                double? most = parsed.GetValue(threshold);
                if (most is < 0 or > 1 or double.NaN)
                    throw new UserFaultException($"The threshold is {most.Value.ToString(CultureInfo.InvariantCulture)}.", "Give a share from 0 to 1.", FaultKind.Usage);
                LoadedDataset items = DatasetLoader.Load(new DatasetRequest(parsed.GetValue(test)!) { Format = parsed.GetValue(testFormat)! }, cancellation);
                DatasetSource corpus = DatasetLoader.Open(new DatasetRequest(parsed.GetValue(train)!) { Format = parsed.GetValue(trainFormat)! });
                ContaminationReport report = ContaminationCheck.Run(corpus.Records(cancellation), items.Records, cancellation);
                if (parsed.GetValue(json))
                    Console.WriteLine(JsonSerializer.Serialize(report, Options));
                else
                    Print(report);
                if (!(report.Share > most))
                    return CommandLine.Done;
                Console.Error.WriteLine($"tandem: {Percent(report.Share)} of the test items are affected, more than the threshold of {Percent(most!.Value)}.");
                return CommandLine.GateNotMet;
            },
            () => $"tandem data check --train {parsed.GetValue(train)} --test {parsed.GetValue(test)}"));
        return command;
    }

    private static void Print(ContaminationReport report)
    {
        Console.WriteLine($"{report.Affected} of {report.TestItems} test items ({Percent(report.Share)}) stand in {report.TrainItems} training records.");
        Console.WriteLine($"  equal texts           {report.Duplicates}");
        Console.WriteLine($"  runs of words shared  {report.Overlapping}");
        if (report.TooShort > 0)
            Console.WriteLine($"  too short for a run   {report.TooShort} (only equal texts are found of these)");
        foreach (ContaminationExample example in report.Examples)
        {
            Console.WriteLine();
            Console.WriteLine($"{Printable.Line(example.Test)} in {Printable.Line(example.Train)}: {(example.Duplicate ? "equal" : $"{Percent(example.Coverage)} of its runs")}");
            Console.WriteLine($"  \"{Printable.Excerpt(example.Shared, 200)}\"");
        }
    }

    private static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + "%";
}
