using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class ModelGrowthTests : IDisposable
{
    private static readonly TransformerConfiguration Small = SmallModels.Qwen with
    {
        HiddenSize = 24,
        Layers = 3,
        Heads = 2,
        KeyValueHeads = 2,
        HeadSize = 8,
        IntermediateSize = 20,
        ScoreHeads = 0,
    };

    private readonly WorkerPool _pool = new(1);

    [Theory]
    [InlineData(3, 2, 20)]
    [InlineData(5, 2, 20)]
    [InlineData(3, 4, 20)]
    [InlineData(6, 3, 44)]
    public void Grow_MoreLayersHeadsAndUnits_ComputesTheSame(int layers, int heads, int units)
    {
        using Transformer small = SmallModels.Random(Small);
        using var large = new Transformer(Small with { Layers = layers, Heads = heads, KeyValueHeads = heads, IntermediateSize = units });
        large.Initialize(new RandomStream(9));
        MimeticInitialization.Apply(large);

        ModelGrowth.Grow(small, large);

        float[] before = Logits(small);
        float[] after = Logits(large);
        for (int i = 0; i < before.Length; i++)
            Assert.Equal(before[i], after[i], 4);
    }

    [Fact]
    public void Grow_AnotherWidth_IsRefusedWithBothShapes()
    {
        using Transformer small = SmallModels.Random(Small);
        using var wider = new Transformer(Small with { HiddenSize = 32 });

        UserFaultException fault = Assert.Throws<UserFaultException>(() => ModelGrowth.Grow(small, wider));

        Assert.Contains("width 24", fault.Message, StringComparison.Ordinal);
        Assert.Contains("width 32", fault.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _pool.Dispose();

    private float[] Logits(Transformer transformer)
    {
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        batch.Add(SmallModels.Tokens(transformer.Configuration, 17));
        tape.Begin(recording: false);
        return transformer.Logits(tape, transformer.Hidden(tape, batch)).Values.ToArray();
    }
}
