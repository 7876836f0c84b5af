using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Datasets;
using Tandem.Language;

namespace Tandem.Cli.Commands.Data;

/// <summary><c>tandem data show</c>: the first records of a data set as they are read.</summary>
internal static class DataShowCommand
{
    private const int UsualLimit = 3;
    private const int ExcerptLength = 400;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static Command Create()
    {
        var options = new DataOptions();
        var full = new Option<bool>("--full") { Description = "Show texts whole instead of their first 400 characters." };
        var command = new Command(
            "show",
            """
            Show records as they are read: the parts by name, the right option marked with *, and the line they stand in.

            Examples:
              tandem data show cosmosqa --path valid.csv --limit 3
              tandem data show my-pairs.jsonl --seed 1 --limit 5
              tandem data show llmbar --path llmbar/ --json --limit 100
            """)
        { options.Target, options.Path, options.Format, options.Split, options.Limit, options.Seed, options.Json, full };
        command.SetAction(parsed => CommandLine.Guard(
            cancellation =>
            {
                DatasetRequest request = options.Request(parsed);
                LoadedDataset data = DatasetLoader.Load(request with { Limit = request.Limit ?? UsualLimit }, cancellation);
                int length = parsed.GetValue(full) ? int.MaxValue : ExcerptLength;
                if (!parsed.GetValue(options.Json))
                    Console.WriteLine($"format {data.Format.Name}: {data.Format.Description}");
                foreach (DataRecord record in data.Records)
                {
                    if (parsed.GetValue(options.Json))
                        Console.WriteLine(JsonSerializer.Serialize(record, record.GetType(), Options));
                    else
                        Print(record, length);
                }

                foreach ((string reason, long count) in data.Counts.Dropped)
                    Console.Error.WriteLine($"dropped {count}: {reason}");
                return CommandLine.Done;
            },
            () => $"tandem data show {parsed.GetValue(options.Target)}"));
        return command;
    }

    private static void Print(DataRecord record, int length)
    {
        Console.WriteLine();
        string section = string.Join(" / ", new[] { record.Section, record.Subset }.Where(s => s.Length > 0));
        Console.WriteLine($"{Printable.Line(record.Origin)}  id {record.Id[..12]}{(section.Length > 0 ? $"  section {Printable.Line(section)}" : "")}");
        foreach ((string name, string value) in Parts(record).Where(p => p.Value.Length > 0))
            Console.WriteLine($"  {Printable.Line(name) + ":",-12} {Printable.Excerpt(value, length)}");
    }

    private static IEnumerable<(string Name, string Value)> Parts(DataRecord record) => record switch
    {
        TextRecord r => [("text", r.Text)],
        PromptCompletionRecord r => [.. Turns(r.Prompt), ("completion", r.Completion)],
        PreferenceRecord r =>
        [
            .. Turns(r.Prompt), ("chosen", r.Chosen), ("rejected", r.Rejected),
            ("margin", r.Margin?.ToString(CultureInfo.InvariantCulture) ?? ""),
        ],
        ChoiceRecord r => [("context", r.Context), ("question", r.Question), .. r.Options.Select((o, i) => (Mark(r, i), o))],
        ConversationRecord r => Turns(r.Turns),
        PromptRecord r => [("prompt", r.Prompt), ("expected", r.Expected == ExpectedBehaviour.Comply ? "comply" : "refuse")],
        DebateRecord r =>
        [
            ("title", r.Title), ("story", r.Story), ("question", r.Question),
            .. r.Answers.Select((a, i) => ($"{(i == r.Correct ? "*" : " ")}{(char)('A' + i)}", a)),
            .. r.Speeches.Select(s => (s.Position is { } position ? $"debater {(char)('A' + position)}" : "judge", s.Text)),
        ],
        _ => [],
    };

    private static IEnumerable<(string, string)> Turns(IReadOnlyList<ChatTurn> turns) => turns.Select(t => (t.Role, t.Content));

    private static string Mark(ChoiceRecord record, int option)
    {
        bool right = record.Answers?.Contains(option) ?? record.Answer == option;
        return $"{(right ? "*" : option == record.Violation ? "!" : " ")}{(option < 26 ? ((char)('A' + option)).ToString() : $"{option + 1}")}";
    }
}
