using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class LowRankTests : IDisposable
{
    private static readonly LowRankConfiguration Adapters = new() { Rank = 3, Alpha = 4.5f };
    private readonly WorkerPool _pool = new(2);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Adapters_AtFirst_ChangeNothing(int kind)
    {
        using var plain = SmallModels.Random(SmallModels.Kinds[kind]);
        using var adapted = Adapt(plain, ParameterStorage.FrozenSingle, Adapters, spread: 0);
        int[] tokens = SmallModels.Tokens(plain.Configuration, 11);
        Step(plain, tokens, out float[] expected);
        Step(adapted, tokens, out float[] found);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-5);
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Adapters_OfEachStorage_GiveTheMergedModelAndItsGradientsByTheChainRule(int kind)
    {
        using var plain = SmallModels.Random(SmallModels.Kinds[kind]);
        foreach (LowRankTargets targets in new[] { LowRankTargets.All, LowRankTargets.Attention, LowRankTargets.Value, LowRankTargets.Up | LowRankTargets.Output })
        {
            LowRankConfiguration configuration = Adapters with { Targets = targets };
            foreach (ParameterStorage storage in Enum.GetValues<ParameterStorage>())
            {
                using var adapted = Adapt(plain, storage, configuration, spread: 0.3f);
                using var merged = adapted.Merged();
                int[] tokens = SmallModels.Tokens(plain.Configuration, 11);
                Step(merged, tokens, out float[] expected);
                Step(adapted, tokens, out float[] found);
                for (int i = 0; i < expected.Length; i++)
                    Assert.Equal(expected[i], found[i], 2e-5);
                Assert.Equal(targets == LowRankTargets.All, adapted.Parameters.Find("model.layers.1.mlp.down_proj.lora_B.weight") is not null);
                foreach (Parameter a in adapted.Parameters.All.Where(p => p.Name.EndsWith("lora_A.weight", StringComparison.Ordinal)))
                    AssertChainRule(adapted, merged, a, configuration.Scale);
            }
        }
    }

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Adapters_SwitchedOff_GiveTheBitsOfTheBase(int kind)
    {
        using var plain = SmallModels.Random(SmallModels.Kinds[kind]);
        using var adapted = Adapt(plain, ParameterStorage.FrozenSingle, Adapters, spread: 0.3f);
        int[] tokens = SmallModels.Tokens(plain.Configuration, 11);
        Step(plain, tokens, out float[] expected);
        Step(adapted, tokens, out float[] with);
        adapted.UsesAdapters = false;
        Step(adapted, tokens, out float[] without);
        using var clone = adapted.Clone();
        Assert.False(clone.UsesAdapters);
        adapted.UsesAdapters = true;
        Step(adapted, tokens, out float[] again);
        Assert.Equal(expected, without);
        Assert.NotEqual(expected, with);
        Assert.Equal(with, again);
    }

    [Fact]
    public void Adapters_WithRecomputedActivations_GetTheSameGradientsBitForBit()
    {
        using var plain = SmallModels.Random(SmallModels.Qwen);
        using var adapted = Adapt(plain, ParameterStorage.FrozenBFloat16, Adapters, spread: 0.3f);
        int[] tokens = SmallModels.Tokens(plain.Configuration, 11);
        Step(adapted, tokens, out float[] expected);
        float[][] gradients = [.. adapted.Parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
        Assert.Contains(gradients, g => g.Any(slope => slope != 0));
        adapted.RecomputesActivations = true;
        Step(adapted, tokens, out float[] found);
        Assert.Equal(expected, found);
        Assert.Equal(gradients, adapted.Parameters.All.Select(p => p.Tensor.Gradients.ToArray()));
    }

    [Fact]
    public void AdaptedModel_InBFloat16_KeepsOnlyWhatIsTrainedInSinglePrecision()
    {
        using var plain = SmallModels.Random(SmallModels.Qwen with { ScoreHeads = 0 });
        using var adapted = Adapt(plain, ParameterStorage.FrozenBFloat16, Adapters, spread: 0.1f);
        Assert.All(adapted.Parameters.All, p => Assert.Equal(
            p.Name.Contains("lora", StringComparison.Ordinal) ? ParameterStorage.Trainable
            : p.IsVector ? ParameterStorage.FrozenSingle : ParameterStorage.FrozenBFloat16, p.Storage));
        Assert.InRange(adapted.Parameters.Length, 1, plain.Parameters.Length / 2);
    }

    [Fact]
    public void AdaptedModel_DecodingWithACache_GivesTheBitsOfTheFullForwardPass()
    {
        using var plain = SmallModels.Random(SmallModels.Qwen);
        using var adapted = Adapt(plain, ParameterStorage.FrozenBFloat16, Adapters, spread: 0.3f);
        using var decoder = new CachedDecoder(adapted, _pool);
        using var tape = new Tape(_pool);
        int[] tokens = SmallModels.Tokens(plain.Configuration, 9);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: false);
        Tensor logits = adapted.Logits(tape, adapted.Hidden(tape, batch)); // [N, V]
        Assert.Equal(logits.Row(6).ToArray(), decoder.Append(0, tokens.AsSpan(0, 7)).Values.ToArray());
        Assert.Equal(logits.Row(7).ToArray(), decoder.Append(0, tokens.AsSpan(7, 1)).Values.ToArray());
    }

    [Fact]
    public void AdaptedModel_SavedAndLoaded_IsTheSame()
    {
        using var plain = SmallModels.Random(SmallModels.Qwen);
        using var adapted = Adapt(plain, ParameterStorage.FrozenBFloat16, Adapters, spread: 0.3f);
        string directory = Directory.CreateTempSubdirectory("tandem-adapters-").FullName;
        try
        {
            adapted.Save(directory);
            using var loaded = Transformer.Load(directory, ParameterStorage.FrozenBFloat16, Adapters);
            using var clone = loaded.Clone();
            int[] tokens = SmallModels.Tokens(plain.Configuration, 9);
            Step(adapted, tokens, out float[] expected);
            Step(clone, tokens, out float[] found);
            Assert.Equal(expected, found);
            adapted.Save(directory, StorageType.BF16);
            using var base16 = Transformer.Load(directory, ParameterStorage.FrozenBFloat16, Adapters);
            Assert.Equal(Values(adapted, "model.embed_tokens.weight"), Values(base16, "model.embed_tokens.weight"));
            Assert.Contains("lora_A", Assert.Throws<UserFaultException>(() => Transformer.Load(directory)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Theory]
    [InlineData(0, 1f, LowRankTargets.All)]
    [InlineData(2000, 1f, LowRankTargets.All)]
    [InlineData(4, 0f, LowRankTargets.All)]
    [InlineData(4, float.NaN, LowRankTargets.All)]
    [InlineData(4, 1f, LowRankTargets.None)]
    [InlineData(4, 1f, (LowRankTargets)256)]
    public void Configuration_OutOfRange_IsRefused(int rank, float alpha, LowRankTargets targets) => Assert.Throws<UserFaultException>(
        () => new Transformer(SmallModels.Qwen, adapters: new LowRankConfiguration { Rank = rank, Alpha = alpha, Targets = targets }));

    public void Dispose() => _pool.Dispose();

    // dA = scale·Bᵀ·dW and dB = scale·dW·Aᵀ, with dW of the merged model.
    private static void AssertChainRule(Transformer adapted, Transformer merged, Parameter a, float scale)
    {
        Parameter b = adapted.Parameters[a.Name.Replace("lora_A", "lora_B", StringComparison.Ordinal)];
        Tensor w = merged.Parameters[a.Name.Replace("lora_A.", "", StringComparison.Ordinal)].Tensor; // [out, in]
        int inputs = w.Columns, rank = a.Tensor.Rows;
        double largest = 0;
        foreach (float slope in w.Gradients)
            largest = Math.Max(largest, Math.Abs(slope));
        Assert.True(largest > 0);
        for (int r = 0; r < rank; r++)
        {
            for (int j = 0; j < inputs; j++)
            {
                double expected = Enumerable.Range(0, w.Rows).Sum(i => (double)scale * b.Tensor.Values[(i * rank) + r] * w.Gradients[(i * inputs) + j]);
                Assert.Equal(expected, a.Tensor.Gradients[(r * inputs) + j], (2e-4 * largest) + 1e-7);
            }

            for (int i = 0; i < w.Rows; i++)
            {
                double expected = Enumerable.Range(0, inputs).Sum(j => (double)scale * a.Tensor.Values[(r * inputs) + j] * w.Gradients[(i * inputs) + j]);
                Assert.Equal(expected, b.Tensor.Gradients[(i * rank) + r], (2e-4 * largest) + 1e-7);
            }
        }
    }

    // The plain model's values, rounded to bfloat16 so that no storage changes them; B of the given spread.
    private static Transformer Adapt(Transformer plain, ParameterStorage storage, LowRankConfiguration configuration, float spread)
    {
        var adapted = new Transformer(plain.Configuration, storage, configuration);
        var random = new RandomStream(8);
        adapted.InitializeAdapters(random);
        foreach (Parameter parameter in plain.Parameters.All)
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = BFloat16.Round(value).Widen();
            adapted.Parameters[parameter.Name].CopyValuesFrom(parameter);
        }

        foreach (Parameter parameter in adapted.Parameters.All.Where(p => p.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)))
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = spread * (float)random.NextGaussian();
        }

        return adapted;
    }

    private static float[] Values(Transformer model, string name)
    {
        Parameter parameter = model.Parameters[name];
        float[] values = new float[parameter.Tensor.Length];
        parameter.ReadValues(0, values);
        return values;
    }

    private void Step(Transformer model, int[] tokens, out float[] logits)
    {
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(tokens);
        tape.Begin(recording: true);
        model.Parameters.ZeroGradients();
        Tensor result = model.Logits(tape, model.Hidden(tape, batch)); // [N, V]
        logits = result.Values.ToArray();
        int[] targets = [.. tokens.Skip(1), Tape.IgnoredTarget];
        tape.Backward(tape.TokenCrossEntropy(result, targets, [], tokens.Length - 1));
    }
}
