using System.Globalization;
using System.Text;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using Tandem.Tensors;

namespace Tandem.Benchmarks.Kernels;

/// <summary>A kernel's time beside the least time that the machine's limits allow.</summary>
/// <param name="Kernel">What was measured.</param>
/// <param name="Size">The shape of the data.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="BestMicroseconds">The best iteration's time of one run.</param>
/// <param name="MedianMicroseconds">The median.</param>
/// <param name="Operations">Operations of one run.</param>
/// <param name="Bytes">Bytes read and written, at least.</param>
/// <param name="DataBytes">The memory that they are in.</param>
/// <param name="PeakGflops">The measured peak of fused multiply-adds.</param>
/// <param name="ReadGigabytesPerSecond">The measured rate of reading a buffer of as many bytes again and again.</param>
internal sealed record KernelRow(
    string Kernel, string Size, int Threads, double BestMicroseconds, double MedianMicroseconds, double Operations, double Bytes,
    double DataBytes, double PeakGflops, double ReadGigabytesPerSecond)
{
    /// <summary>Whether the bytes take longer than the operations, at the measured limits.</summary>
    public bool BoundByBytes => Bytes / ReadGigabytesPerSecond > Operations / PeakGflops;

    /// <summary>The longer of both times.</summary>
    public double BoundMicroseconds => Math.Max(Bytes / ReadGigabytesPerSecond, Operations / PeakGflops) / 1e3;

    /// <summary><see cref="BoundMicroseconds"/> over the best time.</summary>
    public double BoundShare => BoundMicroseconds / BestMicroseconds;
}

/// <summary>All rows of one run.</summary>
internal sealed record KernelReport(Machine Machine, KernelRow[] Rows) : IPerformanceSection
{
    string IPerformanceSection.Title => "Kernels";

    string IPerformanceSection.Command => "kernels";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}.");
        foreach (IGrouping<int, KernelRow> rows in Rows.GroupBy(r => r.Threads))
            text.AppendLine(culture, $"- Measured peak, {rows.Key} thread(s): {rows.First().PeakGflops:F0} GFLOP/s of fp32 fused multiply-adds.");
        text.AppendLine();
        text.AppendLine(culture, $"Single kernels by BenchmarkDotNet, best iteration (median). The bound is the longer of two times: the operations at the measured peak, and the bytes that must be read or written, each once, at the rate of reading a buffer as large as the kernel's data again and again. That rate is the one of the cache or memory that holds the data: where it is far above the last rows', they stay in a cache. Memory takes what is written beside what is read, so that kernels that write much may pass the bound. A fused multiply-add counts as two operations, an exponential as {KernelCase.Exponential}; a peak of fused multiply-adds alone is out of reach for kernels that mostly add, multiply or divide. Of attention, the products of visible pairs are counted.");
        text.AppendLine();
        text.AppendLine("| Kernel | Size | Threads | Data | Time, µs | GFLOP/s | GB/s | Reading such data, GB/s | Bound | Of the bound |");
        text.AppendLine("|---|---|---:|---:|---:|---:|---:|---:|---|---:|");
        foreach (KernelRow row in Rows)
            text.AppendLine(culture, $"| {row.Kernel} | {row.Size} | {row.Threads} | {Size(row.DataBytes)} | {row.BestMicroseconds:N1} ({row.MedianMicroseconds:N1}) | {row.Operations / row.BestMicroseconds / 1e3:F1} | {row.Bytes / row.BestMicroseconds / 1e3:F1} | {row.ReadGigabytesPerSecond:F1} | {(row.BoundByBytes ? "bytes" : "operations")} | {100 * row.BoundShare:F0}% |");
    }

    private static string Size(double bytes) => bytes < 1 << 20
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 10):F0} KiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):F0} MiB");
}

/// <summary>Measures single kernels with BenchmarkDotNet.</summary>
internal static class KernelComparison
{
    public static void Run(string repository, int milliseconds)
    {
        // Before and after, so that a busy moment does not decide.
        var peaks = new Dictionary<int, double>();
        var rates = new Dictionary<(int Threads, double Bytes), double>();
        MeasureLimits(peaks, rates);
        Dictionary<string, (double Best, double Median)> times = MeasureTimes(milliseconds);
        MeasureLimits(peaks, rates);
        var rows = new List<KernelRow>();
        foreach (KernelCase kernel in KernelCase.All)
        {
            var (best, median) = times[kernel.Name];
            var row = new KernelRow(
                kernel.Kernel, kernel.Size, kernel.Threads, best, median, kernel.Operations, kernel.Bytes, kernel.DataBytes,
                peaks[kernel.Threads], rates[(kernel.Threads, kernel.DataBytes)]);
            rows.Add(row);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{kernel.Name}: {best:F1} µs (median {median:F1}), {100 * row.BoundShare:F0}% of the bound by {(row.BoundByBytes ? "bytes" : "operations")}"));
        }

        PerformanceReport.Update(repository, new KernelReport(Machine.This(null), [.. rows]));
    }

    // The peak of each number of threads and the rate of reading data of each size, the best of this time and those before.
    private static void MeasureLimits(Dictionary<int, double> peaks, Dictionary<(int Threads, double Bytes), double> rates)
    {
        foreach (IGrouping<int, KernelCase> kernels in KernelCase.All.GroupBy(k => k.Threads))
        {
            using var pool = new WorkerPool(kernels.Key);
            peaks[kernels.Key] = Math.Max(peaks.GetValueOrDefault(kernels.Key), Roofline.Measure(pool).PeakGflops);
            foreach (double bytes in kernels.Select(k => k.DataBytes).Distinct())
            {
                double rate = Roofline.MeasureReading(pool, (long)bytes, 0.05);
                rates[(kernels.Key, bytes)] = Math.Max(rates.GetValueOrDefault((kernels.Key, bytes)), rate);
            }
        }
    }

    // Microseconds of each case, by name. In this process: the engine's instruction set and settings are those of the other benchmarks.
    private static Dictionary<string, (double Best, double Median)> MeasureTimes(int milliseconds)
    {
        string artifacts = Directory.CreateTempSubdirectory("tandem-kernels-").FullName;
        try
        {
            var log = new AccumulationLogger();
            Job job = Job.Default
                .WithToolchain(InProcessEmitToolchain.Instance)
                .WithWarmupCount(1)
                .WithIterationCount(7)
                .WithIterationTime(TimeInterval.FromMilliseconds(milliseconds))
                .WithUnrollFactor(1)
                .WithEvaluateOverhead(false);
            IConfig configuration = ManualConfig.CreateEmpty()
                .AddJob(job)
                .AddLogger(log)
                .WithArtifactsPath(artifacts)
                .WithOptions(ConfigOptions.DisableLogFile);
            Summary summary = BenchmarkRunner.Run<KernelBenchmarks>(configuration);
            if (summary.HasCriticalValidationErrors || summary.Reports.Length != KernelCase.All.Count || summary.Reports.Any(r => !r.Success))
                throw new InvalidOperationException($"BenchmarkDotNet did not measure every kernel. {log.GetLog()}");
            return summary.Reports.ToDictionary(
                report => (string)report.BenchmarkCase.Parameters[nameof(KernelBenchmarks.Name)],
                report => (report.ResultStatistics!.Min / 1e3, report.ResultStatistics.Median / 1e3));
        }
        finally
        {
            Directory.Delete(artifacts, recursive: true);
        }
    }
}
