using Tandem.Datasets.Hub;

namespace Tandem.Datasets.Tests.Hub;

/// <summary>A disk that runs full.</summary>
internal sealed class LimitedStore : IFileStore
{
    private readonly SystemFileStore _disk = new();
    private long _left = long.MaxValue;

    /// <summary>What it says is free.</summary>
    public long Free { get; init; } = long.MaxValue;

    /// <summary>How many bytes it takes.</summary>
    public long Left { init => _left = value; }

    public long FreeBytes(string folder) => Free;

    public Stream OpenAppend(string path) => new Full(this, _disk.OpenAppend(path));

    private sealed class Full(LimitedStore store, Stream inner) : Stream
    {
        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => inner.CanWrite;

        public override long Length => inner.Length;

        public override long Position { get => inner.Position; set => inner.Position = value; }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => inner.SetLength(value);

        public override void Write(byte[] buffer, int offset, int count)
        {
            if (Interlocked.Add(ref store._left, -count) < 0)
                throw new IOException("No space left on device");
            inner.Write(buffer, offset, count);
        }

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
