using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class AdapterDropoutTests : IDisposable
{
    private static readonly LowRankConfiguration Adapters = new() { Rank = 3, Alpha = 4.5f, Dropout = 0.25f, RankStabilized = true };
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void LossAndGradients_WithDropout_AreThoseOfTheScalarForwardPassWithTheSameMask(int kind)
    {
        using Transformer adapted = Adapted(SmallModels.Kinds[kind]);
        int[] tokens = SmallModels.Tokens(adapted.Configuration, 9);
        var scalar = new ScalarTransformer(adapted) { AdapterScale = 4.5 / Math.Sqrt(3), Dropped = Masked };
        adapted.SeedDropout(11, 5);
        _ = Step(adapted, tokens, _pool);
        (float loss, float[][] gradients) = Step(adapted, tokens, _pool); // the second pass of its step
        Assert.Equal(scalar.Loss(tokens), loss, 1e-5);

        // Along one random direction per parameter, against the central difference in double precision.
        var random = new RandomStream(5);
        foreach (var (parameter, gradient) in adapted.Parameters.All.Zip(gradients).Where(pair => pair.First.IsTrainable && pair.First.Name != "score.weight"))
        {
            double[] values = scalar.Parameters[parameter.Name], original = [.. values];
            double[] direction = [.. values.Select(_ => random.NextGaussian())];
            double slope = (Shifted(1e-5) - Shifted(-1e-5)) / 2e-5;
            double expected = direction.Zip(gradient, (d, g) => d * g).Sum();
            original.CopyTo(values, 0);
            Assert.True(Math.Abs(slope - expected) < 1e-5 + (1e-4 * Math.Abs(slope)), $"{parameter.Name}: {expected} where the slope is {slope}");

            double Shifted(double step)
            {
                for (int i = 0; i < values.Length; i++)
                    values[i] = original[i] + (step * direction[i]);
                return scalar.Loss(tokens);
            }
        }
    }

    [Fact]
    public void Masks_OfOneSeedStepAndPass_DoNotDependOnThreadsOrRecomputation()
    {
        using Transformer adapted = Adapted(SmallModels.Qwen with { HiddenSize = 64, HeadSize = 16, IntermediateSize = 172, VocabularySize = 200 });
        int[] tokens = SmallModels.Tokens(adapted.Configuration, 150);
        (float loss, float[][] gradients) = Seeded(_pool, 3);
        foreach (int threads in new[] { 1, 3 })
        {
            using var pool = new WorkerPool(threads);
            Assert.Equal(gradients, Seeded(pool, 3).Gradients);
        }

        adapted.RecomputesActivations = true;
        Assert.Equal(gradients, Seeded(_pool, 3).Gradients);
        Assert.NotEqual(loss, Seeded(_pool, 4).Loss);
        Assert.NotEqual(Step(adapted, tokens, _pool).Loss, Step(adapted, tokens, _pool).Loss);

        (float Loss, float[][] Gradients) Seeded(WorkerPool pool, long step)
        {
            adapted.SeedDropout(7, step);
            return Step(adapted, tokens, pool);
        }
    }

    [Fact]
    public void Passes_ThatAreNotRecorded_DropNothing()
    {
        using Transformer adapted = Adapted(SmallModels.Qwen);
        int[] tokens = SmallModels.Tokens(adapted.Configuration, 9);
        var scalar = new ScalarTransformer(adapted) { AdapterScale = 4.5 / Math.Sqrt(3) };
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: false);
        float[] logits = adapted.Logits(tape, adapted.Hidden(tape, batch)).Values.ToArray();
        foreach (var (expected, found) in scalar.Logits(tokens).SelectMany(row => row).Zip(logits))
            Assert.Equal(expected, found, 5e-5);
    }

    [Fact]
    public void Step_WithDropout_AllocatesNothingOnceWarm()
    {
        using Transformer adapted = Adapted(SmallModels.Qwen);
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(SmallModels.Tokens(adapted.Configuration, 40));
        for (int i = 0; i < 5; i++)
            One(i);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++)
            One(i);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void One(int step)
        {
            adapted.SeedDropout(1, step);
            tape.Begin(recording: true);
            Tensor logits = adapted.Logits(tape, adapted.Hidden(tape, batch));
            tape.Backward(tape.TokenCrossEntropy(logits, batch.Tokens, [], batch.Count));
        }
    }

    public void Dispose() => _pool.Dispose();

    // SplitMix64 of keys and counters, written a second time: seed 11, step 5, second pass.
    private static double Masked(string weight, long element)
    {
        string[] names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        string[] parts = weight.Split('.');
        ulong place = (ulong)((int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture) * 8) + Array.IndexOf(names, parts[4]));
        ulong key = Derive(Derive(Derive(Derive(11, 0), 5), 1), place);
        ulong bits = Mix(key + ((ulong)(element / 2) * 0x9E3779B97F4A7C15UL));
        return (element % 2 == 0 ? bits & 0xFFFFFFFF : bits >> 32) < 0.25 * 4294967296.0 ? 0 : 1 / 0.75;

        static ulong Derive(ulong key, ulong part) => Mix(key + (0x9E3779B97F4A7C15UL * (part + 1)));

        static ulong Mix(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return z ^ (z >> 31);
        }
    }

    private static Transformer Adapted(TransformerConfiguration configuration)
    {
        using Transformer plain = SmallModels.Random(configuration);
        var adapted = new Transformer(configuration, ParameterStorage.FrozenSingle, Adapters);
        var random = new RandomStream(8);
        adapted.InitializeAdapters(random);
        foreach (Parameter parameter in plain.Parameters.All)
            adapted.Parameters[parameter.Name].CopyValuesFrom(parameter);
        foreach (Parameter parameter in adapted.Parameters.All.Where(p => p.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)))
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = 0.2f * (float)random.NextGaussian();
        }

        return adapted;
    }

    private static (float Loss, float[][] Gradients) Step(Transformer model, int[] tokens, WorkerPool pool)
    {
        using var tape = new Tape(pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: true);
        model.Parameters.ZeroGradients();
        int[] targets = [.. tokens.Skip(1), Tape.IgnoredTarget];
        Tensor loss = tape.TokenCrossEntropy(model.Logits(tape, model.Hidden(tape, batch)), targets, [], tokens.Length - 1);
        tape.Backward(loss);
        return (loss.Values[0], [.. model.Parameters.All.Select(p => p.Tensor.Gradients.ToArray())]);
    }
}
