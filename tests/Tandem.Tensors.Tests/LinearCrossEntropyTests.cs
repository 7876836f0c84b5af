namespace Tandem.Tensors.Tests;

public sealed unsafe class LinearCrossEntropyTests
{
    [Theory]
    [InlineData(1, 7, 5, 1)]
    [InlineData(0, 7, 5, 1)]
    [InlineData(300, 37, 20, 3)]
    [InlineData(257, 9001, 9, 1)] // several blocks of columns
    [InlineData(1100, 2051, 5, 3)] // of rows and of columns
    [InlineData(1500, 1023, 7, 2)] // of rows
    [InlineData(130, 17000, 3, 3)] // the fewest rows
    public void LinearCrossEntropy_AnySize_HasTheBitsOfBothOperations(int rows, int vocabulary, int width, int threads)
    {
        foreach (Use use in Enum.GetValues<Use>())
        {
            float[][] expected = Step(new Problem(rows, vocabulary, width, use), threads: 2, fuse: false);
            float[][] found = Step(new Problem(rows, vocabulary, width, use), threads, fuse: true);
            for (int part = 0; part < expected.Length; part++)
                Assert.Equal(expected[part].Select(BitConverter.SingleToInt32Bits), found[part].Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void LinearCrossEntropy_WithFrozenParts_HasTheBitsOfBothOperations(bool weight, bool input)
    {
        var problem = new Problem(600, 9001, 8, Use.Plain) { TrainsWeight = weight, InputWantsGradient = input };
        float[][] expected = Step(problem, 2, fuse: false), found = Step(problem, 2, fuse: true);
        Assert.Equal(expected, found);
        Assert.Equal(weight || input, found.Skip(1).Any(gradient => gradient.Any(g => g != 0)));
    }

    [Fact]
    public void LinearCrossEntropy_OfARowThatIsNotANumber_IsNotANumber()
    {
        var problem = new Problem(600, 9001, 8, Use.Plain);
        problem.Input[599 * 8] = float.NaN;
        float[][] expected = Step(problem, 2, fuse: false), found = Step(problem, 2, fuse: true);
        Assert.True(float.IsNaN(found[0][0]));
        Assert.Equal(expected, found);
        Assert.Contains(found[1], float.IsNaN);
        Assert.Contains(found[2], float.IsNaN);

        problem.Targets[599] = Tape.IgnoredTarget;
        Assert.True(float.IsFinite(Step(problem, 2, fuse: true)[0][0]));
    }

    [Fact]
    public void LinearCrossEntropy_InASteadyStep_AllocatesNothingAndHasNoMemoryForTheLogits()
    {
        const int Rows = 2000, Vocabulary = 4001, Width = 8;
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        var problem = new Problem(Rows, Vocabulary, Width, Use.Plain);
        using ParameterSet parameters = problem.NewParameters();
        for (int i = 0; i < 2; i++)
            problem.Run(tape, parameters, fuse: true);

        // The runtime may set something up once, at any time; what a step allocates shows in every window.
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            problem.Run(tape, parameters, fuse: true);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
        long logits = sizeof(float) * (long)Rows * Vocabulary;
        Assert.InRange(tape.Arena.Capacity + tape.ScratchCapacity, 1, logits * 2 / 5);
    }

    [Fact]
    public void LinearCrossEntropy_OfWrongShapes_IsRefused()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("w", 2, 3)]);
        tape.Begin(recording: true);
        Tensor x = tape.Input(new float[12], 4, 3), narrow = tape.Input(new float[8], 4, 2);
        Parameter w = parameters["w"];
        Assert.Throws<ArgumentException>(() => tape.LinearCrossEntropy(narrow, w, [0, 1, 0, 1], [], 1f));
        Assert.Throws<ArgumentException>(() => tape.LinearCrossEntropy(x, w, [0, 1, 0], [], 1f));
        Assert.Throws<ArgumentException>(() => tape.LinearCrossEntropy(x, w, [0, 1, 0, 1], [1f], 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.LinearCrossEntropy(x, w, [0, 1, 2, 1], [], 1f));
    }

    private static float[][] Step(Problem problem, int threads, bool fuse)
    {
        using var pool = new WorkerPool(threads);
        using var tape = new Tape(pool);
        using ParameterSet parameters = problem.NewParameters();
        (Tensor loss, Tensor x) = problem.Run(tape, parameters, fuse);
        return [loss.Values.ToArray(), x.Gradients.ToArray(), .. parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
    }

    private enum Use
    {
        /// <summary>The only loss, all weights 1.</summary>
        Plain,

        /// <summary>Weights, some 0, and a scaled loss.</summary>
        Weighted,

        /// <summary>Ignored targets, among them those of the first block if there are several.</summary>
        Ignored,

        /// <summary>The input has another loss, and the weight is the table that the input comes from.</summary>
        Tied,

        /// <summary>With label smoothing.</summary>
        Smoothed,

        /// <summary>Log-probabilities of sequences in place of one loss.</summary>
        Sequences,
    }

    private sealed class Problem
    {
        private readonly int _rows, _vocabulary, _width;
        private readonly Use _use;
        private readonly float[] _table, _weights;
        private readonly int[] _tokens;

        public Problem(int rows, int vocabulary, int width, Use use)
        {
            (_rows, _vocabulary, _width, _use) = (rows, vocabulary, width, use);
            var random = new RandomStream(5);
            Input = Draw(rows * width);
            _table = Draw(vocabulary * width);
            _tokens = [.. Enumerable.Range(0, rows).Select(_ => random.NextInt32(vocabulary))];
            _weights = use == Use.Weighted ? [.. Enumerable.Range(0, rows).Select(i => i % 5 * 0.3f)] : [];
            Targets = [.. Enumerable.Range(0, rows).Select(i => use >= Use.Ignored && (i % 7 == 3 || i < 1024 && _rows > 1024) ? Tape.IgnoredTarget : random.NextInt32(vocabulary))];

            float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
        }

        public float[] Input { get; }

        public int[] Targets { get; }

        public bool TrainsWeight { get; init; } = true;

        public bool InputWantsGradient { get; init; } = true;

        public ParameterSet NewParameters()
        {
            var parameters = new ParameterSet([new("table", _vocabulary, _width), new("sum", 1, Math.Max(_rows, 1) * _width)]);
            _table.CopyTo(parameters["table"].Tensor.Values);
            parameters["table"].IsTrainable = TrainsWeight;
            parameters["sum"].Tensor.Values.Fill(0.01f);
            parameters["sum"].IsTrainable = false;
            return parameters;
        }

        public (Tensor Loss, Tensor X) Run(Tape tape, ParameterSet parameters, bool fuse)
        {
            Parameter table = parameters["table"];
            tape.Begin(recording: true);
            parameters.ZeroGradients();
            Tensor x = _use == Use.Tied
                ? tape.Embedding(_tokens, table)
                : tape.Input(Input, _rows, _width, InputWantsGradient);
            float smoothing = _use == Use.Smoothed ? 0.1f : 0f;
            Tensor loss;
            if (_use == Use.Sequences)
            {
                int[] sequences = [.. Enumerable.Range(0, _rows).Select(i => i % 3)];
                Tensor sums = fuse
                    ? tape.LinearSequenceLogProbabilities(x, table, Targets, _weights, sequences, 3)
                    : tape.SequenceLogProbabilities(tape.Linear(x, table), Targets, _weights, sequences, 3); // [3, 1]
                loss = tape.SquaredError(sums, [1f, -2f, 3f], [], 100f);
            }
            else
            {
                loss = fuse
                    ? tape.LinearCrossEntropy(x, table, Targets, _weights, 3f, smoothing)
                    : tape.TokenCrossEntropy(tape.Linear(x, table), Targets, _weights, 3f, smoothing);
            }

            if (_use == Use.Weighted)
                loss = tape.Scale(loss, -0.37f);
            if (_use == Use.Tied && _rows > 0)
                loss = tape.Add(loss, tape.Linear(tape.Reshape(x, 1, x.Length), parameters["sum"]));
            tape.Backward(loss);
            return (loss, x);
        }
    }
}
