using System.Security.Cryptography;
using System.Text;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>A repository of the fake hub.</summary>
internal sealed class FakeRepository(string name, bool dataset = false)
{
    public string Name { get; } = name;

    public bool IsDataset { get; } = dataset;

    public string Commit { get; set; } = FakeFile.GitHash(Encoding.UTF8.GetBytes(name));

    public Dictionary<string, FakeFile> Files { get; } = [];

    /// <summary>Entries of the listing that no file stands behind.</summary>
    public List<string> HostileNames { get; } = [];

    public bool Gated { get; set; }

    public bool Private { get; set; }

    /// <summary>Whether listings of files are answered.</summary>
    public bool HasTree { get; set; } = true;

    public FakeRepository Add(string path, byte[] content, bool large = false)
    {
        Files[path] = new FakeFile(content, large);
        return this;
    }

    public FakeRepository Add(string path, string content) => Add(path, Encoding.UTF8.GetBytes(content));

    /// <summary>Bytes that no two calls with different seeds share.</summary>
    public static byte[] Noise(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}

/// <summary>A file of the fake hub: in git, or on the second host.</summary>
internal sealed record FakeFile(byte[] Content, bool Large)
{
    public string BlobId { get; } = Large ? Convert.ToHexStringLower(SHA256.HashData(Content)) : GitHash(Content);

    public static string GitHash(byte[] content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
