using Tandem.Tensors;

namespace Tandem.Language.Tests;

public sealed class RecomputedActivationsTests : IDisposable
{
    private readonly WorkerPool _pool = new(3);

    [Theory]
    [MemberData(nameof(SmallModels.KindNumbers), MemberType = typeof(SmallModels))]
    public void Step_WithRecomputation_HasTheBitsOfTheStepWithoutIt(int kind)
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[kind]);
        Tokens batches = new(transformer.Configuration);
        AssertSameStep(transformer, batches);
        foreach (var parameter in transformer.Parameters.All)
            parameter.IsTrainable = parameter.Name.StartsWith("model.layers.1.", StringComparison.Ordinal);
        AssertSameStep(transformer, batches);
    }

    [Fact]
    public void Hidden_WithRecomputation_GivesTheStatesOfAllLayers()
    {
        using var transformer = SmallModels.Random(SmallModels.Kinds[1]);
        using var tape = new Tape(_pool);
        float[][] expected = States();
        transformer.RecomputesActivations = true;
        Assert.Equal(expected, States());

        float[][] States()
        {
            tape.Begin(recording: true);
            var states = new List<Tensor>();
            transformer.Hidden(tape, new Tokens(transformer.Configuration).Plain(), states);
            return [.. states.Select(s => s.Values.ToArray())];
        }
    }

    [Fact]
    public void ArenaCapacity_WithRecomputation_GrowsByOneResultPerLayer()
    {
        const int Rows = 600, Layers = 9;
        var configuration = SmallModels.Qwen with { HiddenSize = 64, IntermediateSize = 172, VocabularySize = 50 };
        long few = Capacity(2, recompute: true), many = Capacity(Layers, recompute: true), plain = Capacity(Layers, recompute: false);

        // A layer's output [N, C] with its gradient; an arena holds up to an eighth more than it needs.
        long outputs = (Layers - 2) * 2L * Rows * configuration.HiddenSize * sizeof(float);
        Assert.InRange(many - few, outputs, (outputs * 9 / 8) + 64);
        Assert.InRange(many, 1, plain / 3);

        long Capacity(int layers, bool recompute)
        {
            using var transformer = SmallModels.Random(configuration with { Layers = layers });
            transformer.RecomputesActivations = recompute;
            using var tape = new Tape(_pool);
            var batch = new TokenBatch();
            for (int i = 0; i < 4; i++)
                batch.Add(SmallModels.Tokens(configuration, Rows / 4, (ulong)i));
            for (int step = 0; step < 3; step++)
            {
                tape.Begin(recording: true);
                transformer.Parameters.ZeroGradients();
                Tensor logits = transformer.Logits(tape, transformer.Hidden(tape, batch));
                tape.Backward(tape.TokenCrossEntropy(logits, batch.Tokens, [], Rows));
            }

            return tape.Arena.Capacity;
        }
    }

    [Fact]
    public void Step_WithRecomputationInSteadyState_AllocatesNothing()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using var transformer = SmallModels.Random(SmallModels.Qwen);
        transformer.RecomputesActivations = true;
        TokenBatch batch = new Tokens(transformer.Configuration).Branches();
        int[] rows = [2, batch.Count - 1], targets = [1, 2];
        Run(3);
        long least = long.MaxValue;
        for (int window = 0; window < 4; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run(3);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);

        void Run(int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                tape.Begin(recording: true);
                transformer.Parameters.ZeroGradients();
                Tensor logits = transformer.Logits(tape, transformer.HiddenOf(tape, batch, rows));
                tape.Backward(tape.TokenCrossEntropy(logits, targets, [], 2f));
            }
        }
    }

    [Fact]
    public void Clone_OfATransformerThatRecomputes_RecomputesToo()
    {
        using var transformer = new Transformer(SmallModels.Qwen) { RecomputesActivations = true };
        using var clone = transformer.Clone();
        Assert.True(clone.RecomputesActivations);
    }

    public void Dispose() => _pool.Dispose();

    private void AssertSameStep(Transformer transformer, Tokens batches)
    {
        float[][] expected = Step(transformer, batches, recompute: false);
        float[][] found = Step(transformer, batches, recompute: true);
        for (int part = 0; part < expected.Length; part++)
            Assert.Equal(expected[part].Select(BitConverter.SingleToInt32Bits), found[part].Select(BitConverter.SingleToInt32Bits));
    }

    // Two forward passes of different batches in one step, from one batch object that is packed anew between them and before
    // the backward pass. Losses and gradients.
    private float[][] Step(Transformer transformer, Tokens batches, bool recompute)
    {
        transformer.RecomputesActivations = recompute;
        using var tape = new Tape(_pool);
        var batch = new TokenBatch();
        tape.Begin(recording: true);
        transformer.Parameters.ZeroGradients();
        batches.Plain(batch);
        Tensor language = tape.TokenCrossEntropy(
            transformer.Logits(tape, transformer.Hidden(tape, batch)), batch.Tokens, [], batch.Count);
        batches.Branches(batch);
        Tensor some = transformer.HiddenOf(tape, batch, [5, 1, batch.Count - 1, 5]);
        Tensor scores = tape.BinaryCrossEntropy(transformer.Scores(tape, some), new float[4 * transformer.Configuration.ScoreHeads], [], 3f);
        batch.Clear();
        batch.Add([1]);
        tape.Backward(scores);
        tape.Backward(tape.Add(language, scores));
        tape.Backward(language, scale: 0.5f);
        return [language.Values.ToArray(), scores.Values.ToArray(), .. transformer.Parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
    }

    /// <summary>Packed sequences, some with branches.</summary>
    private sealed class Tokens(TransformerConfiguration configuration)
    {
        public TokenBatch Plain(TokenBatch? batch = null)
        {
            batch ??= new TokenBatch();
            batch.Clear();
            for (int i = 0; i < 3; i++)
                batch.Add(SmallModels.Tokens(configuration, 3 + (70 * i), (ulong)i));
            return batch;
        }

        public TokenBatch Branches(TokenBatch? batch = null)
        {
            batch ??= new TokenBatch();
            batch.Clear();
            batch.AddBranches(SmallModels.Tokens(configuration, 40), [SmallModels.Tokens(configuration, 6), SmallModels.Tokens(configuration, 9)]);
            batch.Add(SmallModels.Tokens(configuration, 7));
            return batch;
        }
    }
}
