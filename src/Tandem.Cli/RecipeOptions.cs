using System.CommandLine;
using Tandem.Runs;

namespace Tandem.Cli;

/// <summary>The options that every command which runs a recipe has, and what they come to.</summary>
/// <param name="example">A value of the recipe, as an example of <c>--set</c>.</param>
/// <param name="dryRun">What <c>--dry-run</c> prints.</param>
internal sealed class RecipeOptions(string example, string dryRun)
{
    private readonly Option<string?> _output = new("--out", "-o") { Description = "The run directory; default runs/<name of the recipe>." };
    private readonly Option<string[]> _set = new("--set") { Description = $"A value of the recipe: --set {example}. May be repeated." };
    private readonly Option<int> _threads = Threads();
    private readonly Option<bool> _json = new("--json") { Description = "Print the result as JSON on standard output; progress goes to standard error." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = $"Print the resolved recipe{dryRun}, and stop." };

    /// <summary>How many threads.</summary>
    public static Option<int> Threads() => new("--threads")
    {
        Description = "Threads; they change the time and nothing else.",
        DefaultValueFactory = _ => Environment.ProcessorCount,
    };

    /// <summary>The seeds, where the recipe has several; null for a recipe that has not.</summary>
    public Option<string?>? Seeds { get; init; }

    /// <summary>A folder of trainings that runs share, where the recipe's trainings can be.</summary>
    public Option<string?>? Store { get; init; }

    /// <summary>The option for <see cref="Seeds"/>.</summary>
    public static Option<string?> SeedsOption() => new("--seeds") { Description = "A number of seeds (3), or a list (1,2,3)." };

    /// <summary>All of them, in the order of the help.</summary>
    public IEnumerable<Option> All => new Option?[] { _output, Seeds, _set, _threads, Store, _json, _dryRun }.OfType<Option>();

    /// <summary>Runs a command in which an interruption is answered by how to go on.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="execute">Runs; the last argument makes the settings of a run from the recipe's name.</param>
    public int Guard(ParseResult parsed, Func<List<RecipeOverride>, bool, Func<string, RunSettings>, int> execute)
    {
        string directory = parsed.GetValue(_output) ?? "";
        return CommandLine.Guard(
            cancellation => execute(Overrides(parsed), parsed.GetValue(_dryRun), name =>
            {
                directory = directory.Length == 0 ? Path.Combine("runs", name) : directory;
                return new RunSettings(directory, parsed.GetValue(_threads), parsed.GetValue(_json), cancellation) { Store = Store is null ? null : parsed.GetValue(Store) };
            }),
            () => $"tandem resume {directory}");
    }

    private List<RecipeOverride> Overrides(ParseResult parsed)
    {
        List<RecipeOverride> overrides = [.. (parsed.GetValue(_set) ?? []).Select(RecipeOverride.Parse)];
        if (Seeds is not null && parsed.GetValue(Seeds) is { } list)
            overrides.Add(SeedList.Override(list));
        return overrides;
    }
}
