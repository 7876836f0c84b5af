using System.Net;
using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>What is near a name that the hub does not know.</summary>
internal static class HubSuggestions
{
    private static readonly string[] Groups = ["branches", "tags"];

    /// <summary>The fault for a repository or a revision that is not there.</summary>
    public static async Task<UserFaultException> MissingAsync(
        HubClient client, HubRepository repository, string revision, HubNotFoundException missing, CancellationToken cancellation)
    {
        if (missing.Code == "RevisionNotFound")
        {
            string[] names = await RevisionsAsync(client, repository, cancellation).ConfigureAwait(false);
            string? nearest = NearestName.Find(revision, names);
            return new UserFaultException(
                $"'{repository}' has no revision '{revision}'{(names.Length == 0 ? "" : $"; it has {string.Join(", ", names.Take(10))}")}.",
                nearest is null ? "Name one with --revision." : $"Did you mean '{nearest}'?", FaultKind.Usage, missing);
        }

        string[] known = [.. await SearchAsync(client, repository, cancellation).ConfigureAwait(false), .. client.Cache.Scan(repository.Kind).Select(r => r.Repository.Name)];
        string? near = NearestName.Find(repository.Name, known);
        string privacy = client.Settings.Token is null ? " If it is private, set HF_TOKEN to a token with access." : " If it is private, the token in HF_TOKEN has no access to it.";
        bool hidden = missing.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;
        return new UserFaultException(
            $"{client.Settings.Endpoint.Host} has no {repository.KindName} '{repository}'{(hidden ? " that it shows to you" : "")}.",
            (near is null ? "Check the spelling." : $"Did you mean '{near}'?") + privacy, FaultKind.Usage, missing);
    }

    private static Task<string[]> RevisionsAsync(HubClient client, HubRepository repository, CancellationToken cancellation) => TryAsync(
        client, $"{repository.ApiPath}/refs",
        root => [.. Groups
            .SelectMany(group => HubListing.Property(root, group) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().ToArray() : [])
            .Select(entry => HubListing.Text(entry, "name")).OfType<string>().Where(HubText.IsRevision)],
        cancellation);

    /// <summary>Of the same owner, names that begin alike; of any owner, the same name.</summary>
    private static async Task<string[]> SearchAsync(HubClient client, HubRepository repository, CancellationToken cancellation)
    {
        string kind = repository.Kind == RepositoryKind.Model ? "models" : "datasets";
        string[] parts = repository.Name.Split('/');
        string owner = parts.Length == 2 ? $"author={Uri.EscapeDataString(parts[0])}&" : "";
        string name = parts[^1];
        string[] alike = await ListAsync($"{owner}search={Uri.EscapeDataString(name[..Math.Min(name.Length, 3)])}").ConfigureAwait(false);
        return alike.Length > 0 ? alike : await ListAsync($"search={Uri.EscapeDataString(name)}").ConfigureAwait(false);

        Task<string[]> ListAsync(string query) => TryAsync(
            client, $"api/{kind}?{query}&limit=100",
            root => root.ValueKind == JsonValueKind.Array
                ? [.. root.EnumerateArray().Select(entry => HubListing.Text(entry, "id")).OfType<string>().Where(HubRepository.IsName)]
                : [],
            cancellation);
    }

    /// <summary>A suggestion that cannot be had must not hide the fault.</summary>
    private static async Task<string[]> TryAsync(HubClient client, string path, Func<JsonElement, string[]> read, CancellationToken cancellation)
    {
        try
        {
            using JsonDocument document = await client.Transport.GetJsonAsync(
                client.Address(path), "suggestions", SilentObserver.Instance, cancellation, retry: false).ConfigureAwait(false);
            return read(document.RootElement);
        }
        catch (Exception error) when (error is UserFaultException or TransientHubException or HubNotFoundException)
        {
            return [];
        }
    }
}
