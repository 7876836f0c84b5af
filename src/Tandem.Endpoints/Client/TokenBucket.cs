namespace Tandem.Endpoints;

/// <summary>
/// A token bucket: it fills at a steady rate and holds six seconds' worth, so that no minute sees more than 1.1 times the rate.
/// Who takes more than there is waits until the bucket has made up for it, and those who come later wait behind.
/// </summary>
internal sealed class TokenBucket(double perMinute, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly double _capacity = Math.Max(1, perMinute / 10);
    private double _level = Math.Max(1, perMinute / 10);
    private long _filled = time.GetTimestamp();

    /// <summary>Takes an amount; returns when it may be used.</summary>
    public Task TakeAsync(double amount, CancellationToken cancellation)
    {
        TimeSpan wait;
        lock (_lock)
        {
            Fill();
            _level -= amount;
            wait = _level >= 0 ? TimeSpan.Zero : TimeSpan.FromMinutes(-_level / perMinute);
        }

        return wait == TimeSpan.Zero ? Task.CompletedTask : Task.Delay(wait, time, cancellation);
    }

    /// <summary>Puts back what was taken and not used.</summary>
    public void Give(double amount)
    {
        lock (_lock)
        {
            Fill();
            _level = Math.Min(_capacity, _level + amount);
        }
    }

    private void Fill()
    {
        long now = time.GetTimestamp();
        _level = Math.Min(_capacity, _level + (time.GetElapsedTime(_filled, now).TotalMinutes * perMinute));
        _filled = now;
    }
}
