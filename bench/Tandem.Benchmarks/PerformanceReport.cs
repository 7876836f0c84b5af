using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>Where and when something was measured.</summary>
internal sealed record Machine(string Processor, int Cores, string VectorPath, string Runtime, string? PyTorch, string Date)
{
    /// <summary>This machine, today.</summary>
    public static Machine This(string? pyTorch) => new(
        ProcessorName(), Environment.ProcessorCount, InstructionSet.Active.ToString(), RuntimeInformation.FrameworkDescription, pyTorch,
        DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

    /// <summary>What it was compared with.</summary>
    [JsonIgnore]
    public string Peer => PyTorch is null ? "No peer was installed" : $"Peer: PyTorch {PyTorch}";

    public override string ToString() =>
        $"{Processor}, {Cores} cores; vector path {VectorPath}; {Runtime}; {Date}";

    private static string ProcessorName()
    {
        const string file = "/proc/cpuinfo";
        string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}

/// <summary>docs/performance.json, and docs/performance.md made from it; each command replaces its own section.</summary>
internal sealed record PerformanceReport(StepReport? Step, OptionReport? Options, DecodeReport? Decode)
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    /// <summary>Replaces a section and writes both files.</summary>
    public static void Update(string repository, Func<PerformanceReport, PerformanceReport> change)
    {
        string docs = Directory.CreateDirectory(Path.Combine(repository, "docs")).FullName;
        string file = Path.Combine(docs, "performance.json");
        PerformanceReport report = change(
            File.Exists(file) ? JsonSerializer.Deserialize<PerformanceReport>(File.ReadAllText(file))! : new PerformanceReport(null, null, null));
        File.WriteAllText(file, JsonSerializer.Serialize(report, s_json) + "\n");
        File.WriteAllText(Path.Combine(docs, "performance.md"), report.Markdown());
        Console.WriteLine($"Written: {docs}/performance.md and performance.json");
    }

    private string Markdown()
    {
        var text = new StringBuilder();
        text.AppendLine("# Speed");
        text.AppendLine();
        text.AppendLine("Each section is written by its command, which measures everything in it in one run on one machine; the numbers in full are in `performance.json`. The PyTorch is the one that the operating system packages (`bench/peers/setup.sh` installs it); a current build with another BLAS was not measured.");
        if (Step is not null)
            Append(text, Step);
        if (Options is not null)
            Append(text, Options);
        if (Decode is not null)
            Append(text, Decode);
        return text.ToString();
    }

    private static void Head(StringBuilder text, string title, string command)
    {
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"## {title}");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"    dotnet run -c Release --project bench/Tandem.Benchmarks -- {command}");
        text.AppendLine();
    }

    private static void Append(StringBuilder text, StepReport report)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        Head(text, "A training step", "step");
        text.AppendLine(culture, $"- {report.Machine}. {report.Machine.Peer}, the fastest of its settings (oneDNN on or off, AdamW foreach or one by one).");
        foreach (Roofline r in report.Rows.Select(r => r.Roofline).GroupBy(r => r.Threads, (_, same) => same.Aggregate((a, b) => a.BestOf(b))))
            text.AppendLine(culture, $"- Measured limits, {r.Threads} thread(s): {r.PeakGflops:F0} GFLOP/s of fp32 fused multiply-adds, {r.ReadGigabytesPerSecond:F1} GB/s read; handing an operation to the threads takes {r.DispatchMicroseconds:F1} µs.");
        text.AppendLine();
        text.AppendLine("A step is forward, loss at every token, backward and AdamW, on the same random tokens each time; Qwen2's architecture. Best of the run (median in brackets). Linear layers: 6 operations per weight and token, attention and everything else not counted.");
        text.AppendLine();
        text.AppendLine("| Model | Threads | Tokens/s | Linear layers, GFLOP/s | Of the measured peak | PyTorch, tokens/s | Ratio |");
        text.AppendLine("|---|---|---|---|---|---|---|");
        foreach (StepRow row in report.Rows)
        {
            string peer = row.PyTorch is null ? "–" : string.Create(culture, $"{row.PyTorch.BestTokensPerSecond:N0} ({row.PyTorch.MedianTokensPerSecond:N0})");
            string ratio = row.Speedup is null ? "–" : string.Create(culture, $"{row.Speedup:F2}");
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters), {row.Sequences} × {row.Length} tokens | {row.Tandem.Threads} | {row.Tandem.BestTokensPerSecond:N0} ({row.Tandem.MedianTokensPerSecond:N0}) | {row.LinearGflops:F1} | {100 * row.PeakShare:F0}% | {peer} | {ratio} |");
        }

        if (report.Rows[0].PyTorch is { } first)
        {
            text.AppendLine();
            text.AppendLine(culture, $"Both start from the same weights and follow the same losses ({string.Join(", ", report.Rows[0].Tandem.Losses.Select(l => l.ToString("F5", culture)))} nats by Tandem, {string.Join(", ", first.Losses.Select(l => l.ToString("F5", culture)))} by PyTorch in the first three steps of the {report.Rows[0].Model} model).");
        }
    }

    private static void Append(StringBuilder text, OptionReport report)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        Head(text, "Scoring the options of questions", "options <CosmosQA's valid.csv>");
        text.AppendLine(culture, $"- {report.Machine}. {report.Machine.Peer}, the fastest of its settings (oneDNN on or off, 4, 16 or 32 sequences a batch).");
        text.AppendLine();
        text.AppendLine(culture, $"The first questions of `{report.Items}`, a word or punctuation mark a token, random weights. Tandem sends a prompt through the model once for its four options; the usual loop sends it with each option, padded, and computes logits at every position. The scores are compared and agree. Questions per second, best (median).");
        text.AppendLine();
        text.AppendLine("| Model | Vocabulary | Questions | Tokens a question, prompt once | Threads | Tandem | PyTorch | Ratio |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (OptionRow row in report.Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Vocabulary:N0} | {row.Questions} | {row.TokensOfAQuestion:F0} | {row.Threads} | {row.Best:F1} ({row.Median:F1}) | {(row.PeerBest is null ? "–" : string.Create(culture, $"{row.PeerBest:F1} ({row.PeerMedian:F1}; {row.PeerSettings})"))} | {(row.Speedup is null ? "–" : row.Speedup.Value.ToString("F2", culture))} |");
    }

    private static void Append(StringBuilder text, DecodeReport report)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        Head(text, "Decoding with a cache", "decode");
        text.AppendLine(culture, $"- {report.Machine}.");
        text.AppendLine();
        text.AppendLine("One token for each sequence a step, after a prompt of 64 tokens; random weights. Best step (median). A step reads every weight once, whatever the number of sequences: the rate is compared with that of reading memory alone.");
        text.AppendLine();
        text.AppendLine("| Model | Sequences | Threads | Tokens/s | Weights, GB/s | Of the reading rate | Managed bytes allocated in 63 steps |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (DecodeRow row in report.Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Sequences} | {row.Threads} | {row.BestTokensPerSecond:F1} ({row.MedianTokensPerSecond:F1}) | {row.WeightGigabytesPerSecond:F1} | {100 * row.BandwidthShare:F0}% | {row.AllocatedBytes} |");
    }
}
