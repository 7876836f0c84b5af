using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One model scoring the options of questions.</summary>
internal sealed record OptionRow(
    string Model, long Parameters, int Vocabulary, int Questions, double TokensOfAQuestion, int Threads, double Best, double Median, double? PeerBest,
    double? PeerMedian, string PeerSettings)
{
    /// <summary>Questions per second over PyTorch's.</summary>
    public double? Speedup => Best / PeerBest;
}

/// <summary>All rows of one run.</summary>
internal sealed record OptionReport(Machine Machine, string Items, OptionRow[] Rows) : IPerformanceSection
{
    string IPerformanceSection.Title => "Scoring the options of questions";

    string IPerformanceSection.Command => "options <CosmosQA's valid.csv>";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {Machine.Peer}, the fastest of its settings (oneDNN on or off, 4, 16 or 32 sequences a batch).");
        text.AppendLine();
        text.AppendLine(culture, $"The first questions of `{Items}`, a word or punctuation mark a token, random weights. Tandem sends a prompt through the model once for its four options, and what prompts, here of questions about one context, or options begin with in common once for all of them; the usual loop sends it with each option, padded, and computes logits at every position. The scores are compared and agree. Questions per second, best (median).");
        text.AppendLine();
        text.AppendLine("| Model | Vocabulary | Questions | Tokens a question, prompt once | Threads | Tandem | PyTorch | Ratio |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (OptionRow row in Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Vocabulary:N0} | {row.Questions} | {row.TokensOfAQuestion:F0} | {row.Threads} | {row.Best:F1} ({row.Median:F1}) | {(row.PeerBest is null ? "–" : string.Create(culture, $"{row.PeerBest:F1} ({row.PeerMedian:F1}; {row.PeerSettings})"))} | {(row.Speedup is null ? "–" : row.Speedup.Value.ToString("F2", culture))} |");
    }
}

/// <summary>
/// Scores the four answers of CosmosQA's questions by their log-probability, against the usual loop in PyTorch: each
/// answer behind its whole prompt as one padded sequence, logits at every position.
/// </summary>
internal static class OptionComparison
{
    /// <summary>A model of about ten million parameters with a vocabulary of words.</summary>
    public static TransformerConfiguration TenMillion => TrainingStep.TenMillion with { VocabularySize = 4096, MaximumPositions = 512 };

    /// <summary>One of about a hundred million.</summary>
    public static TransformerConfiguration HundredMillion => TenMillion with
    {
        HiddenSize = 768,
        IntermediateSize = 2048,
        Layers = 14,
        Heads = 12,
        KeyValueHeads = 6,
    };

    public static void Run(string repository, string itemsFile, double seconds)
    {
        string? pyTorch = PyTorchPeer.Version();
        var rows = new List<OptionRow>();
        int threads = Environment.ProcessorCount;
        using var pool = new WorkerPool(threads);
        // The size of the vocabulary matters to a loop that computes logits at every position; 32,000 is Llama 2's.
        foreach (var (name, shape, count, vocabulary) in new[]
        {
            ("10M", TenMillion, 256, 4096), ("10M", TenMillion, 256, 32_000), ("100M", HundredMillion, 48, 4096), ("100M", HundredMillion, 48, 32_000),
        })
        {
            TransformerConfiguration configuration = shape with { VocabularySize = vocabulary };
            using var model = new Transformer(configuration);
            model.Initialize(new RandomStream(1));
            ContinuationQuestion[] questions =
            [
                .. CosmosQuestion.Read(itemsFile, vocabulary).Take(count)
                    .Select(question => new ContinuationQuestion(question.Prompt, [.. question.Answers.Select(answer => (ReadOnlyMemory<int>)answer)])),
            ];
            ContinuationScore[][] scores = [];
            Timing first = Timing.Of(() => scores = ContinuationScorer.Score(model, questions, pool), 3, seconds / 2);
            OptionPeer? peer = pyTorch is null ? null : PyTorchPeer.ScoreOptions(
                Path.Combine(repository, "bench", "peers", "torch_options.py"), model, questions, threads, seconds);
            Timing second = Timing.Of(() => scores = ContinuationScorer.Score(model, questions, pool), 3, seconds / 2);
            Timing ours = first.Best < second.Best ? first : second;
            double apart = peer is null ? 0 : scores.SelectMany(s => s).Zip(peer.Scores, (a, b) => Math.Abs(a.LogProbability - b) / Math.Abs(b)).Max();
            if (apart > 1e-4)
                throw new InvalidOperationException($"Tandem and PyTorch did not compute the same scores ({apart:E1} apart): the comparison is void.");
            double tokens = questions.Average(q => q.Prompt.Length + q.Continuations.Sum(c => c.Length));
            var row = new OptionRow(
                name, model.Configuration.ParameterCount, vocabulary, count, tokens, threads, count / ours.Best, count / ours.Median, peer?.Best, peer?.Median,
                peer?.Settings ?? "");
            rows.Add(row);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}, {vocabulary} words, {threads} thread(s): {row.Best:F1} questions/s (median {row.Median:F1}); PyTorch {row.PeerBest:F1} (median {row.PeerMedian:F1}; {row.PeerSettings}): ratio {row.Speedup:F2}; scores differ by {apart:E1} relative"));
        }

        PerformanceReport.Update(repository, new OptionReport(Machine.This(pyTorch), Path.GetFileName(itemsFile), [.. rows]));
    }
}
