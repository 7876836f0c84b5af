using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>Cached decoding of one model, one token for each of several sequences a step.</summary>
internal sealed record DecodeRow(
    string Model, long Parameters, int Sequences, int Threads, Roofline Roofline, double BestTokensPerSecond, double MedianTokensPerSecond,
    long WeightBytes, long AllocatedBytes)
{
    /// <summary>The weights that a step reads, in 10⁹ bytes per second.</summary>
    public double WeightGigabytesPerSecond => WeightBytes * BestTokensPerSecond / Sequences / 1e9;

    /// <summary><see cref="WeightGigabytesPerSecond"/> over the measured reading rate.</summary>
    public double BandwidthShare => WeightGigabytesPerSecond / Roofline.ReadGigabytesPerSecond;
}

/// <summary>All rows of one run.</summary>
internal sealed record DecodeReport(Machine Machine, DecodeRow[] Rows) : IPerformanceSection
{
    string IPerformanceSection.Title => "Decoding with a cache";

    string IPerformanceSection.Command => "decode";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}.");
        text.AppendLine();
        text.AppendLine("One token for each sequence a step, after a prompt of 64 tokens; random weights. Best step (median). A step reads every weight once, whatever the number of sequences: the rate is compared with that of reading memory alone.");
        text.AppendLine();
        text.AppendLine("| Model | Sequences | Threads | Tokens/s | Weights, GB/s | Of the reading rate | Managed bytes allocated in 63 steps |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (DecodeRow row in Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Sequences} | {row.Threads} | {row.BestTokensPerSecond:F1} ({row.MedianTokensPerSecond:F1}) | {row.WeightGigabytesPerSecond:F1} | {100 * row.BandwidthShare:F0}% | {row.AllocatedBytes} |");
    }
}

/// <summary>Decodes with a cache of keys and values, and measures how fast the weights are read.</summary>
internal static class DecodeComparison
{
    private const int Prompt = 64;
    private const int Steps = 64;

    public static void Run(string repository, double seconds)
    {
        var rows = new List<DecodeRow>();
        int threads = Environment.ProcessorCount;
        foreach (var (name, configuration) in new[] { ("10M", OptionComparison.TenMillion), ("100M", OptionComparison.HundredMillion) })
        {
            using var model = new Transformer(configuration);
            model.Initialize(new RandomStream(1));
            foreach (int sequences in new[] { 1, 16 })
            {
                using var pool = new WorkerPool(threads);
                Roofline roofline = Roofline.Measure(pool);
                using var decoder = new CachedDecoder(model, pool, sequences, Prompt + Steps);
                int[] all = [.. Enumerable.Range(0, sequences)];
                int[] tokens = [.. all.Select(i => i + 1)];
                int[] prompt = TrainingStep.DrawTokens(1, Prompt - 1, configuration.VocabularySize);
                var times = new List<double>(1 << 16); // room for all: what is measured is what decoding allocates
                long allocated = 0;
                Timing.Of(
                    () =>
                    {
                        foreach (int sequence in all)
                        {
                            decoder.Cache.Truncate(sequence, 0);
                            decoder.Append(sequence, prompt);
                        }

                        decoder.Append(all, tokens);
                        long before = GC.GetTotalAllocatedBytes(precise: true);
                        for (int step = 1; step < Steps; step++)
                        {
                            long start = Stopwatch.GetTimestamp();
                            decoder.Append(all, tokens);
                            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                        }

                        allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
                    },
                    2,
                    seconds);
                times.Sort();
                roofline = roofline.BestOf(Roofline.Measure(pool));
                var row = new DecodeRow(
                    name, configuration.ParameterCount, sequences, threads, roofline, sequences / times[0], sequences / times[times.Count / 2],
                    TrainingStep.LinearParameters(model) * sizeof(float), allocated);
                rows.Add(row);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}, {sequences} sequence(s), {threads} thread(s): {row.BestTokensPerSecond:F1} tokens/s (median {row.MedianTokensPerSecond:F1}), weights at {row.WeightGigabytesPerSecond:F1} GB/s = {100 * row.BandwidthShare:F0}% of {roofline.ReadGigabytesPerSecond:F1}; {allocated} bytes allocated in {Steps - 1} steps"));
            }
        }

        PerformanceReport.Update(repository, new DecodeReport(Machine.This(null), [.. rows]));
    }
}
