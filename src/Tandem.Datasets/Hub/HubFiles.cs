using System.Text;
using System.Text.RegularExpressions;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>A commit of a repository and the names of its files.</summary>
/// <param name="Commit">The commit, 40 hexadecimal digits.</param>
/// <param name="Files">The names of its files, as the server gives them: not checked.</param>
public sealed record HubRevision(string Commit, IReadOnlyList<string> Files);

/// <summary>A file of a commit.</summary>
/// <param name="Path">Its name within the repository, with forward slashes; checked to stay within a folder.</param>
/// <param name="Size">Its length in bytes.</param>
/// <param name="BlobId">The SHA-256 of its content for a large file (64 digits), else its git hash (40 digits): its name among the cache's blobs.</param>
public sealed record HubFile(string Path, long Size, string BlobId);

/// <summary>Which files of a repository are fetched. Patterns are those of Hugging Face's tools: <c>*</c> stands for any letters, slashes too, and a pattern that ends with a slash for a folder.</summary>
public static partial class FileSelection
{
    private const int LongestPath = 1024;
    private const int LongestPart = 255;

    private static readonly string[] ModelFiles =
        ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model", "LICENSE*", "LICENCE*", "README*", "NOTICE*"];

    // Other formats of the same weights, and training logs.
    private static readonly string[] ModelExceptions =
        ["onnx/*", "openvino/*", "original/*", "coreml/*", "runs/*", "checkpoint-*/*", ".*", "consolidated*"];

    private static readonly string[] EveryFile = ["*"];

    private static readonly string[] DatasetExceptions = ["*.py", ".*"];

    private static readonly string[] PickleEndings = [".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".keras"];

    /// <summary>Chooses among names.</summary>
    /// <param name="kind">What the repository holds: it decides what is taken where nothing is included by name.</param>
    /// <param name="names">The names.</param>
    /// <param name="include">Patterns of what is wanted; empty for the usual.</param>
    /// <param name="exclude">Patterns of what is not.</param>
    /// <exception cref="UserFaultException">What is included by name is a pickle, which runs code when it is loaded.</exception>
    public static IReadOnlyList<string> Choose(
        RepositoryKind kind, IEnumerable<string> names, IReadOnlyList<string> include, IReadOnlyList<string> exclude)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(include);
        ArgumentNullException.ThrowIfNull(exclude);
        bool isModel = kind == RepositoryKind.Model;
        Regex[] without = Expressions(exclude);
        Regex[] wanted = Expressions(include.Count > 0 ? include : isModel ? ModelFiles : EveryFile);
        Regex[] exceptions = Expressions(include.Count > 0 ? [] : isModel ? ModelExceptions : DatasetExceptions);
        var chosen = new List<string>();
        foreach (string name in names.Where(n => IsMatch(n, wanted) && !IsMatch(n, without)))
        {
            if (include.Count == 0)
            {
                if (!IsMatch(name, exceptions) && !IsPickle(kind, name))
                    chosen.Add(name);
            }
            else
            {
                if (IsPickle(kind, name))
                {
                    throw new UserFaultException(
                        $"'{name}' is in a format that can run code when it is loaded (pickle), and is not fetched.",
                        $"Fetch safetensors instead, or leave it out with --exclude '{name}'.", FaultKind.Usage);
                }

                chosen.Add(name);
            }
        }

        return chosen;
    }

    /// <summary>Whether a file's format can run code when it is loaded. In data sets <c>.bin</c> is any binary file.</summary>
    public static bool IsPickle(RepositoryKind kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return PickleEndings.Any(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase) && (kind == RepositoryKind.Model || e != ".bin"));
    }

    /// <summary>Whether a name matches one of the patterns.</summary>
    public static bool Matches(string name, IEnumerable<string> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        return IsMatch(name, Expressions(patterns));
    }

    /// <summary>
    /// Checks a name that a server gave: it must lead to a file below the folder that it is put into.
    /// </summary>
    /// <exception cref="UserFaultException">It leads elsewhere, or not to a file.</exception>
    internal static string Checked(string name, string place)
    {
        bool safe = name.Length is > 0 and <= LongestPath && !ForbiddenCharacter().IsMatch(name) && name.Split('/').All(IsPart);
        return safe
            ? name
            : throw new UserFaultException(
                $"{place} lists a file named '{HubText.Clean(name)}', which could be written outside its folder; nothing was fetched.",
                "Do not trust this repository; report it to the hub.");
    }

    /// <summary>Checks that no file is a folder of another, and that no name comes twice.</summary>
    internal static void CheckTree(IReadOnlyCollection<string> names, string place)
    {
        // Elsewhere file systems often do not tell capitals from small letters.
        var files = new HashSet<string>(OperatingSystem.IsLinux() ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
        foreach (string name in names)
        {
            if (!files.Add(name))
                throw Clash(name, place);
        }

        foreach (string name in names)
        {
            for (int slash = name.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = name.IndexOf('/', slash + 1))
            {
                if (files.Contains(name[..slash]))
                    throw Clash(name, place);
            }
        }
    }

    /// <summary>Whether a file or folder may be called so: with Windows' own rules where they hold.</summary>
    private static bool IsPart(string part) =>
        part is not ("" or "." or "..") && Encoding.UTF8.GetByteCount(part) <= LongestPart
        && !(OperatingSystem.IsWindows() && (part.EndsWith('.') || part.EndsWith(' ') || WindowsForbids().IsMatch(part)));

    private static UserFaultException Clash(string name, string place) =>
        new($"{place} lists '{name}' beside another file that takes its place; nothing was fetched.", "Choose the files with --include and --exclude.");

    private static bool IsMatch(string name, Regex[] expressions) => expressions.Any(e => e.IsMatch(name));

    private static Regex[] Expressions(IEnumerable<string> patterns) => [.. patterns.Select(Expression)];

    private static Regex Expression(string pattern)
    {
        string whole = pattern.EndsWith('/') ? pattern + "*" : pattern;
        var text = new StringBuilder(@"\A");
        foreach (char letter in whole)
            text.Append(letter switch { '*' => ".*", '?' => ".", _ => Regex.Escape(letter.ToString()) });

        // Without backtracking: a pattern of many stars takes no more than linear time.
        return new Regex(text.Append(@"\z").ToString(), RegexOptions.Singleline | RegexOptions.NonBacktracking);
    }

    // The backslash separates folders on one system, and means nothing good in a name on another.
    [GeneratedRegex(@"[\x00-\x1f\x7f\\]")]
    private static partial Regex ForbiddenCharacter();

    [GeneratedRegex(@"[:*?""<>|]|\A(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?\z", RegexOptions.IgnoreCase)]
    private static partial Regex WindowsForbids();
}
