namespace Tandem.Tensors.Tests;

public sealed unsafe class TapeTests
{
    [Fact]
    public void Step_AfterTheFirst_AllocatesNothing()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using ParameterSet parameters = LargeStep.NewParameters();
        for (int i = 0; i < 2; i++)
            LargeStep.Step(tape, parameters);
        long capacity = tape.Arena.Capacity;
        // The runtime may set something up once, at any time; what a step allocates shows in every window.
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            LargeStep.Step(tape, parameters);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
        Assert.Equal(capacity, tape.Arena.Capacity);
    }

    [Fact]
    public void Inference_WithoutRecording_GivesTheSameLossAndNoGradientMemory()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using ParameterSet parameters = LargeStep.NewParameters();
        float recorded = LargeStep.Step(tape, parameters).Values[0];
        using var inference = new Tape(pool);
        LargeStep.Step(inference, parameters, recording: false);
        Tensor loss = LargeStep.Step(inference, parameters, recording: false);
        Assert.Equal(recorded, loss.Values[0]);
        Assert.True(loss.Gradient == null);
        Assert.True(inference.Arena.Capacity < tape.Arena.Capacity * 3 / 4);
        inference.Backward(loss);
        Assert.All(parameters.All, p => Assert.DoesNotContain(p.Tensor.Gradients.ToArray(), g => g != 0f));
    }

    [Fact]
    public void Backward_Twice_AddsParameterGradientsAndReplacesTensorGradients()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("w", 1, 3)]);
        tape.Begin(recording: true);
        Tensor x = tape.Input([1f, 2f, 3f], 1, 3, wantsGradient: true);
        parameters["w"].Tensor.Values.Fill(2f);
        Tensor loss = tape.Linear(x, parameters["w"]);
        tape.Backward(loss);
        tape.Backward(loss, scale: 3f);
        Assert.Equal([6f, 6f, 6f], x.Gradients.ToArray());
        Assert.Equal([4f, 8f, 12f], parameters["w"].Tensor.Gradients.ToArray());
    }

    [Fact]
    public void AddLinear_InPlaceOfLinearAndAdd_GivesTheSameBits()
    {
        const int rows = 300, width = 48, inner = 270;
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("norm", 1, width, true), new("in", inner, width), new("out", width, inner)]);
        var random = new RandomStream(9);
        foreach (Parameter parameter in parameters.All)
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = (float)random.NextGaussian();
        }

        float[] input = [.. Enumerable.Range(0, rows * width).Select(_ => (float)random.NextGaussian())];
        float[][] fused = Run(true), separate = Run(false);
        for (int part = 0; part < fused.Length; part++)
            Assert.Equal(separate[part].Select(BitConverter.SingleToInt32Bits), fused[part].Select(BitConverter.SingleToInt32Bits));

        float[][] Run(bool fuse)
        {
            tape.Begin(recording: true);
            Tensor x = tape.Input(input, rows, width, wantsGradient: true), first = x;
            for (int layer = 0; layer < 2; layer++)
            {
                Tensor y = tape.Linear(tape.RmsNorm(x, parameters["norm"], 1e-5f), parameters["in"]);
                x = fuse ? tape.AddLinear(x, y, parameters["out"]) : tape.Add(x, tape.Linear(y, parameters["out"]));
            }

            int[] targets = [.. Enumerable.Range(0, rows).Select(i => i % width)];
            parameters.ZeroGradients();
            tape.Backward(tape.TokenCrossEntropy(x, targets, default, rows));
            return
            [
                x.Values.ToArray(), x.Gradients.ToArray(), first.Gradients.ToArray(),
                .. parameters.All.Select(p => p.Tensor.Gradients.ToArray()),
            ];
        }
    }

    [Fact]
    public void Backward_OfFrozenParameters_LeavesTheirGradientsAlone()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using ParameterSet parameters = LargeStep.NewParameters();
        foreach (Parameter parameter in parameters.All)
            parameter.IsTrainable = parameter.Name == "score";
        LargeStep.Step(tape, parameters);
        Assert.All(
            parameters.All.Where(p => !p.IsTrainable), p => Assert.DoesNotContain(p.Tensor.Gradients.ToArray(), g => g != 0f));
        Assert.Contains(parameters["score"].Tensor.Gradients.ToArray(), g => g != 0f);
    }

    [Fact]
    public void LogProbabilities_OfLogits_AreThoseOfTheReference()
    {
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        tape.Begin(recording: false);
        float[] values = [1f, -2f, 0.5f, 100f, 0f, -100f, 3f, 3f, 3f];
        Tensor logits = tape.Input(values, 3, 3);
        var found = new float[3];
        tape.LogProbabilities(logits, [0, 1, 2], [2, 1, Tape.IgnoredTarget], found);
        Assert.Equal(Math.Log(OperationReferences.Softmax([1, -2, 0.5])[2]), found[0], 1e-6);
        Assert.Equal(-100.0, found[1], 1e-5);
        Assert.Equal(0f, found[2]);
    }

    [Fact]
    public void Operations_OfWrongShapes_AreRefused()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("w", 2, 3), new("b", 1, 3)]);
        Parameter w = parameters["w"];
        tape.Begin(recording: true);
        Tensor x = tape.Input(new float[12], 3, 4, wantsGradient: true);
        Assert.Throws<ArgumentException>(() => tape.Linear(x, w));
        Assert.Throws<ArgumentException>(() => tape.AddLinear(x, x, w));
        Assert.Throws<ArgumentException>(() => tape.AddLinear(x, tape.Input(new float[9], 3, 3), w));
        Assert.Throws<ArgumentException>(() => tape.RmsNorm(x, parameters["b"], 1e-6f));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.Embedding([0, 2], w));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.Embedding([-1], w));
        Assert.Throws<ArgumentException>(() => tape.Reshape(x, 5, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.GatherRows(x, [3]));
        Assert.Throws<ArgumentException>(() => tape.Attention(x, x, x, [0, 2], 1, 1));
        Assert.Throws<ArgumentException>(() => tape.Attention(x, x, x, [0, 3], 3, 2));
        Assert.Throws<ArgumentException>(() => tape.Attention(x, x, x, [0, 3], 1, 1, positions: [0]));
        foreach (int[] positions in (int[][])[[1, 2, 3], [0, 2, 1], [0, 1, -1]])
            Assert.Throws<ArgumentOutOfRangeException>(() => tape.Attention(x, x, x, [0, 3], 1, 1, positions: positions));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.TokenCrossEntropy(x, [0, 1, 4], [], 1f));
        Assert.Throws<ArgumentException>(() => tape.TokenCrossEntropy(x, [0, 1, 2], [1f], 1f));
        Assert.Throws<ArgumentException>(() => tape.Backward(x));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RotaryTable(5, 4, 10f));

        using var rotation = new RotaryTable(4, 8, 10f);
        Assert.Throws<ArgumentException>(() => tape.Attention(x, x, x, [0, 3], 2, 2, rotation, [0, 1, 2]));
        Assert.Throws<ArgumentException>(() => tape.Attention(x, x, x, [0, 3], 1, 1, rotation, [0, 1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.Attention(x, x, x, [0, 3], 1, 1, rotation, [0, 1, 8]));
        Assert.Throws<ArgumentException>(() => rotation.Turn(tape.Input(new float[9], 3, 3), [0, 1, 2]));
        Tensor narrow = tape.Input(new float[9], 3, 3, wantsGradient: true);
        Parameter norm = parameters["b"];
        Assert.Throws<ArgumentException>(() => tape.QueryKeyValue(narrow, norm, 1e-6f, w, norm, w, null, w, null));
        Assert.Throws<ArgumentException>(() => tape.QueryKeyValue(narrow, w, 1e-6f, w, null, w, null, w, null));
        Assert.Throws<ArgumentException>(() => tape.QueryKeyValue(x, norm, 1e-6f, w, null, w, null, w, null));
        Assert.Throws<ArgumentException>(() => tape.FeedForward(narrow, w, 1e-6f, w, w, w));
        Assert.Throws<ArgumentException>(() => tape.FeedForward(narrow, norm, 1e-6f, w, norm, w));
        Assert.Throws<ArgumentException>(() => tape.FeedForward(narrow, norm, 1e-6f, w, w, w));
    }

    [Fact]
    public void Turn_OfRows_IsTheReference()
    {
        int[] positions = [3, 0, 11];
        float[] values = [.. Enumerable.Range(0, 3 * 2 * 18).Select(i => (float)Math.Sin(i))];
        double[] expected = OperationReferences.Rotary(Array.ConvertAll(values, v => (double)v), positions, 2, 18, 100);
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        tape.Begin(recording: false);
        Tensor x = tape.Input(values, 3, 36);
        using var table = new RotaryTable(18, 12, 100f);
        table.Turn(x, positions);
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(expected[i], x.Values[i], 1e-5);
    }

    [Fact]
    public void Backward_WithOneParameterFrozen_LeavesTheOthersTheSameBits()
    {
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        using ParameterSet parameters = LargeStep.NewParameters();
        LargeStep.Step(tape, parameters);
        float[][] all = [.. parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
        foreach (Parameter frozen in parameters.All)
        {
            frozen.IsTrainable = false;
            LargeStep.Step(tape, parameters);
            foreach (var (parameter, expected) in parameters.All.Zip(all))
                Assert.Equal(parameter == frozen ? new float[expected.Length] : expected, parameter.Tensor.Gradients.ToArray());
            frozen.IsTrainable = true;
        }
    }

    [Fact]
    public void FeedForward_OfWhichOnlyTheDownProjectionIsTrained_HasItsGradient()
    {
        using var pool = new WorkerPool(1);
        using var tape = new Tape(pool);
        using var parameters = new ParameterSet([new("norm", 1, 3), new("gate", 5, 3), new("up", 5, 3), new("down", 3, 5), new("sum", 1, 210)]);
        foreach (Parameter parameter in parameters.All)
        {
            for (int i = 0; i < parameter.Tensor.Length; i++)
                parameter.Tensor.Values[i] = MathF.Cos(i);
        }

        float[] trained = Gradient();
        foreach (string name in (string[])["norm", "gate", "up", "sum"])
            parameters[name].IsTrainable = false;
        Assert.Equal(trained, Gradient());
        Assert.Contains(trained, g => g != 0);

        float[] Gradient()
        {
            tape.Begin(recording: true);
            parameters.ZeroGradients();
            Tensor x = tape.Input([.. Enumerable.Range(0, 210).Select(i => MathF.Sin(i))], 70, 3);
            Tensor y = tape.FeedForward(x, parameters["norm"], 1e-6f, parameters["gate"], parameters["up"], parameters["down"]);
            tape.Backward(tape.Linear(tape.Reshape(y, 1, 210), parameters["sum"]));
            return parameters["down"].Tensor.Gradients.ToArray();
        }
    }

    [Fact]
    public void Attention_ThatKeepsExponentials_HasTheGradientsOfOneThatRecomputesThem()
    {
        // Exponentials are kept of 256 tokens but not of 257, and no gradient comes from a last token that no loss sees.
        float[][] kept = Gradients(256), recomputed = Gradients(257);
        foreach (var (expected, found) in kept.Zip(recomputed))
        {
            Assert.Contains(expected, g => g != 0);
            Assert.Equal(expected, found[..expected.Length]);
        }

        static float[][] Gradients(int tokens)
        {
            using var pool = new WorkerPool(2);
            using var tape = new Tape(pool);
            using var parameters = new ParameterSet([new("sum", 1, 256 * 8)]);
            parameters["sum"].IsTrainable = false;
            for (int i = 0; i < parameters["sum"].Tensor.Length; i++)
                parameters["sum"].Tensor.Values[i] = MathF.Cos(i);
            tape.Begin(recording: true);
            Tensor q = Input(tape, tokens, 8, 1), k = Input(tape, tokens, 4, 2), v = Input(tape, tokens, 4, 3);
            Tensor attended = tape.Attention(q, k, v, [0, tokens], 2, 1);
            Tensor seen = tape.GatherRows(attended, [.. Enumerable.Range(0, 256)]);
            tape.Backward(tape.Linear(tape.Reshape(seen, 1, 256 * 8), parameters["sum"]));
            return [q.Gradients.ToArray(), k.Gradients.ToArray(), v.Gradients.ToArray()];
        }

        static Tensor Input(Tape tape, int rows, int columns, int seed) => tape.Input(
            [.. Enumerable.Range(0, rows * columns).Select(i => MathF.Sin(seed * (i + 1)))], rows, columns, wantsGradient: true);
    }

    [Theory]
    [InlineData(5, 3, 4)]
    [InlineData(1, 1, 0)]
    [InlineData(130, 70, 40)] // kept exponentials
    [InlineData(240, 33, 20)] // recomputed ones
    public void Attention_OfBranches_IsThatOfSequencesOfTheirOwn(int beginning, int first, int second)
    {
        const int Queries = 8, Keys = 4;
        int rows = beginning + first + second;
        int[] one = [.. Enumerable.Range(0, beginning + first)];
        int[] other = [.. Enumerable.Range(0, beginning), .. Enumerable.Range(beginning + first, second)];
        int[] positions = [.. Enumerable.Range(0, beginning + first), .. Enumerable.Range(beginning, second)];
        float[] q = Values(rows * Queries, 1), k = Values(rows * Keys, 2), v = Values(rows * Keys, 3), sum = Values(rows * Queries, 4);
        // The beginning's outputs count once for each sequence that has it.
        double[][] expected = [new double[rows * Queries], new double[rows * Queries], new double[rows * Keys], new double[rows * Keys]];
        foreach (int[] sequence in (int[][])[one, other])
        {
            float[][] own = Attend(Rows(q, Queries), Rows(k, Keys), Rows(v, Keys), Rows(sum, Queries), []);
            for (int part = 0; part < 4; part++)
            {
                int columns = own[part].Length / sequence.Length;
                for (int i = 0; i < own[part].Length; i++)
                    expected[part][(sequence[i / columns] * columns) + (i % columns)] += own[part][i];
            }

            float[] Rows(float[] all, int columns) => [.. sequence.SelectMany(row => all[(row * columns)..((row + 1) * columns)])];
        }

        float[] twice = [.. sum.Select((s, i) => i < beginning * Queries ? 2 * s : s)];
        float[][] found = Attend(q, k, v, twice, positions);
        for (int i = 0; i < beginning * Queries; i++)
            expected[0][i] /= 2;
        for (int part = 0; part < 4; part++)
        {
            for (int i = 0; i < found[part].Length; i++)
                Assert.Equal(expected[part][i], found[part][i], 2e-5);
        }

        float[][] Attend(float[] q, float[] k, float[] v, float[] sum, int[] positions)
        {
            using var pool = new WorkerPool(2);
            using var tape = new Tape(pool);
            using var parameters = new ParameterSet([new("sum", 1, sum.Length)]);
            parameters["sum"].IsTrainable = false;
            sum.CopyTo(parameters["sum"].Tensor.Values);
            tape.Begin(recording: true);
            Tensor[] x = [Input(q, Queries), Input(k, Keys), Input(v, Keys)];
            Tensor attended = tape.Attention(x[0], x[1], x[2], [0, q.Length / Queries], 2, 1, positions: positions);
            tape.Backward(tape.Linear(tape.Reshape(attended, 1, sum.Length), parameters["sum"]));
            return [attended.Values.ToArray(), .. x.Select(t => t.Gradients.ToArray())];

            Tensor Input(float[] values, int columns) => tape.Input(values, values.Length / columns, columns, wantsGradient: true);
        }

        static float[] Values(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin(seed * (i + 1)))];
    }

    [Fact]
    public void Backward_OfAStepTwice_AddsTheSameGradientsAgain()
    {
        using var pool = new WorkerPool(2);
        using var tape = new Tape(pool);
        using ParameterSet parameters = LargeStep.NewParameters();
        Tensor loss = LargeStep.Step(tape, parameters);
        float[][] once = [.. parameters.All.Select(p => p.Tensor.Gradients.ToArray())];
        tape.Backward(loss);
        foreach (var (parameter, first) in parameters.All.Zip(once))
        {
            double largest = first.Max(Math.Abs);
            for (int i = 0; i < first.Length; i++)
                Assert.Equal(2 * first[i], parameter.Tensor.Gradients[i], largest * 1e-5);
        }
    }
}
