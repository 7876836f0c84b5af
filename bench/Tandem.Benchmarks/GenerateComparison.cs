using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tandem.Language;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One model continuing prompts, in new tokens per second.</summary>
/// <param name="Model">Its size in words.</param>
/// <param name="Parameters">Its size.</param>
/// <param name="Vocabulary">The tokens it knows.</param>
/// <param name="Prompts">The prompts continued.</param>
/// <param name="Limits">How many tokens each gets, in words.</param>
/// <param name="NewTokens">How many all get.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="Tandem">Tandem's rate and its number of slots.</param>
/// <param name="Usual">The rate of PyTorch's usual loop.</param>
/// <param name="Tuned">That of its tuned loop.</param>
/// <param name="Parted">Continuations, of both loops, that part from Tandem's at a near tie.</param>
internal sealed record GenerateRow(
    string Model, long Parameters, int Vocabulary, int Prompts, string Limits, int NewTokens, int Threads, WorkRate Tandem, WorkRate? Usual,
    WorkRate? Tuned, int Parted)
{
    /// <summary>Tokens per second over those of PyTorch's usual loop.</summary>
    public double? UsualRatio => Tandem.Best / Usual?.Best;

    /// <summary>Tokens per second over those of PyTorch's tuned loop.</summary>
    public double? TunedRatio => Tandem.Best / Tuned?.Best;
}

/// <summary>All rows of one run.</summary>
internal sealed record GenerateReport(Machine Machine, string Items, GenerateRow[] Rows) : IPerformanceSection
{
    /// <summary>The options that chose what was measured.</summary>
    public string Options { get; init; } = "";

    string IPerformanceSection.Title => "Generating from many prompts";

    string IPerformanceSection.Command => "generate <CosmosQA's valid.csv>" + Options;

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {Machine.Peer}, the fastest of its settings (oneDNN on or off, 8, 16, 32 or 64 sequences a batch); Tandem with the fastest of 8, 16, 32 or 64 slots.");
        text.AppendLine();
        text.AppendLine(culture, $"Greedy continuations of the first contexts of `{Items}`, a word or punctuation mark a token, random weights, no stop token. The usual loop is that of transformers' `generate`: batches padded on the left, a cache that grows by `torch.cat`, logits at every position of the prompts in the first pass (as in transformers 4 before `num_logits_to_keep`), and a batch that goes on until its longest continuation is done. The tuned loop sorts the prompts by length, writes into a cache of its final size, computes logits at the last position only, and drops rows that are done. New tokens per second over the whole work, prompts included, best (median).");
        text.AppendLine();
        text.AppendLine("| Model | Vocabulary | Prompts | New tokens of each | Threads | Tandem | PyTorch, usual loop | Ratio | PyTorch, tuned loop | Ratio |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (GenerateRow row in Rows)
            text.AppendLine(culture, $"| {row.Model} ({row.Parameters:N0} parameters) | {row.Vocabulary:N0} | {row.Prompts} | {row.Limits} | {row.Threads} | {row.Tandem} | {WorkRate.Cell(row.Usual, row.UsualRatio)} | {WorkRate.Cell(row.Tuned, row.TunedRatio)} |");
        if (Rows.Any(row => row.Usual is not null))
        {
            text.AppendLine();
            text.AppendLine(culture, $"The tokens are compared. Continuations may part only where the two tokens are within {GenerateComparison.NearTie} nats of each other, and no more than one in ten: {Rows.Sum(row => row.Parted)} of {2 * Rows.Sum(row => row.Prompts)} did.");
        }
    }
}

/// <summary>Continues the contexts of CosmosQA, against two loops in PyTorch: see bench/peers/torch_generate.py.</summary>
internal static class GenerateComparison
{
    /// <summary>The difference in log-probability, in nats, under which rounding may decide which token is the likelier.</summary>
    public const double NearTie = 1e-3;

    private const int Longest = 64, Shortest = 8;
    private static readonly int[] s_slots = [8, 16, 32, 64];

    public static void Run(string repository, string itemsFile, double seconds, Selection selection)
    {
        string? pyTorch = PyTorchPeer.Version();
        string script = Path.Combine(repository, "bench", "peers", "torch_generate.py");
        var rows = new List<GenerateRow>();
        using var pool = new WorkerPool(Environment.ProcessorCount);
        foreach (var (name, shape, all, vocabulary) in new[]
        {
            ("10M", OptionComparison.TenMillion, 64, 4096), ("10M", OptionComparison.TenMillion, 64, 32_000),
            ("100M", OptionComparison.HundredMillion, 32, 32_000),
        })
        {
            if (!selection.Includes(name))
                continue;
            int count = Math.Min(all, selection.Most);
            using var model = new Transformer(shape with { VocabularySize = vocabulary });
            model.Initialize(new RandomStream(1));
            int[][] prompts = [.. CosmosQuestion.Read(itemsFile, vocabulary).Take(count).Select(question => question.Context)];
            var random = new RandomStream(7);
            int[] drawn = [.. prompts.Select(_ => Shortest + random.NextInt32(Longest - Shortest + 1))];
            foreach (int[] limits in new[] { [.. prompts.Select(_ => Longest)], drawn })
            {
                int slots = FastestSlots(model, pool, prompts, limits);
                using var generator = new Generator(model, pool, slots, prompts.Max(prompt => prompt.Length) + Longest);
                int[][] tokens = [];
                Timing first = Time();
                var peer = pyTorch is null
                    ? ((WorkRate Usual, WorkRate Tuned, int[][] UsualTokens, int[][] TunedTokens)?)null
                    : PyTorchPeer.Generate(script, model, prompts, limits, pool.Threads, seconds);
                Timing second = Time();
                Timing ours = first.Best < second.Best ? first : second;
                int parted = peer is null ? 0
                    : Compare(model, pool, prompts, tokens, peer.Value.UsualTokens) + Compare(model, pool, prompts, tokens, peer.Value.TunedTokens);
                var row = new GenerateRow(
                    name, model.Configuration.ParameterCount, vocabulary, count, limits == drawn ? $"{Shortest} to {Longest}" : $"{Longest}", limits.Sum(),
                    pool.Threads, new WorkRate(limits.Sum() / ours.Best, limits.Sum() / ours.Median, $"{slots} slots"), peer?.Usual, peer?.Tuned, parted);
                rows.Add(row);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}, {vocabulary} words, {row.Limits} tokens each: {row.Tandem}; PyTorch's usual loop {row.Usual}, ratio {row.UsualRatio:F2}; tuned {row.Tuned}, ratio {row.TunedRatio:F2}; {parted} parted"));

                Timing Time() => Timing.Of(() => tokens = generator.GenerateEach(prompts, limits, Sampler.Greedy, new RandomStream(1)), 2, seconds / 4);
            }
        }

        PerformanceReport.Update(repository, new GenerateReport(Machine.This(pyTorch), Path.GetFileName(itemsFile), [.. rows]) { Options = selection.ToString() });
    }

    // As the peer finds its batch size: on as many prompts as the largest takes, with a quarter of the tokens.
    private static int FastestSlots(Transformer model, WorkerPool pool, int[][] prompts, int[] limits)
    {
        int[][] some = [.. prompts.Take(64)];
        int[] few = [.. limits.Take(64).Select(limit => Math.Max(1, limit / 4))];
        Seconds(4, Math.Min(4, some.Length)); // compiles it
        return s_slots.MinBy(slots => Seconds(slots, some.Length));

        double Seconds(int slots, int count)
        {
            using var generator = new Generator(model, pool, slots, some.Max(prompt => prompt.Length) + Longest);
            long start = Stopwatch.GetTimestamp();
            generator.GenerateEach(some[..count], few[..count], Sampler.Greedy, new RandomStream(1));
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <summary>
    /// How many continuations part from the peer's. Both take the likeliest token, computed in different orders of rounding:
    /// they may differ where two tokens are nearly as likely, and have different prompts from there on, so that nothing after
    /// can be compared. Faults where they part at anything but a near tie, or more often than one time in ten.
    /// </summary>
    private static int Compare(Transformer model, WorkerPool pool, int[][] prompts, int[][] ours, int[][] theirs)
    {
        var ties = new List<ContinuationQuestion>();
        for (int i = 0; i < prompts.Length; i++)
        {
            if (theirs[i].Length != ours[i].Length)
                throw new InvalidOperationException($"PyTorch gave prompt {i} {theirs[i].Length} tokens, Tandem {ours[i].Length}: the comparison is void.");
            int same = ours[i].AsSpan().CommonPrefixLength(theirs[i]);
            if (same < ours[i].Length)
                ties.Add(new ContinuationQuestion(new int[][] { prompts[i], ours[i][..same] }.SelectMany(t => t).ToArray(), [new[] { ours[i][same] }, new[] { theirs[i][same] }]));
        }

        foreach (ContinuationScore[] scores in ContinuationScorer.Score(model, ties, pool))
        {
            double apart = scores[0].LogProbability - scores[1].LogProbability;
            if (!(apart <= NearTie))
                throw new InvalidOperationException($"Tandem and PyTorch chose tokens whose log-probabilities are {apart:E1} apart: the comparison is void.");
        }

        return 10 * ties.Count <= prompts.Length
            ? ties.Count
            : throw new InvalidOperationException($"{ties.Count} of {prompts.Length} continuations part: the comparison is void.");
    }
}
