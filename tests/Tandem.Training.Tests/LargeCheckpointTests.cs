using System.Diagnostics;
using System.Globalization;
using Tandem.Language;
using Tandem.Tensors;
using Tandem.Training.Optimization;
using Xunit.Abstractions;

namespace Tandem.Training.Tests;

/// <summary>
/// A checkpoint of the shape of Qwen2.5-0.5B (494 million parameters) with random weights, in bfloat16: about 1 GB of disk and
/// a few of memory, for some ten seconds. Times are printed, not judged.
/// </summary>
public sealed class LargeCheckpointTests(ITestOutputHelper output)
{
    private const long Gigabyte = 1 << 30;

    private static readonly TransformerConfiguration Shape = new()
    {
        VocabularySize = 151936,
        HiddenSize = 896,
        IntermediateSize = 4864,
        Layers = 24,
        Heads = 14,
        KeyValueHeads = 2,
        RotaryBase = 1e6f,
        MaximumPositions = 32768,
        TieWordEmbeddings = true,
        EndToken = 151643,
    };

    [Fact]
    public void Load_ShapeOfQwen05B_GivesEveryValueAndTrainsAdaptersWithinTwelveGigabytes()
    {
        using var folder = new TemporaryFolder();
        if (new DriveInfo(folder.Path).AvailableFreeSpace < 3 * Gigabyte || GC.GetGCMemoryInfo().TotalAvailableMemoryBytes < 10 * Gigabyte)
        {
            output.WriteLine("not checked: needs 3 GB of disk and 10 GB of memory");
            return;
        }

        ulong expected;
        using (var model = new Transformer(Shape, ParameterStorage.FrozenBFloat16))
        {
            expected = Fill(model);
            Timed("saved", () => model.Save(folder.Path, StorageType.BF16));
        }

        Assert.Equal(494_032_768, Shape.ParameterCount);
        PretrainedModel saved = PretrainedModel.Open(folder.Path);
        using (Transformer trainable = Timed("loaded, fp32, trainable", () => saved.Load()))
            Assert.Equal(expected, Hash(trainable));
        using Transformer frozen = Timed(
            "loaded, bf16, frozen", () => saved.Load(ParameterStorage.FrozenBFloat16, new LowRankConfiguration { Rank = 8, Dropout = 0.05f }));
        Assert.Equal(expected, Hash(frozen));
        frozen.InitializeAdapters(new RandomStream(1));
        frozen.RecomputesActivations = true;

        using var pool = new WorkerPool(Environment.ProcessorCount);
        var random = new RandomStream(2);
        int[] prompt = [.. Enumerable.Range(0, 96).Select(_ => random.NextInt32(Shape.VocabularySize))];
        ContinuationQuestion[] item = [new(prompt, [new[] { 1, 2 }, new[] { 3 }, new[] { 4, 5 }, new[] { 6 }])];
        ContinuationScore[] scores = Timed("scored an item", () => ContinuationScorer.Score(frozen, item, pool))[0];
        Assert.All(scores, score => Assert.True(double.IsFinite(score.LogProbability) && score.LogProbability < 0));

        using var optimizer = new AdamW(new OptimizerConfiguration { LearningRate = 1e-3 }, frozen.Parameters, pool);
        float first = Timed("took a step", () => Step(frozen, optimizer, pool, prompt));
        float second = Step(frozen, optimizer, pool, prompt);
        Assert.True(second < first, $"{first}, then {second}");
        if (PeakBytes() is { } peak)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"largest working set of the whole test process: {peak / 1e9:F2} GB"));
            Assert.InRange(peak, 0, 12_000_000_000);
        }
    }

    private static float Step(Transformer model, AdamW optimizer, WorkerPool pool, int[] tokens)
    {
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        model.SeedDropout(3, 0);
        tape.Begin(recording: true);
        model.Parameters.ZeroGradients();
        Tensor loss = model.TokenLoss(tape, model.Hidden(tape, batch), [.. tokens.Skip(1), Tape.IgnoredTarget], [], tokens.Length - 1);
        tape.Backward(loss);
        float value = loss.Values[0];
        optimizer.Step(1);
        return value;
    }

    // Values between 2^-8 and 2^-5 of either sign, matrices and vectors alike; the hash of them all.
    private static unsafe ulong Fill(Transformer model)
    {
        ulong state = 88172645463325252UL;
        foreach (Parameter parameter in model.Parameters.All)
        {
            for (int i = 0; i < parameter.Tensor.Length; i++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                uint exponent = 119 + (uint)((state >> 8) & 3);
                var value = new BFloat16((ushort)(((uint)(state >> 20) & 0x8000) | (exponent << 7) | ((uint)state & 0x7F)));
                if (parameter.Halves != null)
                    parameter.Halves[i] = value;
                else
                    parameter.Tensor.Data[i] = value.Widen();
            }
        }

        return Hash(model);
    }

    // Of the upper halves of all values of the base, in order.
    private static unsafe ulong Hash(Transformer model)
    {
        ulong hash = 14695981039346656037UL;
        foreach (Parameter parameter in model.Parameters.All.Where(p => !p.Name.Contains("lora", StringComparison.Ordinal)))
        {
            for (int i = 0; i < parameter.Tensor.Length; i++)
            {
                uint bits = parameter.Halves != null ? (uint)parameter.Halves[i].Bits << 16 : ((uint*)parameter.Tensor.Data)[i];
                hash = (hash ^ bits) * 1099511628211UL;
            }
        }

        return hash;
    }

    private static long? PeakBytes()
    {
        if (!File.Exists("/proc/self/status"))
            return null;
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    private T Timed<T>(string what, Func<T> run)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        T result = run();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {watch.Elapsed.TotalSeconds:F2} s, {(Environment.CpuUsage.TotalTime - before).TotalSeconds:F2} s of all processors"));
        return result;
    }

    private void Timed(string what, Action run) => Timed(what, () =>
    {
        run();
        return 0;
    });
}
