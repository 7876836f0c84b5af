namespace Tandem.Reports;

/// <summary>How far a file is.</summary>
internal sealed record DownloadedFile(string Name, double Done, double Total);

/// <summary>How far a download is; what is not known is null.</summary>
internal sealed record DownloadView(double Done, double Total, double? PerSecond, TimeSpan? Left, IReadOnlyList<DownloadedFile> Running);

/// <summary>What is known of a download's progress, and the estimates from it. Not thread-safe.</summary>
internal sealed class DownloadBoard(TimeProvider time)
{
    // The rate is that of the last seconds: networks change.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, (double First, double Done, double Total)> _files = [];
    private readonly List<string> _running = [];
    private readonly Queue<(long Time, double Done)> _samples = new();
    private double _total;
    private double _present;

    public void Plan(double total, double present) => (_total, _present) = (total, present);

    public void Advance(string file, double done, double total)
    {
        if (!_files.TryGetValue(file, out var known))
        {
            known = (done, done, total);
            _running.Add(file);
        }

        _files[file] = (known.First, done, total);
        long now = time.GetTimestamp();
        if (_samples.Count == 0 || time.GetElapsedTime(_samples.Last().Time, now) > TimeSpan.FromMilliseconds(100))
            _samples.Enqueue((now, Fetched));
        while (_samples.Count > 2 && time.GetElapsedTime(_samples.Peek().Time, now) > Window)
            _samples.Dequeue();
    }

    public void Complete(string file) => _running.Remove(file);

    public DownloadView View()
    {
        double total = _total > 0 ? _total : _files.Values.Sum(f => f.Total);
        double first = _total > 0 ? _present : _files.Values.Sum(f => f.First);
        double done = Math.Min(total, first + Fetched);
        double? rate = null;
        if (_samples.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Time) is var elapsed && elapsed >= Settled)
            rate = Math.Max(0, Fetched - oldest.Done) / elapsed.TotalSeconds;
        TimeSpan? left = rate > 0 && total > 0 ? TimeSpan.FromSeconds(Math.Min((total - done) / rate.Value, 1e9)) : null;
        return new DownloadView(done, total, rate, left, [.. _running.Select(f => new DownloadedFile(f, _files[f].Done, _files[f].Total))]);
    }

    private double Fetched => _files.Values.Sum(f => f.Done - f.First);
}
