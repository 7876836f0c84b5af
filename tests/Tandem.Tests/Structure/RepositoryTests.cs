using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tandem.Tests.Structure;

public sealed partial class RepositoryTests
{
    private const int LongestFile = 600;

    /// <summary>A project may refer to projects of a lower rank only.</summary>
    private static readonly Dictionary<string, int> Ranks = new()
    {
        ["Tandem.Tensors"] = 0,
        ["Tandem.Language"] = 1,
        ["Tandem.Training"] = 2,
        ["Tandem.Worlds"] = 3,
        ["Tandem.Datasets"] = 3,
        ["Tandem.Endpoints"] = 3,
        ["Tandem.Runs"] = 3,
        ["Tandem"] = 4,
        ["Tandem.Reports"] = 5,
        ["Tandem.Cli"] = 6,
    };

    [Fact]
    public void Projects_EveryReference_PointsDownTheOrder()
    {
        string[] projects = [.. Repository.Files("src", "*.csproj")];
        Assert.Equal(Ranks.Keys.Order(StringComparer.Ordinal), projects.Select(Name).Order(StringComparer.Ordinal));
        int references = 0;
        foreach (string project in projects)
        {
            foreach (XElement reference in XDocument.Load(Repository.At(project)).Descendants("ProjectReference"))
            {
                string target = Name(reference.Attribute("Include")!.Value);
                Assert.True(
                    Ranks.TryGetValue(target, out int rank) && rank < Ranks[Name(project)],
                    $"{Name(project)} must not refer to {target}: the order is {string.Join(" ← ", Ranks.Keys)}.");
                references++;
            }
        }

        Assert.True(references >= Ranks.Count - 1, $"Only {references} references were read.");
    }

    [Fact]
    public void SourceFiles_Every_HasAtMostSixHundredLines()
    {
        string[] files = [.. Repository.Files("src", "*.cs")];
        Assert.NotEmpty(files);
        Assert.Empty(files
            .Select(f => (File: f, Lines: File.ReadLines(Repository.At(f)).Count()))
            .Where(f => f.Lines > LongestFile)
            .Select(f => $"{f.File} has {f.Lines} lines"));
    }

    [Fact]
    public void Files_Every_NamesNoPathOfABuildMachine()
    {
        // Put together here, so that this file does not contain it.
        string needle = string.Concat("/", "work", "/");
        string[] files =
        [
            "README.md", "CHANGELOG.md",
            .. new[] { "src", "docs", "tests", "recipes", "bench" }.SelectMany(folder => Repository.Files(folder)),
        ];
        string[] found = [.. files.Where(f => File.ReadAllText(Repository.At(f), Encoding.Latin1).Contains(needle, StringComparison.Ordinal))];
        Assert.Empty(found);
    }

    [Theory]
    [InlineData("README.md", 8)]
    [InlineData("docs/paper-map.md", 20)]
    public void Documents_EveryPath_Exists(string document, int least)
    {
        string text = File.ReadAllText(Repository.At(document));
        string folder = Path.GetDirectoryName(Repository.At(document))!;
        string[] paths =
        [
            .. Link().Matches(text).Select(m => Path.GetFullPath(Path.Combine(folder, m.Groups[1].Value))),
            .. QuotedPath().Matches(text).Select(m => Repository.At(m.Groups[1].Value)),
        ];
        Assert.True(paths.Length >= least, $"{document} names only {paths.Length} paths.");
        string[] missing = [.. paths.Where(p => !File.Exists(p) && !Directory.Exists(p))];
        Assert.Empty(missing);
    }

    [Fact]
    public void PaperMap_EveryTestNamed_Exists()
    {
        string[] named = [.. TestName().Matches(File.ReadAllText(Repository.At("docs/paper-map.md"))).Select(m => m.Groups[1].Value).Distinct()];
        Assert.True(named.Length >= 10, $"The map names only {named.Length} tests.");
        string tests = string.Concat(Repository.Files("tests", "*.cs").Select(f => File.ReadAllText(Repository.At(f))));
        string[] missing = [.. named.Where(n => !tests.Contains($" {n}(", StringComparison.Ordinal))];
        Assert.Empty(missing);
    }

    [Fact]
    public void Readme_FirstLink_IsThePipeline() => Assert.Equal(
        "src/Tandem/ProgressiveTraining.cs", Link().Match(File.ReadAllText(Repository.At("README.md"))).Groups[1].Value);

    private static string Name(string project) => Path.GetFileNameWithoutExtension(project.Replace('\\', '/'));

    /// <summary>A relative link of a Markdown text, without its anchor.</summary>
    [GeneratedRegex(@"\]\((?!https?:|#)([^)#\s]+)[^)]*\)")]
    private static partial Regex Link();

    /// <summary>A path of the repository between backticks.</summary>
    [GeneratedRegex(@"`((?:src|tests|docs|recipes|bench)/[^`\s*<]+)`")]
    private static partial Regex QuotedPath();

    /// <summary>A test's name between backticks: Subject_Scenario_Result.</summary>
    [GeneratedRegex(@"`([A-Z]\w*_\w+_\w+)`")]
    private static partial Regex TestName();
}
