using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One model learning answers, in examples per second.</summary>
/// <param name="Model">Its size in words.</param>
/// <param name="Parameters">Its size.</param>
/// <param name="Vocabulary">The tokens it knows.</param>
/// <param name="Examples">The examples of a round.</param>
/// <param name="TokensOfAnExample">Tokens of a prompt and its answer, on average.</param>
/// <param name="AnswerTokens">Tokens of an answer, on average.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="Tandem">Tandem's rate.</param>
/// <param name="Usual">The rate of PyTorch's usual loop.</param>
/// <param name="Tuned">That of its tuned loop.</param>
/// <param name="Losses">Tandem's losses in the first steps, in nats.</param>
/// <param name="LossesApart">The largest relative difference of a loss of either loop.</param>
internal sealed record FineTuneRow(
    string Model, long Parameters, int Vocabulary, int Examples, double TokensOfAnExample, double AnswerTokens, int Threads, WorkRate Tandem,
    WorkRate? Usual, WorkRate? Tuned, double[] Losses, double LossesApart)
{
    /// <summary>Examples per second over those of PyTorch's usual loop.</summary>
    public double? UsualRatio => Tandem.Best / Usual?.Best;

    /// <summary>Examples per second over those of PyTorch's tuned loop.</summary>
    public double? TunedRatio => Tandem.Best / Tuned?.Best;
}

/// <summary>All rows of one run.</summary>
internal sealed record FineTuneReport(Machine Machine, string Items, FineTuneRow[] Rows) : IPerformanceSection
{
    /// <summary>The options that chose what was measured.</summary>
    public string Options { get; init; } = "";

    string IPerformanceSection.Title => "Fine-tuning on answers";

    string IPerformanceSection.Command => "finetune <CosmosQA's valid.csv>" + Options;

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {Machine.Peer}, the fastest of its settings (oneDNN on or off, AdamW foreach or one by one).");
        text.AppendLine();
        text.AppendLine(culture, $"The first questions of `{Items}` with their correct answers, a word or punctuation mark a token, {FineTuneComparison.BatchExamples} examples a step in the same order on both sides, loss at the answers' tokens only, clipping by the gradients' norm, AdamW. The usual loop pads a batch and computes logits at every position, with `ignore_index` for those without a loss; the tuned loop gathers the answers' positions before the head. Examples per second, best (median).");
        text.AppendLine();
        text.AppendLine("| Model | Vocabulary | Examples | Tokens of an example, of its answer | Threads | Tandem | PyTorch, usual loop | Ratio | PyTorch, tuned loop | Ratio |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (FineTuneRow row in Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Vocabulary:N0} | {row.Examples} | {row.TokensOfAnExample:F0}, {row.AnswerTokens:F0} | {row.Threads} | {row.Tandem} | {WorkRate.Cell(row.Usual, row.UsualRatio)} | {WorkRate.Cell(row.Tuned, row.TunedRatio)} |");
        if (Rows.Any(row => row.Usual is not null))
        {
            text.AppendLine();
            text.AppendLine(culture, $"All start from the same weights; the losses of their first {FineTuneComparison.Losses} steps differ by {Rows.Max(row => row.LossesApart):E1} relative at most.");
        }
    }
}

/// <summary>Fine-tunes on the correct answers of CosmosQA, against two loops in PyTorch: see bench/peers/torch_finetune.py.</summary>
internal static class FineTuneComparison
{
    /// <summary>The examples of a step.</summary>
    public const int BatchExamples = 16;

    /// <summary>The steps whose losses are compared.</summary>
    public const int Losses = 4;

    public static void Run(string repository, string itemsFile, double seconds, Selection selection)
    {
        string? pyTorch = PyTorchPeer.Version();
        string script = Path.Combine(repository, "bench", "peers", "torch_finetune.py");
        var rows = new List<FineTuneRow>();
        int threads = Environment.ProcessorCount;
        foreach (var (name, shape, all, vocabulary) in new[]
        {
            ("10M", OptionComparison.TenMillion, 128, 4096), ("10M", OptionComparison.TenMillion, 128, 32_000),
            ("100M", OptionComparison.HundredMillion, 32, 32_000),
        })
        {
            if (!selection.Includes(name))
                continue;
            int count = Math.Min(all, selection.Most);
            using var model = new Transformer(shape with { VocabularySize = vocabulary });
            model.Initialize(new RandomStream(1));
            AnswerExample[] examples =
            [
                .. CosmosQuestion.Read(itemsFile, vocabulary).Take(count)
                    .Select(question => new AnswerExample(question.Prompt, question.Answers[question.Correct])),
            ];
            AnswerExample[][] batches = [.. examples.Chunk(BatchExamples)];
            var (losses, first) = MeasureTandem();
            var peer = pyTorch is null
                ? ((WorkRate Usual, WorkRate Tuned, double[] UsualLosses, double[] TunedLosses)?)null
                : PyTorchPeer.FineTune(script, model, batches, Losses, threads, seconds);
            var (again, second) = MeasureTandem();
            if (!losses.SequenceEqual(again))
                throw new InvalidOperationException("Two runs of Tandem gave different losses.");
            Timing ours = first.Best < second.Best ? first : second;
            double apart = peer is null ? 0 : Math.Max(Apart(losses, peer.Value.UsualLosses), Apart(losses, peer.Value.TunedLosses));
            var row = new FineTuneRow(
                name, model.Configuration.ParameterCount, vocabulary, count, examples.Average(e => e.Prompt.Length + e.Answer.Length),
                examples.Average(e => e.Answer.Length), threads, new WorkRate(count / ours.Best, count / ours.Median, ""), peer?.Usual, peer?.Tuned,
                losses, apart);
            rows.Add(row);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}, {vocabulary} words: {row.Tandem} examples/s; PyTorch's usual loop {row.Usual}, ratio {row.UsualRatio:F2}; tuned {row.Tuned}, ratio {row.TunedRatio:F2}; losses differ by {apart:E1} relative"));
            if (apart > 1e-4)
                throw new InvalidOperationException("Tandem and PyTorch did not compute the same losses: the comparison is void.");

            (double[] Losses, Timing Round) MeasureTandem()
            {
                using var step = new FineTuningStep(model, batches, threads);
                return step.Measure(Losses, seconds / 4);
            }
        }

        PerformanceReport.Update(repository, new FineTuneReport(Machine.This(pyTorch), Path.GetFileName(itemsFile), [.. rows]) { Options = selection.ToString() });
    }

    private static double Apart(double[] ours, double[] theirs) => ours.Zip(theirs, (a, b) => Math.Abs(a - b) / Math.Abs(b)).Max();
}
