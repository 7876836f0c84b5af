namespace Tandem.Tensors.Tests;

public sealed unsafe class RecomputationTests
{
    private const int Rows = 900, Width = 24, Inner = 56, Layers = 3;

    public static TheoryData<string, int> Parts { get; } = new()
    {
        { nameof(Block), 1 }, { nameof(Block), 3 }, { nameof(Nested), 2 }, { nameof(Skip), 2 }, { nameof(Itself), 1 }, { nameof(Shared), 2 },
        { nameof(View), 1 },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public void Recompute_OfAPart_GivesTheBitsOfTheStepWithoutIt(string part, int threads)
    {
        using var network = new Network(part, threads);
        AssertSameBits(network.Step(recompute: false), network.Step(recompute: true));
    }

    [Theory]
    [InlineData("norm0")]
    [InlineData("out2")]
    public void Recompute_WithFrozenParameters_GivesTheBitsOfTheStepWithoutIt(string trained)
    {
        using var network = new Network(nameof(Block), 2) { InputWantsGradient = false };
        foreach (Parameter parameter in network.Parameters.All)
            parameter.IsTrainable = parameter.Name == trained;
        float[][] expected = network.Step(recompute: false);
        Assert.Contains(network.Parameters[trained].Tensor.Gradients.ToArray(), g => g != 0);
        AssertSameBits(expected, network.Step(recompute: true));
    }

    [Fact]
    public void Recompute_WhenAnotherPartTakesTheMemory_KeepsGradientsThatWereOnlyRemembered()
    {
        using var network = new Network(nameof(Block), 1);
        var (skip, block) = (new Skip(network.Parameters, 0), new Block(network.Parameters, 1));
        AssertSameBits(Branches(recompute: false), Branches(recompute: true));

        float[][] Branches(bool recompute)
        {
            Tape tape = network.Tape;
            tape.Begin(recording: true);
            Tensor x = Input(Width, 1), other = Input(Width, 2), side = Input(Inner, 3);
            Tensor first = recompute ? tape.Recompute(other, block) : block.Run(tape, other, null);
            Tensor second = recompute ? tape.Recompute(x, skip, &side) : skip.Run(tape, x, &side);
            int[] targets = new int[Rows];
            tape.Backward(tape.Add(tape.TokenCrossEntropy(first, targets, [], 1f), tape.TokenCrossEntropy(second, targets, [], 2f)));
            return [x.Gradients.ToArray(), other.Gradients.ToArray(), side.Gradients.ToArray()];

            Tensor Input(int columns, int seed) => tape.Input(
                [.. Enumerable.Range(0, Rows * columns).Select(i => MathF.Sin(seed * i))], Rows, columns, wantsGradient: true);
        }
    }

    [Fact]
    public void Recompute_OfWhichNothingIsTrainable_HasNoGradient()
    {
        using var network = new Network(nameof(Block), 1);
        foreach (Parameter parameter in network.Parameters.All)
            parameter.IsTrainable = false;
        network.Tape.Begin(recording: true);
        Tensor x = network.Tape.Input(new float[Rows * Width], Rows, Width);
        Tensor result = network.Tape.Recompute(x, new Block(network.Parameters, 0));
        Assert.True(result.Gradient == null);
        Tensor wanted = network.Tape.Input(new float[Rows * Width], Rows, Width, wantsGradient: true);
        Assert.True(network.Tape.Recompute(wanted, new Block(network.Parameters, 0)).Gradient != null);
    }

    [Fact]
    public void Recompute_WithoutRecording_GivesTheSameValuesInLessMemory()
    {
        using var recomputed = new Network(nameof(Block), 1) { Recording = false };
        using var plain = new Network(nameof(Block), 1) { Recording = false };
        for (int i = 0; i < 3; i++)
            AssertSameBits(plain.Step(recompute: false), recomputed.Step(recompute: true));
        Assert.InRange(recomputed.Tape.Arena.Capacity, 1, plain.Tape.Arena.Capacity - 1);
    }

    [Fact]
    public void Recompute_InASteadyStep_AllocatesNothing()
    {
        using var network = new Network(nameof(Nested), 1);
        for (int i = 0; i < 2; i++)
            network.Run(recompute: true);
        long capacity = network.Tape.Arena.Capacity;

        // The runtime may set something up once, at any time; what a step allocates shows in every window.
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            network.Run(recompute: true);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
        Assert.Equal(capacity, network.Tape.Arena.Capacity);
    }

    [Fact]
    public void Recompute_OfAPartThatChanges_IsRefused()
    {
        using var network = new Network(nameof(Block), 1);
        network.Tape.Begin(recording: true);
        Tensor x = network.Tape.Input(new float[Rows * Width], Rows, Width, wantsGradient: true);
        Tensor changed = network.Tape.Recompute(x, new Changing());
        Tensor loss = network.Tape.TokenCrossEntropy(changed, new int[changed.Rows], [], 1f);
        Assert.Throws<InvalidOperationException>(() => network.Tape.Backward(loss));
    }

    private static void AssertSameBits(float[][] expected, float[][] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i].Select(BitConverter.SingleToInt32Bits), found[i].Select(BitConverter.SingleToInt32Bits));
    }

    /// <summary>Layers of one kind with two losses, each with a backward pass of its own, the second twice.</summary>
    private sealed class Network : IDisposable
    {
        private readonly WorkerPool _pool;
        private readonly IRecomputed[] _layers;
        private readonly float[] _input, _side;
        private readonly int[] _targets = [.. Enumerable.Range(0, Rows).Select(i => i % Width)];

        public Network(string part, int threads)
        {
            _pool = new WorkerPool(threads);
            Tape = new Tape(_pool);
            Parameters = new ParameterSet(Enumerable.Range(0, Layers).SelectMany(i => new ParameterShape[]
            {
                new($"norm{i}", 1, Width, true), new($"in{i}", Inner, Width), new($"bias{i}", 1, Inner, true), new($"out{i}", Width, Inner),
            }));
            var random = new RandomStream(11);
            foreach (Parameter parameter in Parameters.All)
                Fill(parameter.Tensor.Values);
            Fill(_input = new float[Rows * Width]);
            Fill(_side = new float[Rows * Inner]);
            _layers = [.. Enumerable.Range(0, Layers).Select(NewPart)];

            void Fill(Span<float> values)
            {
                foreach (ref float value in values)
                    value = 0.4f * (float)random.NextGaussian();
            }

            IRecomputed NewPart(int layer) => part switch
            {
                nameof(Block) => new Block(Parameters, layer),
                nameof(Nested) => new Nested(new Block(Parameters, layer)),
                nameof(Skip) => new Skip(Parameters, layer),
                nameof(Shared) => new Shared(Parameters, layer),
                nameof(View) => new View(),
                _ => new Itself(),
            };
        }

        public Tape Tape { get; }

        public ParameterSet Parameters { get; }

        public bool Recording { get; init; } = true;

        public bool InputWantsGradient { get; init; } = true;

        /// <summary>Both losses, the gradients of the inputs and of the parameters.</summary>
        public float[][] Step(bool recompute)
        {
            (Tensor x, Tensor side, Tensor first, Tensor second) = Run(recompute);
            return
            [
                first.Values.ToArray(), second.Values.ToArray(), x.Gradients.ToArray(), side.Gradients.ToArray(),
                .. Parameters.All.Select(p => p.Tensor.Gradients.ToArray()),
            ];
        }

        public (Tensor X, Tensor Side, Tensor First, Tensor Second) Run(bool recompute)
        {
            Tape.Begin(Recording);
            Parameters.ZeroGradients();
            Tensor x = Tape.Input(_input, Rows, Width, InputWantsGradient), first = default, y = x;
            Tensor side = Tape.Input(_side, Rows, Inner, InputWantsGradient);
            foreach (IRecomputed layer in _layers)
            {
                y = recompute ? Tape.Recompute(y, layer, &side) : layer.Run(Tape, y, &side);
                if (layer == _layers[0])
                {
                    first = Tape.TokenCrossEntropy(Tape.Reshape(y, Rows, Width), _targets, [], Rows);
                    Tape.Backward(first);
                }
            }

            Tensor second = Tape.TokenCrossEntropy(Tape.Reshape(y, Rows, Width), _targets, [], 3f);
            Tape.Backward(second);
            Tape.Backward(second, scale: 0.5f);
            Tape.Backward(Tape.Add(first, second));
            return (x, side, first, second);
        }

        public void Dispose()
        {
            Tape.Dispose();
            Parameters.Dispose();
            _pool.Dispose();
        }
    }

    /// <summary>x + (norm(x)·inᵀ + bias)·outᵀ.</summary>
    private sealed class Block(ParameterSet p, int layer) : IRecomputed
    {
        private readonly Parameter _norm = p[$"norm{layer}"], _in = p[$"in{layer}"], _bias = p[$"bias{layer}"], _out = p[$"out{layer}"];

        public Tensor Run(Tape tape, Tensor x, void* state) =>
            tape.AddLinear(x, tape.Linear(tape.RmsNorm(x, _norm, 1e-5f), _in, _bias), _out);
    }

    /// <summary>A part within a part, twice.</summary>
    private sealed class Nested(Block block) : IRecomputed
    {
        public Tensor Run(Tape tape, Tensor x, void* state) =>
            tape.Scale(tape.Recompute(tape.Recompute(x, block), block), 0.5f);
    }

    /// <summary>x + side·outᵀ: the gradient of x is at first only remembered.</summary>
    private sealed class Skip(ParameterSet p, int layer) : IRecomputed
    {
        private readonly Parameter _out = p[$"out{layer}"];

        public Tensor Run(Tape tape, Tensor x, void* state) => tape.AddLinear(x, *(Tensor*)state, _out);
    }

    /// <summary>Reads x twice and a tensor from outside, whose gradient comes from all layers.</summary>
    private sealed class Shared(ParameterSet p, int layer) : IRecomputed
    {
        private readonly Parameter _in = p[$"in{layer}"], _out = p[$"out{layer}"];

        public Tensor Run(Tape tape, Tensor x, void* state) =>
            tape.AddLinear(tape.Scale(x, 0.3f), tape.Add(*(Tensor*)state, tape.Linear(x, _in)), _out);
    }

    /// <summary>x as it is.</summary>
    private sealed class Itself : IRecomputed
    {
        public Tensor Run(Tape tape, Tensor x, void* state) => x;
    }

    /// <summary>x as a single row, scaled.</summary>
    private sealed class View : IRecomputed
    {
        public Tensor Run(Tape tape, Tensor x, void* state) => tape.Reshape(tape.Scale(tape.Reshape(x, Width, Rows), 2f), 1, Rows * Width);
    }

    /// <summary>One row less each time.</summary>
    private sealed class Changing : IRecomputed
    {
        private int _rows = Rows;

        public Tensor Run(Tape tape, Tensor x, void* state) => tape.GatherRows(x, new int[--_rows]);
    }
}
