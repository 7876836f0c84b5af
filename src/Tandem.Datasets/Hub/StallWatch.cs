namespace Tandem.Datasets.Hub;

/// <summary>Ends a request that has not brought 1,024 bytes within a time, so that a trickle ends like silence.</summary>
internal sealed class StallWatch : IDisposable
{
    private const int LeastBytes = 1024;

    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _both;
    private readonly TimeSpan _timeout;
    private int _received;

    public StallWatch(TimeSpan timeout, TimeProvider time, CancellationToken cancellation)
    {
        _timeout = timeout;
        _silence = new CancellationTokenSource(timeout, time);
        _both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _silence.Token);
    }

    public CancellationToken Token => _both.Token;

    public bool IsStalled => _silence.IsCancellationRequested;

    /// <summary>Starts the time anew.</summary>
    public void Restart()
    {
        _received = 0;
        _silence.CancelAfter(_timeout);
    }

    public void Received(int bytes)
    {
        _received += bytes;
        if (_received >= LeastBytes)
            Restart();
    }

    public void Dispose()
    {
        _both.Dispose();
        _silence.Dispose();
    }
}
