using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Tandem.Datasets.Hub;

/// <summary>The hash that a blob is named by, computed as its bytes come: SHA-256 for large files, git's SHA-1 with its header for others.</summary>
internal sealed class BlobHash : IDisposable
{
    private readonly IncrementalHash _hash;
    private readonly HubFile _file;

    public BlobHash(HubFile file)
    {
        _file = file;
        _hash = IncrementalHash.CreateHash(file.BlobId.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        Restart();
    }

    /// <summary>The bytes hashed so far.</summary>
    public long Length { get; private set; }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        Length += bytes.Length;
    }

    /// <summary>Reads a stream from its start to its end.</summary>
    public void AppendAll(Stream stream, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 17];
        stream.Position = 0;
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            Append(buffer.AsSpan(0, read));
        }
    }

    public void Restart()
    {
        Span<byte> discarded = stackalloc byte[32];
        _hash.TryGetHashAndReset(discarded, out _);
        Length = 0;
        if (_file.BlobId.Length == 40)
            _hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {_file.Size}\0")));
    }

    /// <summary>The hash in lower-case hexadecimal digits; nothing can be appended after it.</summary>
    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
