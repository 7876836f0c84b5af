using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One model at one number of threads.</summary>
internal sealed record StepRow(
    string Model, long Parameters, long LinearParameters, int Sequences, int Length, Roofline Roofline, StepResult Tandem, StepResult? PyTorch)
{
    /// <summary>6 operations per linear weight and token, in 10⁹ per second.</summary>
    public double LinearGflops => 6e-9 * LinearParameters * Tandem.BestTokensPerSecond;

    /// <summary><see cref="LinearGflops"/> over the measured peak.</summary>
    public double PeakShare => LinearGflops / Roofline.PeakGflops;

    /// <summary>Tokens per second over PyTorch's.</summary>
    public double? Speedup => Tandem.BestTokensPerSecond / PyTorch?.BestTokensPerSecond;
}

/// <summary>All rows of one run.</summary>
internal sealed record StepReport(Machine Machine, StepRow[] Rows) : IPerformanceSection
{
    /// <summary>The managed memory of a step of each kind.</summary>
    public Allocation[] Allocations { get; init; } = [];

    string IPerformanceSection.Title => "A training step";

    string IPerformanceSection.Command => "step";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {Machine.Peer}, the fastest of its settings (oneDNN on or off, AdamW foreach or one by one).");
        foreach (Roofline r in Rows.Select(r => r.Roofline).GroupBy(r => r.Threads, (_, same) => same.Aggregate((a, b) => a.BestOf(b))))
            text.AppendLine(culture, $"- Measured limits, {r.Threads} thread(s): {r.PeakGflops:F0} GFLOP/s of fp32 fused multiply-adds, {r.ReadGigabytesPerSecond:F1} GB/s read; handing an operation to the threads takes {r.DispatchMicroseconds:F1} µs.");
        text.AppendLine();
        text.AppendLine("A step is forward, loss at every token, backward and AdamW, on the same random tokens each time; Qwen2's architecture. Best of the run (median in brackets). Linear layers: 6 operations per weight and token, attention and everything else not counted.");
        text.AppendLine();
        text.AppendLine("| Model | Threads | Tokens/s | Linear layers, GFLOP/s | Of the measured peak | PyTorch, tokens/s | Ratio |");
        text.AppendLine("|---|---|---|---|---|---|---|");
        foreach (StepRow row in Rows)
        {
            string peer = row.PyTorch is null ? "–" : string.Create(culture, $"{row.PyTorch.BestTokensPerSecond:N0} ({row.PyTorch.MedianTokensPerSecond:N0})");
            string ratio = row.Speedup is null ? "–" : string.Create(culture, $"{row.Speedup:F2}");
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters), {row.Sequences} × {row.Length} tokens | {row.Tandem.Threads} | {row.Tandem.BestTokensPerSecond:N0} ({row.Tandem.MedianTokensPerSecond:N0}) | {row.LinearGflops:F1} | {100 * row.PeakShare:F0}% | {peer} | {ratio} |");
        }

        if (Rows[0].PyTorch is { } first)
        {
            text.AppendLine();
            text.AppendLine(culture, $"Both start from the same weights and follow the same losses ({string.Join(", ", Rows[0].Tandem.Losses.Select(l => l.ToString("F5", culture)))} nats by Tandem, {string.Join(", ", first.Losses.Select(l => l.ToString("F5", culture)))} by PyTorch in the first three steps of the {Rows[0].Model} model).");
        }

        if (Allocations.Length == 0)
            return;
        text.AppendLine();
        text.AppendLine("| Work, in a steady state | Managed bytes allocated | Allowed by `bench/budget.json` |");
        text.AppendLine("|---|---:|---:|");
        foreach (Allocation allocation in Allocations)
            text.AppendLine(culture, $"| {allocation.Work} | {allocation.Bytes:F0} | {allocation.Allowed} |");
    }
}

/// <summary>Measures the roofline, Tandem's training step and PyTorch's.</summary>
internal static class StepComparison
{
    /// <summary>The exit code: 1 when a step allocates more than bench/budget.json allows.</summary>
    public static int Run(string repository, double seconds, int sequences, bool tenMillion)
    {
        AllocationBudget budget = AllocationBudget.Read(repository);
        string? pyTorch = PyTorchPeer.Version();
        if (pyTorch is null)
            Console.WriteLine("PyTorch is not installed: bench/peers/setup.sh installs it.");
        var rows = new List<StepRow>();
        int[] threadCounts = Environment.ProcessorCount > 1 ? [1, Environment.ProcessorCount] : [1];
        foreach (int threads in threadCounts)
        {
            using var pool = new WorkerPool(threads);
            rows.Add(Measure("1M", TrainingStep.OneMillion));
            if (tenMillion)
                rows.Add(Measure("10M", TrainingStep.TenMillion));

            StepRow Measure(string name, TransformerConfiguration configuration)
            {
                const int length = 128;
                using var model = new Transformer(configuration);
                model.Initialize(new RandomStream(1));
                int[] tokens = TrainingStep.DrawTokens(sequences, length, configuration.VocabularySize);
                string script = Path.Combine(repository, "bench", "peers", "torch_step.py");

                // Before and after the peer, so that a busy moment does not decide; likewise the machine's limits.
                Roofline roofline = Roofline.Measure(pool);
                StepResult tandem = MeasureTandem(model, tokens, sequences, threads, seconds / 2);
                StepResult? peer = pyTorch is null ? null : PyTorchPeer.Measure(script, model, tokens, sequences, threads, 8, seconds);
                StepResult again = MeasureTandem(model, tokens, sequences, threads, seconds / 2);
                if (again.BestTokensPerSecond > tandem.BestTokensPerSecond)
                    tandem = again;
                if (!tandem.Losses.SequenceEqual(again.Losses))
                    throw new InvalidOperationException("Two runs of Tandem gave different losses.");
                roofline = roofline.BestOf(Roofline.Measure(pool));
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads} thread(s): peak {roofline.PeakGflops:F1} GFLOP/s, read {roofline.ReadGigabytesPerSecond:F1} GB/s, dispatch {roofline.DispatchMicroseconds:F2} µs"));
                var row = new StepRow(
                    name, model.Configuration.ParameterCount, TrainingStep.LinearParameters(model), sequences, length, roofline, tandem, peer);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {name}: {tandem.BestTokensPerSecond:F0} tokens/s (median {tandem.MedianTokensPerSecond:F0}), linear layers {row.LinearGflops:F1} GFLOP/s = {100 * row.PeakShare:F0}% of peak"));
                if (peer is not null)
                {
                    double apart = tandem.Losses.Zip(peer.Losses, (a, b) => Math.Abs(a - b) / b).Max();
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"      PyTorch {peer.BestTokensPerSecond:F0} (median {peer.MedianTokensPerSecond:F0}; {peer.Settings}): ratio {row.Speedup:F2}; losses differ by {apart:E1} relative"));
                    if (apart > 1e-4)
                        throw new InvalidOperationException("Tandem and PyTorch did not compute the same losses: the comparison is void.");
                }

                return row;
            }
        }

        Allocation[] allocations =
        [
            new("A training step (1M)", AllocationOfStep(sequences, threadCounts[^1]), budget.TrainingStep),
            new("A fine-tuning step on options (1M)", Allocation.OfFineTuningStep(threadCounts[^1]), budget.FineTuningStep),
        ];
        PerformanceReport.Update(repository, new StepReport(Machine.This(pyTorch), [.. rows]) { Allocations = allocations });
        return Allocation.Check(allocations);
    }

    private static double AllocationOfStep(int sequences, int threads)
    {
        using var model = new Transformer(TrainingStep.OneMillion);
        model.Initialize(new RandomStream(1));
        using var step = new TrainingStep(model, TrainingStep.DrawTokens(sequences, 128, model.Configuration.VocabularySize), sequences, threads);
        for (int i = 0; i < 3; i++)
            step.Run();
        return Allocation.Of(() => step.Run(), 4);
    }

    private static StepResult MeasureTandem(Transformer model, int[] tokens, int sequences, int threads, double seconds)
    {
        using var step = new TrainingStep(model, tokens, sequences, threads);
        return step.Measure(5, seconds);
    }
}
