namespace Tandem.Tests.Structure;

/// <summary>The working tree that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>The folder that holds Tandem.slnx, found by walking up from the test's own folder.</summary>
    public static string Root { get; } = Find();

    /// <summary>An absolute path from one relative to the root, with forward slashes.</summary>
    public static string At(string relative) => Path.GetFullPath(Path.Combine(Root, relative));

    /// <summary>Files below a folder of the repository, build outputs left out, relative to the root and with forward slashes.</summary>
    public static IEnumerable<string> Files(string folder, string pattern = "*") =>
        Directory.EnumerateFiles(At(folder), pattern, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj" or "TestResults" or "__pycache__"))
            .Order(StringComparer.Ordinal);

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Tandem.slnx")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds Tandem.slnx.");
    }
}
