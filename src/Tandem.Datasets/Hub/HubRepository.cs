using System.Text.RegularExpressions;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>What a repository of the hub holds.</summary>
public enum RepositoryKind
{
    /// <summary>A model.</summary>
    Model,

    /// <summary>A data set.</summary>
    Dataset,
}

/// <summary>A repository of the hub.</summary>
public sealed partial record HubRepository
{
    private HubRepository(RepositoryKind kind, string name) => (Kind, Name) = (kind, name);

    /// <summary>What it holds.</summary>
    public RepositoryKind Kind { get; }

    /// <summary>Its name: <c>organization/name</c>, or <c>name</c> alone for a few old ones.</summary>
    public string Name { get; }

    /// <summary>Its folder in the cache: <c>models--organization--name</c>.</summary>
    public string FolderName => Prefix(Kind) + Name.Replace("/", "--", StringComparison.Ordinal);

    internal string KindName => Kind == RepositoryKind.Model ? "model" : "data set";

    internal string PullCommand => Kind == RepositoryKind.Model ? $"tandem models pull {Name}" : $"tandem data pull {Name}";

    internal string ApiPath => (Kind == RepositoryKind.Model ? "api/models/" : "api/datasets/") + Name;

    internal string FilesPath => Kind == RepositoryKind.Model ? Name : "datasets/" + Name;

    /// <summary>Reads a name.</summary>
    /// <exception cref="UserFaultException">It cannot be the name of a repository.</exception>
    public static HubRepository Parse(RepositoryKind kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (IsName(name))
            return new HubRepository(kind, name);
        throw new UserFaultException(
            $"'{HubText.Clean(name)}' is not the name of a repository: one or two parts of letters, digits, '-', '_' and '.', at most 96 letters each.",
            "Write organization/name, as in Qwen/Qwen2.5-0.5B-Instruct.", FaultKind.Usage);
    }

    /// <summary>Whether a text has the form of a repository's name.</summary>
    public static bool IsName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return NamePattern().IsMatch(name)
            && !name.Contains("--", StringComparison.Ordinal) && !name.Contains("..", StringComparison.Ordinal)
            && !name.EndsWith(".git", StringComparison.OrdinalIgnoreCase);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The repository of a folder of the cache; null if the folder is something else.</summary>
    internal static HubRepository? FromFolder(string folderName)
    {
        foreach (RepositoryKind kind in Enum.GetValues<RepositoryKind>())
        {
            if (!folderName.StartsWith(Prefix(kind), StringComparison.Ordinal))
                continue;
            string name = folderName[Prefix(kind).Length..].Replace("--", "/", StringComparison.Ordinal);
            if (IsName(name))
                return new HubRepository(kind, name);
        }

        return null;
    }

    private static string Prefix(RepositoryKind kind) => kind == RepositoryKind.Model ? "models--" : "datasets--";

    [GeneratedRegex(@"\A[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?(?:/[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?)?\z")]
    private static partial Regex NamePattern();
}
