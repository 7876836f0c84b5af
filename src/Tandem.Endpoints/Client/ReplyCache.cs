using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tandem.Endpoints.Wire;
using Tandem.Language;

namespace Tandem.Endpoints;

/// <summary>Replies on disk, each in a file named by the SHA-256 of its request. Files that cannot be read are as good as absent.</summary>
/// <remarks>Any number of processes may share a folder: files are whole or absent.</remarks>
public sealed class ReplyCache
{
    private readonly string _directory;
    private long _hits;
    private long _misses;
    private long _shared;
    private long _corrupt;

    /// <summary>Opens a cache; the folder is made when the first reply is stored.</summary>
    /// <param name="directory">The folder.</param>
    public ReplyCache(string directory) => _directory = directory;

    /// <summary>Requests that the disk answered.</summary>
    public long Hits => Interlocked.Read(ref _hits);

    /// <summary>Requests that were sent.</summary>
    public long Misses => Interlocked.Read(ref _misses);

    /// <summary>Requests that waited for an equal one under way, and got its reply.</summary>
    public long Shared => Interlocked.Read(ref _shared);

    /// <summary>Files that could not be read.</summary>
    public long Corrupt => Interlocked.Read(ref _corrupt);

    internal static string Key(byte[] request) => Convert.ToHexStringLower(SHA256.HashData(request));

    internal ChatReply? Find(string key, byte[] request)
    {
        string path = PathOf(key);
        try
        {
            StoredReply? stored = JsonSerializer.Deserialize(File.ReadAllBytes(path), WireJson.Plain.StoredReply);
            if (stored is not null && stored.Request == Encoding.UTF8.GetString(request) && ChatReplies.Response(stored.Reply) is not null)
            {
                Interlocked.Increment(ref _hits);
                return stored.Reply;
            }
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            // Counted with the other files that are of no use.
        }

        Interlocked.Increment(ref _corrupt);
        return null;
    }

    internal void Store(string key, byte[] request, ChatReply reply) => AtomicFile.Write(
        PathOf(key),
        stream => JsonSerializer.Serialize(stream, new StoredReply { Request = Encoding.UTF8.GetString(request), Reply = reply }, WireJson.Plain.StoredReply));

    internal void CountMiss() => Interlocked.Increment(ref _misses);

    internal void CountShared() => Interlocked.Increment(ref _shared);

    private string PathOf(string key) => Path.Combine(_directory, key[..2], key + ".json");
}
