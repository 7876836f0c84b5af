using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Tandem.Datasets;

/// <summary>SHA-256 over a list of texts, each with its length before it, so that no two lists run together.</summary>
internal static class ContentHash
{
    private const int IdentifierLength = 32;

    /// <summary>The first 128 bits as lower-case hexadecimal.</summary>
    public static string Of(string kind, IEnumerable<string> parts) => Convert.ToHexStringLower(Digest(kind, parts))[..IdentifierLength];

    /// <summary>The first 64 bits.</summary>
    public static ulong Number(string kind, IEnumerable<string> parts) => BinaryPrimitives.ReadUInt64BigEndian(Digest(kind, parts));

    private static byte[] Digest(string kind, IEnumerable<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, kind);
        foreach (string part in parts)
            Append(hash, part);
        return hash.GetHashAndReset();
    }

    private static void Append(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
