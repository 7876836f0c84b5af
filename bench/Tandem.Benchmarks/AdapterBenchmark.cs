using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One kind of work with a model of half a billion parameters.</summary>
/// <param name="Work">The work, in words.</param>
/// <param name="Unit">What is counted: examples, questions or tokens.</param>
/// <param name="Best">Of them a second, at best.</param>
/// <param name="Median">In the median.</param>
/// <param name="TokensPerSecond">Tokens that went through the model a second, at best.</param>
/// <param name="Share">Of the limit.</param>
/// <param name="Limit">Which limit: operations or memory.</param>
/// <param name="PeakGibibytes">The most memory that the process had held by then.</param>
internal sealed record AdapterRow(
    string Work, string Unit, double Best, double Median, double TokensPerSecond, double Share, string Limit, double PeakGibibytes);

/// <summary>All rows of one run.</summary>
internal sealed record AdapterReport(Machine Machine, string Items, long Parameters, long Trained, Roofline Roofline, AdapterRow[] Rows) : IPerformanceSection
{
    string IPerformanceSection.Title => "Low-rank adapters over half a billion parameters";

    string IPerformanceSection.Command => "adapters <CosmosQA's valid.csv>";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}.");
        text.AppendLine(culture, $"- Measured limits, {Roofline.Threads} thread(s): {Roofline.PeakGflops:F0} GFLOP/s of fp32 fused multiply-adds, {Roofline.ReadGigabytesPerSecond:F1} GB/s read.");
        text.AppendLine();
        text.AppendLine(culture, $"A model of Qwen2.5-0.5B's shape ({Parameters:N0} parameters, random, kept in bfloat16, frozen) with adapters of rank {AdapterBenchmark.Adapters.Rank} on all projections ({Trained:N0} trained parameters), on the first questions of `{Items}`, a word or punctuation mark a token. Operations: 2 per linear weight and token forward, 2 for the gradient of its input, 2 more where activations are computed again, the head and the end of the last layer for the rows that are read, adapters and attention not counted. Of scoring, tokens that go through the model are counted, beginnings in common once.");
        text.AppendLine();
        text.AppendLine("| Work | A second, best (median) | Tokens/s | Of the limit | Memory held at most, GiB |");
        text.AppendLine("|---|---:|---:|---:|---:|");
        foreach (AdapterRow row in Rows)
            text.AppendLine(culture, $"| {row.Work} | {row.Best:F2} ({row.Median:F2}) {row.Unit} | {row.TokensPerSecond:F0} | {100 * row.Share:F0}% of {row.Limit} | {row.PeakGibibytes:F1} |");
    }
}

/// <summary>Decodes, scores and fine-tunes with a model whose weights are kept in bfloat16.</summary>
internal static class AdapterBenchmark
{
    /// <summary>The adapters.</summary>
    public static readonly LowRankConfiguration Adapters = new() { Rank = 16, Alpha = 32 };

    private const int Questions = 8, BatchExamples = 8, DecodedTokens = 32;

    // Qwen2.5-0.5B's config.json.
    private static readonly TransformerConfiguration s_shape = new()
    {
        VocabularySize = 151_936,
        HiddenSize = 896,
        IntermediateSize = 4864,
        Layers = 24,
        Heads = 14,
        KeyValueHeads = 2,
        RotaryBase = 1e6f,
        TieWordEmbeddings = true,
        MaximumPositions = 1024,
    };

    public static void Run(string repository, string itemsFile, double seconds)
    {
        int threads = Environment.ProcessorCount;
        using var pool = new WorkerPool(threads);
        Roofline roofline = Roofline.Measure(pool);
        using var model = new Transformer(s_shape, ParameterStorage.FrozenBFloat16, Adapters);
        model.Initialize(new RandomStream(1));
        CosmosQuestion[] questions = [.. CosmosQuestion.Read(itemsFile, s_shape.VocabularySize).Take(Questions)];
        var rows = new List<AdapterRow>();
        rows.Add(Decode(model, pool, seconds, roofline));
        rows.Add(Score(model, questions, pool, seconds, roofline));
        AnswerExample[] examples = [.. questions.Take(BatchExamples).Select(q => new AnswerExample(q.Prompt, q.Answers[q.Correct]))];
        model.RecomputesActivations = true;
        rows.Add(FineTune("Fine-tuning on answers, activations computed again", model, examples, threads, seconds, roofline));
        model.RecomputesActivations = false;
        rows.Add(FineTune("Fine-tuning on answers", model, examples, threads, seconds, roofline));
        foreach (AdapterRow row in rows)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Work}: {row.Best:F2} {row.Unit}/s (median {row.Median:F2}), {row.TokensPerSecond:F0} tokens/s, {100 * row.Share:F0}% of {row.Limit}; {row.PeakGibibytes:F1} GiB held at most"));
        }

        PerformanceReport.Update(
            repository,
            new AdapterReport(Machine.This(null), Path.GetFileName(itemsFile), s_shape.ParameterCount, model.Parameters.Length, roofline, [.. rows]));
    }

    private static AdapterRow Decode(Transformer model, WorkerPool pool, double seconds, Roofline roofline)
    {
        using var decoder = new CachedDecoder(model, pool, 1, 64 + DecodedTokens);
        var times = new List<double>();
        Timing.Of(
            () =>
            {
                decoder.Cache.Truncate(0, 0);
                decoder.Append(0, TrainingStep.DrawTokens(1, 15, s_shape.VocabularySize));
                for (int i = 0; i < DecodedTokens; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    decoder.Append(0, [i + 1]);
                    times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            },
            2,
            seconds);
        times.Sort();
        double bytes = (double)sizeof(ushort) * (BodyWeights() + HeadWeights);
        return Row("Decoding, one sequence", "tokens", 1, 1, times[0], times[times.Count / 2], bytes / (1e9 * roofline.ReadGigabytesPerSecond), "the reading rate");
    }

    private static AdapterRow Score(Transformer model, CosmosQuestion[] questions, WorkerPool pool, double seconds, Roofline roofline)
    {
        ContinuationQuestion[] asked = [.. questions.Select(q => new ContinuationQuestion(q.Prompt, [.. q.Answers.Select(a => (ReadOnlyMemory<int>)a)]))];
        Timing timing = Timing.Of(() => ContinuationScorer.Score(model, asked, pool), 2, seconds);

        // A continuation's last token foretells nothing.
        int tokens = 0, rows = 0;
        var batch = new TokenBatch();
        foreach (List<PackedPrompt> packed in PromptTree.Batches(asked, 1, 4096, batch))
        {
            tokens += batch.Count;
            rows += packed.Sum(prompt => 1 + prompt.Count);
        }

        double operations = 2 * Products(tokens, rows, rows);
        return Row(
            "Scoring four answers to a question", "questions", questions.Length, tokens, timing.Best, timing.Median,
            operations / (1e9 * roofline.PeakGflops), "the peak");
    }

    private static AdapterRow FineTune(
        string work, Transformer model, AnswerExample[] examples, int threads, double seconds, Roofline roofline)
    {
        using var step = new FineTuningStep(model, [examples], threads);
        (_, Timing timing) = step.Measure(1, seconds);
        int tokens = examples.Sum(e => e.Prompt.Length + e.Answer.Length - 1), rows = examples.Sum(e => e.Answer.Length);
        double body = Products(tokens, rows, 0);
        double operations = (4 * Products(tokens, rows, rows)) + (model.RecomputesActivations ? 2 * body : 0);
        return Row(
            work, "examples", examples.Length, tokens, timing.Best, timing.Median, operations / (1e9 * roofline.PeakGflops), "the peak");
    }

    private static AdapterRow Row(
        string work, string unit, int count, int tokens, double best, double median, double least, string limit)
    {
        using Process process = Process.GetCurrentProcess();
        return new AdapterRow(work, unit, count / best, count / median, tokens / best, least / best, limit, process.PeakWorkingSet64 / (double)(1L << 30));
    }

    private static double HeadWeights => (double)s_shape.VocabularySize * s_shape.HiddenSize;

    private static double BodyWeights() => s_shape.Layers * (LayerWeights("self_attn") + LayerWeights("mlp"));

    // Multiply-adds: all rows but for what follows attention in the last layer, and the head for the rows it reads.
    private static double Products(int tokens, int rows, int heads)
    {
        double tail = LayerWeights("mlp") + LayerWeights("self_attn.o_proj");
        return (tokens * (BodyWeights() - tail)) + (rows * tail) + (heads * HeadWeights);
    }

    private static double LayerWeights(string part) => s_shape.ParameterShapes()
        .Where(shape => !shape.IsVector && shape.Name.StartsWith("model.layers.0." + part, StringComparison.Ordinal))
        .Sum(shape => (double)shape.Rows * shape.Columns);
}
