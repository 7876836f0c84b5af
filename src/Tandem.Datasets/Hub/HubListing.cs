using System.Text.Json;
using Tandem.Tensors;

namespace Tandem.Datasets.Hub;

/// <summary>Reads the hub's JSON, which may hold anything.</summary>
internal static class HubListing
{
    /// <summary>The commit and the file names of <c>/api/models/…/revision/…</c>.</summary>
    public static HubRevision Revision(JsonElement root, string what)
    {
        if (Text(root, "sha") is not { } commit || !HubText.IsCommit(commit))
            throw Malformed(what, "no commit");
        var files = new List<string>();
        if (Property(root, "siblings") is { ValueKind: JsonValueKind.Array } siblings)
            files.AddRange(siblings.EnumerateArray().Select(s => Text(s, "rfilename")).OfType<string>());
        return new HubRevision(commit, files);
    }

    /// <summary>The files of a page of <c>/api/models/…/tree/…</c>, with checked names.</summary>
    public static IEnumerable<HubFile> Files(JsonElement root, string repository)
    {
        if (root.ValueKind != JsonValueKind.Array)
            throw Malformed($"the files of '{repository}'", "no list");
        foreach (JsonElement entry in root.EnumerateArray())
        {
            if (Text(entry, "type") != "file")
                continue;
            string path = FileSelection.Checked(Text(entry, "path") ?? "", $"'{repository}'");
            JsonElement source = Property(entry, "lfs") is { ValueKind: JsonValueKind.Object } large ? large : entry;
            string? id = Text(source, "oid");
            if (id is not null && id.StartsWith("sha256:", StringComparison.Ordinal))
                id = id["sha256:".Length..];
            if (id is null || !HubText.IsBlobId(id) || Property(source, "size") is not { ValueKind: JsonValueKind.Number } size || !size.TryGetInt64(out long bytes))
                throw Malformed($"'{path}' of '{repository}'", "no hash or no length");
            yield return new HubFile(path, bytes, id);
        }
    }

    /// <summary>The address of the next page that a Link header names, on the same server only.</summary>
    public static Uri? NextPage(HubReply reply, Uri current)
    {
        foreach (string link in (reply.Header("Link") ?? "").Split(','))
        {
            int open = link.IndexOf('<', StringComparison.Ordinal), close = link.IndexOf('>', StringComparison.Ordinal);
            if (open < 0 || close < open || !link[close..].Contains("rel=\"next\"", StringComparison.Ordinal))
                continue;
            if (Uri.TryCreate(current, link[(open + 1)..close], out Uri? next) && next.GetLeftPart(UriPartial.Authority) == current.GetLeftPart(UriPartial.Authority))
                return next;
        }

        return null;
    }

    public static JsonElement? Property(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;

    public static string? Text(JsonElement element, string name) =>
        Property(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static UserFaultException Malformed(string what, string lacking) =>
        new($"The answer about {what} is not a hub's: it has {lacking}.", "Check HF_ENDPOINT.");
}
