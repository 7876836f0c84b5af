using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One model at one length of sequences and one number of threads.</summary>
/// <param name="Model">Its size in words.</param>
/// <param name="Parameters">Its size.</param>
/// <param name="LinearParameters">Weights that every token is multiplied with.</param>
/// <param name="Sequences">The sequences of a step.</param>
/// <param name="Length">The tokens of each.</param>
/// <param name="Roofline">The machine's limits with so many threads.</param>
/// <param name="Tandem">Tandem's step.</param>
/// <param name="PyTorch">PyTorch's.</param>
/// <param name="OverOneThread">Tandem's tokens per second over those of the same step on one thread.</param>
internal sealed record StepRow(
    string Model, long Parameters, long LinearParameters, int Sequences, int Length, Roofline Roofline, StepResult Tandem, StepResult? PyTorch,
    double? OverOneThread)
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
    /// <summary>The options that chose what was measured.</summary>
    public string Options { get; init; } = "";

    /// <summary>The managed memory of a step of each kind.</summary>
    public Allocation[] Allocations { get; init; } = [];

    string IPerformanceSection.Title => "A training step";

    string IPerformanceSection.Command => "step" + Options;

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {Machine.Peer}, the fastest of its settings (oneDNN on or off, AdamW foreach or one by one).");
        foreach (Roofline r in Rows.Select(r => r.Roofline).GroupBy(r => r.Threads, (_, same) => same.Aggregate((a, b) => a.BestOf(b))))
            text.AppendLine(culture, $"- Measured limits, {r.Threads} thread(s): {r.PeakGflops:F0} GFLOP/s of fp32 fused multiply-adds, {r.ReadGigabytesPerSecond:F1} GB/s read; handing an operation to the threads takes {r.DispatchMicroseconds:F1} µs.");
        text.AppendLine();
        text.AppendLine("A step is forward, loss at every token, backward and AdamW, on the same random tokens each time; Qwen2's architecture. Best of the run (median in brackets). Linear layers: 6 operations per weight and token, attention and everything else not counted.");
        text.AppendLine();
        text.AppendLine("| Model | Sequences | Sequence length | Threads | Tokens/s | Over one thread | Linear layers, GFLOP/s | Of the measured peak | PyTorch, tokens/s | Ratio |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (StepRow row in Rows)
        {
            string peer = row.PyTorch is null ? "–" : string.Create(culture, $"{row.PyTorch.BestTokensPerSecond:N0} ({row.PyTorch.MedianTokensPerSecond:N0})");
            string ratio = row.Speedup is null ? "–" : string.Create(culture, $"{row.Speedup:F2}");
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Sequences} | {row.Length} | {row.Tandem.Threads} | {row.Tandem.BestTokensPerSecond:N0} ({row.Tandem.MedianTokensPerSecond:N0}) | {(row.OverOneThread is null ? "–" : row.OverOneThread.Value.ToString("F2", culture))} | {row.LinearGflops:F1} | {100 * row.PeakShare:F0}% | {peer} | {ratio} |");
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
    // The same tokens a step at each length; fewer of the largest model, whose step would take half a minute.
    private const int Tokens = 4096, FewTokens = 1024;

    /// <summary>The exit code: 1 when a step allocates more than bench/budget.json allows.</summary>
    public static int Run(string repository, double seconds, Selection selection)
    {
        AllocationBudget budget = AllocationBudget.Read(repository);
        string? pyTorch = PyTorchPeer.Version();
        if (pyTorch is null)
            Console.WriteLine("PyTorch is not installed: bench/peers/setup.sh installs it.");
        string script = Path.Combine(repository, "bench", "peers", "torch_step.py");
        var rows = new List<StepRow>();
        int[] threadCounts = Environment.ProcessorCount > 1 ? [1, Environment.ProcessorCount] : [1];
        foreach (var (name, shape, tokens) in new[]
        {
            ("0.1M", TrainingStep.TenthOfAMillion, Tokens), ("1M", TrainingStep.OneMillion, Tokens), ("10M", TrainingStep.TenMillion, Tokens),
            ("100M", OptionComparison.HundredMillion, FewTokens),
        })
        {
            if (!selection.Includes(name))
                continue;
            using var model = new Transformer(shape with { MaximumPositions = 512 });
            model.Initialize(new RandomStream(1));
            foreach (int length in new[] { 128, 512 })
            {
                StepRow? alone = null;
                foreach (int threads in threadCounts)
                {
                    StepRow row = Measure(name, model, tokens / length, length, threads, alone, pyTorch is null ? null : script, seconds);
                    alone ??= row;
                    rows.Add(row);
                }
            }
        }

        Allocation[] allocations =
        [
            new("A training step (1M)", AllocationOfStep(threadCounts[^1]), budget.TrainingStep),
            new("A fine-tuning step on options (1M)", Allocation.OfFineTuningStep(threadCounts[^1]), budget.FineTuningStep),
        ];
        PerformanceReport.Update(repository, new StepReport(Machine.This(pyTorch), [.. rows]) { Allocations = allocations, Options = selection.ToString() });
        return Allocation.Check(allocations);
    }

    private static double AllocationOfStep(int threads)
    {
        const int sequences = Tokens / 128;
        using var model = new Transformer(TrainingStep.OneMillion);
        model.Initialize(new RandomStream(1));
        using var step = new TrainingStep(model, TrainingStep.DrawTokens(sequences, 128, model.Configuration.VocabularySize), sequences, threads);
        for (int i = 0; i < 3; i++)
            step.Run();
        return Allocation.Of(() => step.Run(), 4);
    }

    private static StepRow Measure(
        string name, Transformer model, int sequences, int length, int threads, StepRow? alone, string? script, double seconds)
    {
        using var pool = new WorkerPool(threads);
        int[] tokens = TrainingStep.DrawTokens(sequences, length, model.Configuration.VocabularySize);
        bool slow = sequences * length < Tokens;

        // Before and after the peer, so that a busy moment does not decide; likewise the machine's limits.
        Roofline roofline = Roofline.Measure(pool);
        StepResult tandem = MeasureTandem();
        StepResult? peer = script is null ? null
            : PyTorchPeer.Measure(script, model, tokens, sequences, threads, slow ? 2 : 8, slow ? 1 : 3, seconds);
        StepResult again = MeasureTandem();
        if (again.BestTokensPerSecond > tandem.BestTokensPerSecond)
            tandem = again;
        if (!tandem.Losses.SequenceEqual(again.Losses))
            throw new InvalidOperationException("Two runs of Tandem gave different losses.");
        roofline = roofline.BestOf(Roofline.Measure(pool));
        var row = new StepRow(
            name, model.Configuration.ParameterCount, TrainingStep.LinearParameters(model), sequences, length, roofline, tandem, peer,
            tandem.BestTokensPerSecond / alone?.Tandem.BestTokensPerSecond);
        CultureInfo culture = CultureInfo.InvariantCulture;
        Console.WriteLine(string.Create(
            culture,
            $"{name}, {sequences} × {length} tokens, {threads} thread(s): {tandem.BestTokensPerSecond:F0} tokens/s (median {tandem.MedianTokensPerSecond:F0}), linear layers {row.LinearGflops:F1} GFLOP/s = {100 * row.PeakShare:F0}% of {roofline.PeakGflops:F1}"));
        if (peer is not null)
        {
            double apart = tandem.Losses.Zip(peer.Losses, (a, b) => Math.Abs(a - b) / b).Max();
            Console.WriteLine(string.Create(
                culture,
                $"  PyTorch {peer.BestTokensPerSecond:F0} (median {peer.MedianTokensPerSecond:F0}; {peer.Settings}): ratio {row.Speedup:F2}; losses differ by {apart:E1} relative"));
            if (apart > 1e-4)
                throw new InvalidOperationException("Tandem and PyTorch did not compute the same losses: the comparison is void.");
        }

        return row;

        StepResult MeasureTandem()
        {
            using var step = new TrainingStep(model, tokens, sequences, threads);
            return step.Measure(slow ? 2 : 5, seconds / 2);
        }
    }
}
