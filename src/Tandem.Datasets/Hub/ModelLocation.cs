using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>Finds the local folder of a model.</summary>
public static class ModelLocation
{
    private const string Index = "model.safetensors.index.json";

    /// <summary>The folder of a model: the folder named, or the snapshot that the hub's cache has.</summary>
    /// <param name="nameOrPath">A folder, or <c>organization/name</c> or <c>organization/name@revision</c>.</param>
    /// <param name="settings">Where the cache is; null for the environment's.</param>
    /// <exception cref="UserFaultException">There is neither, or the snapshot is not complete; the message has the command that fetches it.</exception>
    public static string Resolve(string nameOrPath, HubSettings? settings = null)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        if (Directory.Exists(nameOrPath))
            return Path.GetFullPath(nameOrPath);
        int at = nameOrPath.LastIndexOf('@');
        string name = at < 0 ? nameOrPath : nameOrPath[..at];
        string revision = at < 0 ? "main" : nameOrPath[(at + 1)..];
        if (!HubRepository.IsName(name) || !HubText.IsRevision(revision))
        {
            throw new UserFaultException(
                $"There is no folder '{HubText.Clean(nameOrPath)}', and it is not the name of a model on the hub.",
                "Name a folder, or organization/name, as in Qwen/Qwen2.5-0.5B-Instruct.", FaultKind.Usage);
        }

        HubRepository repository = HubRepository.Parse(RepositoryKind.Model, name);
        var cache = new HubCache((settings ?? HubSettings.FromEnvironment()).CacheDirectory);
        string command = repository.PullCommand + (at < 0 ? "" : $" --revision {revision}");
        if (cache.FindSnapshot(repository, revision) is not { } snapshot)
        {
            string? nearest = NearestName.Find(name, cache.Scan(RepositoryKind.Model).Select(r => r.Repository.Name));
            string near = nearest is null || nearest == name ? "" : $" Did you mean '{nearest}'?";
            throw new UserFaultException(
                $"There is no folder '{nameOrPath}', and the cache {cache.Directory} has no model '{name}'{(at < 0 ? "" : $" at revision '{revision}'")}.{near}",
                $"Fetch it: {command}", FaultKind.Usage);
        }

        string[] missing = MissingFiles(snapshot);
        return missing.Length == 0
            ? snapshot
            : throw new UserFaultException($"The cache has model '{name}' without {string.Join(", ", missing)}.", $"Fetch the rest: {command}", FaultKind.Usage);
    }

    /// <summary>What a folder lacks of a model: its configuration, its weights, each shard that its index names.</summary>
    internal static string[] MissingFiles(string folder)
    {
        var missing = new List<string>();
        if (!File.Exists(Path.Combine(folder, "config.json")))
            missing.Add("config.json");
        string index = Path.Combine(folder, Index);
        if (File.Exists(Path.Combine(folder, "model.safetensors")))
            return [.. missing];
        if (!File.Exists(index))
            return [.. missing, "model.safetensors"];
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(index));
            if (HubListing.Property(json.RootElement, "weight_map") is { ValueKind: JsonValueKind.Object } map)
            {
                missing.AddRange(map.EnumerateObject()
                    .Select(p => p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : Index)
                    .Distinct(StringComparer.Ordinal)
                    .Where(n => n != Path.GetFileName(n) || !File.Exists(Path.Combine(folder, n)))
                    .Select(HubText.Clean));
            }
        }
        catch (JsonException)
        {
            missing.Add($"a readable {Index}");
        }

        return [.. missing];
    }
}
