using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>Cached decoding of one model, one token for each of several sequences a step.</summary>
internal sealed record DecodeRow(
    string Model, long Parameters, int Sequences, int Threads, Roofline Roofline, double BestTokensPerSecond, double MedianTokensPerSecond,
    long WeightBytes, long AllocatedBytes, bool Ragged = false)
{
    /// <summary>The weights that a step reads, in 10⁹ bytes per second.</summary>
    public double WeightGigabytesPerSecond => WeightBytes * BestTokensPerSecond / Sequences / 1e9;

    /// <summary><see cref="WeightGigabytesPerSecond"/> over the measured reading rate.</summary>
    public double BandwidthShare => WeightGigabytesPerSecond / Roofline.ReadGigabytesPerSecond;
}

/// <summary>A prompt that is read into an empty cache.</summary>
/// <param name="Model">The model's size in words.</param>
/// <param name="Parameters">The number of parameters.</param>
/// <param name="Tokens">Tokens of the prompt.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="Roofline">The machine's limits.</param>
/// <param name="BestTokensPerSecond">Tokens over the time of the fastest run.</param>
/// <param name="MedianTokensPerSecond">Tokens over the median time.</param>
/// <param name="LinearOperations">2 for each linear weight and token; the head is applied to the last token only.</param>
internal sealed record PrefillRow(
    string Model, long Parameters, int Tokens, int Threads, Roofline Roofline, double BestTokensPerSecond, double MedianTokensPerSecond,
    double LinearOperations)
{
    /// <summary>The operations of the linear layers, in 10⁹ per second.</summary>
    public double LinearGflops => LinearOperations * BestTokensPerSecond / Tokens / 1e9;

    /// <summary><see cref="LinearGflops"/> over the measured peak.</summary>
    public double PeakShare => LinearGflops / Roofline.PeakGflops;
}

/// <summary>All rows of one run.</summary>
internal sealed record DecodeReport(Machine Machine, DecodeRow[] Rows) : IPerformanceSection
{
    /// <summary>The prompts.</summary>
    public PrefillRow[] Prefill { get; init; } = [];

    string IPerformanceSection.Title => "Decoding with a cache";

    string IPerformanceSection.Command => "decode";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}.");
        text.AppendLine();
        text.AppendLine("One token for each sequence a step, after a prompt of 64 tokens; random weights. Best step (median). A step reads every weight once, whatever the number of sequences: the rate is compared with that of reading memory alone.");
        if (Rows.Any(r => r.Ragged))
            text.AppendLine("Ragged: the prompts have 4 to 124 tokens, 64 on average.");
        text.AppendLine();
        text.AppendLine("| Model | Sequences | Threads | Tokens/s | Weights, GB/s | Of the reading rate | Managed bytes allocated in 63 steps |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (DecodeRow row in Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Sequences}{(row.Ragged ? ", ragged" : "")} | {row.Threads} | {row.BestTokensPerSecond:F1} ({row.MedianTokensPerSecond:F1}) | {row.WeightGigabytesPerSecond:F1} | {100 * row.BandwidthShare:F0}% | {row.AllocatedBytes} |");
        if (Prefill.Length == 0)
            return;
        text.AppendLine();
        text.AppendLine("A prompt is read into an empty cache, up to the logits of its last token. Linear layers: 2 operations per weight and token, the head for the last token only, attention not counted.");
        text.AppendLine();
        text.AppendLine("| Model | Tokens of the prompt | Threads | Tokens/s | Linear layers, GFLOP/s | Of the measured peak |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|");
        foreach (PrefillRow row in Prefill)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Tokens} | {row.Threads} | {row.BestTokensPerSecond:N0} ({row.MedianTokensPerSecond:N0}) | {row.LinearGflops:F1} | {100 * row.PeakShare:F0}% |");
    }
}

/// <summary>Decodes with a cache of keys and values, and measures how fast the weights are read; and reads prompts.</summary>
internal static class DecodeComparison
{
    private const int Prompt = 64;
    private const int Steps = 64;
    private const int PrefillTokens = 512;

    /// <summary>The exit code: 1 when a decoded token allocates more than bench/budget.json allows.</summary>
    public static int Run(string repository, double seconds)
    {
        AllocationBudget budget = AllocationBudget.Read(repository);
        var rows = new List<DecodeRow>();
        var prefill = new List<PrefillRow>();
        int threads = Environment.ProcessorCount;
        foreach (var (name, configuration) in new[] { ("10M", OptionComparison.TenMillion), ("100M", OptionComparison.HundredMillion) })
        {
            using var model = new Transformer(configuration);
            model.Initialize(new RandomStream(1));
            foreach (var (sequences, ragged) in new[] { (1, false), (16, false), (16, true) })
            {
                DecodeRow row = Decode(name, model, sequences, ragged, threads, seconds);
                rows.Add(row);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}, {sequences} sequence(s){(ragged ? ", ragged" : "")}, {threads} thread(s): {row.BestTokensPerSecond:F1} tokens/s (median {row.MedianTokensPerSecond:F1}), weights at {row.WeightGigabytesPerSecond:F1} GB/s = {100 * row.BandwidthShare:F0}% of {row.Roofline.ReadGigabytesPerSecond:F1}; {row.AllocatedBytes} bytes allocated in {Steps - 1} steps"));
            }

            PrefillRow prompt = ReadPrompt(name, model, threads, seconds);
            prefill.Add(prompt);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}, prompt of {PrefillTokens}, {threads} thread(s): {prompt.BestTokensPerSecond:F0} tokens/s (median {prompt.MedianTokensPerSecond:F0}), linear layers {prompt.LinearGflops:F1} GFLOP/s = {100 * prompt.PeakShare:F0}% of peak"));
        }

        PerformanceReport.Update(repository, new DecodeReport(Machine.This(null), [.. rows]) { Prefill = [.. prefill] });
        return Allocation.Check(rows.Select(row => new Allocation(
            row.Sequences == 1 ? $"A decoded token ({row.Model})" : $"A decoding step of {row.Sequences}{(row.Ragged ? " ragged" : "")} sequences ({row.Model})",
            (double)row.AllocatedBytes / (Steps - 1),
            row.Sequences == 1 ? budget.DecodedToken : budget.BatchedDecodedToken)));
    }

    private static DecodeRow Decode(string name, Transformer model, int sequences, bool ragged, int threads, double seconds)
    {
        using var pool = new WorkerPool(threads);
        Roofline roofline = Roofline.Measure(pool);
        int[] all = [.. Enumerable.Range(0, sequences)];
        int[] tokens = [.. all.Select(i => i + 1)];

        int[][] prompts = [.. all.Select(i => TrainingStep.DrawTokens(
            1, Prompt + (ragged ? Prompt * ((2 * i) + 1 - sequences) / sequences : 0) - 1, model.Configuration.VocabularySize))];
        using var decoder = new CachedDecoder(model, pool, sequences, prompts.Max(p => p.Length) + Steps);
        var times = new List<double>(1 << 16); // room for all: what is measured is what decoding allocates
        long allocated = long.MaxValue;
        Timing.Of(
            () =>
            {
                foreach (int sequence in all)
                {
                    decoder.Cache.Truncate(sequence, 0);
                    decoder.Append(sequence, prompts[sequence]);
                }

                decoder.Append(all, tokens);
                long before = GC.GetTotalAllocatedBytes(precise: true);
                for (int step = 1; step < Steps; step++)
                {
                    long start = Stopwatch.GetTimestamp();
                    decoder.Append(all, tokens);
                    times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                }

                allocated = Math.Min(allocated, GC.GetTotalAllocatedBytes(precise: true) - before);
            },
            2,
            seconds);
        times.Sort();
        roofline = roofline.BestOf(Roofline.Measure(pool));
        return new DecodeRow(
            name, model.Configuration.ParameterCount, sequences, threads, roofline, sequences / times[0], sequences / times[times.Count / 2],
            TrainingStep.LinearParameters(model) * sizeof(float), allocated, ragged);
    }

    private static PrefillRow ReadPrompt(string name, Transformer model, int threads, double seconds)
    {
        using var pool = new WorkerPool(threads);
        Roofline roofline = Roofline.Measure(pool);
        using var decoder = new CachedDecoder(model, pool, 1, PrefillTokens);
        int[] prompt = TrainingStep.DrawTokens(1, PrefillTokens - 1, model.Configuration.VocabularySize);
        Timing timing = Timing.Of(
            () =>
            {
                decoder.Cache.Truncate(0, 0);
                decoder.Append(0, prompt);
            },
            3,
            seconds);
        roofline = roofline.BestOf(Roofline.Measure(pool));
        double head = (double)model.Configuration.VocabularySize * model.Configuration.HiddenSize;
        double operations = 2 * (((TrainingStep.LinearParameters(model) - head) * PrefillTokens) + head);
        return new PrefillRow(
            name, model.Configuration.ParameterCount, PrefillTokens, threads, roofline, PrefillTokens / timing.Best, PrefillTokens / timing.Median,
            operations);
    }
}
