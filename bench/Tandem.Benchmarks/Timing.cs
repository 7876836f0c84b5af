using System.Diagnostics;

namespace Tandem.Benchmarks;

/// <summary>The times of repeated runs, in seconds. The best is what the machine can do; the median what it did.</summary>
internal readonly record struct Timing(double Best, double Median)
{
    /// <summary>Runs an action until both limits are reached, after one run that is not counted.</summary>
    /// <param name="action">What is timed.</param>
    /// <param name="repetitions">The least number of runs.</param>
    /// <param name="seconds">The least time.</param>
    public static Timing Of(Action action, int repetitions, double seconds)
    {
        action();
        var times = new List<double>();
        long start = Stopwatch.GetTimestamp();
        while (times.Count < repetitions || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            long before = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        times.Sort();
        return new Timing(times[0], times[times.Count / 2]);
    }
}
