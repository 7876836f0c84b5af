using System.IO.Enumeration;
using System.Text.RegularExpressions;
using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>Finds the files that a request means.</summary>
internal static class DatasetFiles
{
    private static readonly Dictionary<string, string[]> SplitNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["train"] = ["train", "training"],
        ["validation"] = ["validation", "valid", "val", "dev"],
        ["test"] = ["test", "testing"],
    };

    /// <summary>The files in order of their names.</summary>
    public static IReadOnlyList<string> Of(DatasetRequest request, DataSetEntry? entry)
    {
        string path = request.Path;
        bool several = !File.Exists(path);
        string[] files = several ? Several(path) : [path];
        if (!several && request.Split is not null && !IsOf(path, request.Split))
        {
            throw new UserFaultException(
                $"{path} is one file, and its name does not say that it is the split '{request.Split}'.",
                "Leave the split out, or name the folder that holds one file per split.", FaultKind.Usage);
        }

        if (!several)
            return files;
        // Where the set's own files lie in the folder, other files beside them are not part of it.
        if (entry is not null)
        {
            string[] own = [.. files.Where(f => entry.LocalFiles.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, Path.GetFileName(f), ignoreCase: false)))];
            files = own.Length > 0 ? own : files;
        }

        if (request.Split is null)
            return files;
        string[] ofSplit = [.. files.Where(f => IsOf(f, request.Split))];
        return ofSplit.Length > 0
            ? ofSplit
            : throw new UserFaultException(
                $"No file of {path} is named after the split '{request.Split}'.",
                $"It holds {string.Join(", ", files.Take(12).Select(Path.GetFileName))}.", FaultKind.Usage);
    }

    private static string[] Several(string path)
    {
        if (Directory.Exists(path))
            return Found(path, [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(RowFile.HasKnownEnding)]);
        int star = path.IndexOfAny(['*', '?']);
        if (star >= 0)
        {
            string root = path[..(path.LastIndexOfAny(['/', '\\'], star) + 1)];
            root = root.Length == 0 ? "." : root;
            if (Directory.Exists(root))
            {
                var pattern = new Regex("^" + Expression(path.Replace('\\', '/')) + "$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
                string prefix = root == "." && !path.StartsWith('.') ? "./" : "";
                return Found(path, [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Where(f => pattern.IsMatch(WithoutPrefix(f.Replace('\\', '/'), prefix)))]);
            }
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string? nearest = Directory.Exists(folder)
            ? NearestName.Find(Path.GetFileName(path), Directory.EnumerateFileSystemEntries(folder).Select(f => Path.GetFileName(f)))
            : null;
        string remedy = nearest is not null
            ? $"Did you mean {Path.Combine(Path.GetDirectoryName(path) ?? "", nearest)}?"
            : DataSets.Find(path) is { } known
                ? $"To read the known set of that name, give its files: tandem data show {known.Name} --path FILE."
                : "Give a file, a folder or a pattern.";
        throw new UserFaultException($"There is no file or folder {path}.", remedy, FaultKind.Usage);
    }

    private static string[] Found(string path, List<string> files)
    {
        files.Sort(StringComparer.Ordinal);
        return files.Count > 0
            ? [.. files]
            : throw new UserFaultException(
                $"{path} holds no data files.", $"Data files end in {string.Join(", ", RowFile.Endings)}, each also with .gz.", FaultKind.Usage);
    }

    private static string WithoutPrefix(string file, string prefix) =>
        prefix.Length > 0 && file.StartsWith(prefix, StringComparison.Ordinal) ? file[prefix.Length..] : file;

    private static string Expression(string pattern) => Regex.Escape(pattern)
        .Replace(@"\*\*/", "(?:.*/)?", StringComparison.Ordinal)
        .Replace(@"\*\*", ".*", StringComparison.Ordinal)
        .Replace(@"\*", "[^/]*", StringComparison.Ordinal)
        .Replace(@"\?", "[^/]", StringComparison.Ordinal);

    private static bool IsOf(string file, string split)
    {
        string[] names = SplitNames.Values.FirstOrDefault(n => n.Contains(split, StringComparer.OrdinalIgnoreCase)) ?? [split];
        string[] words = Path.GetFileName(file).Split('.', '_', '-', ' ');
        return words.Any(w => names.Contains(w, StringComparer.OrdinalIgnoreCase));
    }
}
