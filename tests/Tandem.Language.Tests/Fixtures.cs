using Xunit.Abstractions;

namespace Tandem.Language.Tests;

/// <summary>
/// Finds the reference fixtures: Hugging Face checkpoints with the outputs that transformers computed for them. They lie
/// beside the repository (shared/fixtures) or where TANDEM_FIXTURES says, and are not part of it.
/// </summary>
internal static class Fixtures
{
    public static readonly string? Root = FindRoot();

    /// <summary>The folder of a fixture; null, with a note in the test's output, when the fixtures are absent.</summary>
    public static string? Find(string name, ITestOutputHelper output)
    {
        string? path = Root is null ? null : Path.Combine(Root, name);
        if (path is not null && Directory.Exists(path))
            return path;
        output.WriteLine("not checked: fixtures absent");
        return null;
    }

    private static string? FindRoot()
    {
        if (Environment.GetEnvironmentVariable("TANDEM_FIXTURES") is { Length: > 0 } set)
            return set;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "fixtures");
            if (Directory.Exists(candidate))
                return candidate;
        }

        return null;
    }
}

/// <summary>A folder that is removed when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("tandem-language-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
