using System.CommandLine;
using System.Text.Json;
using Tandem.Datasets;

namespace Tandem.Cli.Commands.Data;

/// <summary><c>tandem data list</c>: the known data sets and the formats.</summary>
internal static class DataListCommand
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command(
            "list",
            """
            List the known data sets: what each is, the records it gives, its licence, and where it is found.

            Examples:
              tandem data list
              tandem data list --json
            """)
        { json };
        command.SetAction(parsed => CommandLine.Guard(
            _ =>
            {
                if (parsed.GetValue(json))
                    Console.WriteLine(JsonSerializer.Serialize(DataSets.All.Select(Row), Options));
                else
                    Print();
                return CommandLine.Done;
            },
            () => "tandem data list"));
        return command;
    }

    private static object Row(DataSetEntry entry) => new
    {
        entry.Name,
        entry.Description,
        entry.Licence,
        entry.Format,
        RecordType = entry.RecordType.Name,
        entry.DefaultSplit,
        entry.Home,
        entry.Sources,
    };

    private static void Print()
    {
        foreach (DataSetEntry entry in DataSets.All)
        {
            Console.WriteLine($"{entry.Name,-24}{entry.Description}");
            Console.WriteLine($"{"",-24}{entry.RecordType.Name}; evaluated on {entry.DefaultSplit}; licence {entry.Licence}");
            Console.WriteLine($"{"",-24}{entry.Home}");
        }

        Console.WriteLine();
        Console.WriteLine("Your own files need no name here; their format is recognized, or chosen with --format:");
        foreach (DataFormat format in DataFormats.All)
            Console.WriteLine($"  {format.Name,-22}{format.Description}");
        Console.WriteLine();
        Console.WriteLine("Next: tandem data show NAME --path FILE --limit 3");
    }
}
