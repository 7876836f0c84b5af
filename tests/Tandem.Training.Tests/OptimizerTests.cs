using Tandem.Tensors;
using Tandem.Training.Optimization;

namespace Tandem.Training.Tests;

public class OptimizerTests
{
    private static readonly ParameterShape[] Shapes =
    [
        new("model.embed_tokens.weight", 9, 7),
        new("model.layers.0.self_attn.q_proj.weight", 12, 5),
        new("model.layers.0.mlp.down_proj.weight", 6, 11),
        new("model.layers.0.mlp.up_proj.weight", 8, 8),
        new("model.norm.weight", 1, 13, IsVector: true),
        new("score.weight", 3, 7),
    ];

    [Fact]
    public void AdamW_SeveralSteps_AgreesWithDoublePrecision()
    {
        var configuration = new OptimizerConfiguration { LearningRate = 3e-3, HeadLearningRate = 1e-2, WeightDecay = 0.1 };
        using var pool = new WorkerPool(2);
        using ParameterSet parameters = Filled(1);
        using IOptimizer optimizer = configuration.Create(parameters, pool);
        var reference = Shapes.Select((_, i) => new ScalarAdamW(parameters.All[i].Tensor.Values)).ToArray();
        for (int step = 0; step < 7; step++)
        {
            double scale = 1.0 / (1 + step);
            FillGradients(parameters, (ulong)step);
            optimizer.Step(scale, 0.5f);
            for (int i = 0; i < Shapes.Length; i++)
            {
                double rate = (Shapes[i].Name == "score.weight" ? 1e-2 : 3e-3) * scale;
                reference[i].Step(parameters.All[i].Tensor.Gradients, 0.5, rate, Shapes[i].IsVector ? 0 : 0.1);
            }
        }

        for (int i = 0; i < Shapes.Length; i++)
            AssertClose(reference[i].Values, parameters.All[i].Tensor.Values, 2e-6);
    }

    [Fact]
    public void Muon_SeveralSteps_AgreesWithDoublePrecisionOnMatricesAndAdamWOnTheRest()
    {
        var configuration = new OptimizerConfiguration { LearningRate = 3e-3, MuonLearningRate = 0.02, WeightDecay = 0.01 };
        using var pool = new WorkerPool(2);
        using ParameterSet parameters = Filled(2);
        using IOptimizer optimizer = configuration.Create(parameters, pool);
        var adamW = Shapes.Select((_, i) => new ScalarAdamW(parameters.All[i].Tensor.Values)).ToArray();
        var muon = Shapes.Select((s, i) => new ScalarMuon(parameters.All[i].Tensor.Values, s.Rows, s.Columns)).ToArray();
        for (int step = 0; step < 5; step++)
        {
            FillGradients(parameters, (ulong)step);
            optimizer.Step(0.7, 0.25f);
            for (int i = 0; i < Shapes.Length; i++)
            {
                Span<float> gradients = parameters.All[i].Tensor.Gradients;
                adamW[i].Step(gradients, 0.25, 3e-3 * 0.7, Shapes[i].IsVector ? 0 : 0.01);
                muon[i].Step(gradients, 0.25, 0.02 * 0.7, 0.01);
            }
        }

        for (int i = 0; i < Shapes.Length; i++)
        {
            bool hidden = Shapes[i].Name.StartsWith("model.layers.", StringComparison.Ordinal);
            AssertClose(hidden ? muon[i].Values : adamW[i].Values, parameters.All[i].Tensor.Values, hidden ? 1e-4 : 2e-6);
        }
    }

    [Fact]
    public void Muon_OneStep_MovesEverySingularDirectionAlike()
    {
        // The update is nearly orthogonal: UᵀU is within [0.4, 1.6] of the identity's diagonal for a well-conditioned gradient.
        using var pool = new WorkerPool(1);
        using var parameters = new ParameterSet([new ParameterShape("model.layers.0.mlp.up_proj.weight", 32, 8)]);
        using IOptimizer optimizer = new OptimizerConfiguration { MuonLearningRate = 1 }.Create(parameters, pool);
        FillGradients(parameters, 3);
        optimizer.Step(1);
        Tensor weight = parameters.All[0].Tensor;
        for (int column = 0; column < 8; column++)
        {
            double squared = 0;
            for (int row = 0; row < 32; row++)
                squared += weight.Row(row)[column] * weight.Row(row)[column];
            Assert.InRange(squared / 4, 0.4, 1.6); // The scale √(32 / 8) squared.
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.02)]
    public void Step_OneTwoOrThreeThreads_SameBits(double muonRate)
    {
        float[]? first = null;
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new WorkerPool(threads);
            using var parameters = new ParameterSet(
            [
                new("model.embed_tokens.weight", 500, 64),
                new("model.layers.0.mlp.up_proj.weight", 160, 64),
            ]);
            using IOptimizer optimizer = new OptimizerConfiguration { MuonLearningRate = muonRate }.Create(parameters, pool);
            using var norm = new GradientNorm(parameters, pool);
            for (int step = 0; step < 3; step++)
            {
                FillGradients(parameters, (ulong)step);
                optimizer.Step(1, GradientNorm.ClippingFactor(norm.Compute(), 1));
            }

            float[] values = [.. parameters.All.SelectMany(p => p.Tensor.Values.ToArray())];
            first ??= values;
            Assert.Equal(first, values);
        }
    }

    [Fact]
    public void Step_FrozenParameter_IsNotChanged()
    {
        using var pool = new WorkerPool(1);
        using ParameterSet parameters = Filled(4);
        foreach (Parameter parameter in parameters.All)
            parameter.IsTrainable = parameter.Name == "score.weight";
        float[][] before = [.. parameters.All.Select(p => p.Tensor.Values.ToArray())];
        using IOptimizer optimizer = new OptimizerConfiguration { MuonLearningRate = 0.1, WeightDecay = 0.1 }.Create(parameters, pool);
        FillGradients(parameters, 1);
        optimizer.Step(1);
        for (int i = 0; i < Shapes.Length; i++)
            Assert.Equal(Shapes[i].Name != "score.weight", before[i].AsSpan().SequenceEqual(parameters.All[i].Tensor.Values));
    }

    [Fact]
    public void GradientNorm_KnownGradients_IsTheEuclideanNorm()
    {
        using var pool = new WorkerPool(2);
        using var parameters = new ParameterSet([new("a", 100, 100), new("b", 1, 3, IsVector: true)]);
        FillGradients(parameters, 1);
        double expected = Math.Sqrt(parameters.All.Sum(p => p.Tensor.Gradients.ToArray().Sum(g => (double)g * g)));
        using var norm = new GradientNorm(parameters, pool);
        Assert.Equal(expected, norm.Compute(), expected * 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.02)]
    public void Step_NotANumberInAGradient_ReachesWhatItsParameterUpdatesWithItAndNothingElse(double muonRate)
    {
        using var pool = new WorkerPool(2);
        for (int spoiled = 0; spoiled < Shapes.Length; spoiled++)
        {
            float[][] expected = Step(-1);
            float[][] found = Step(spoiled);
            int place = Shapes[spoiled].Columns - 1;
            for (int i = 0; i < Shapes.Length; i++)
            {
                bool whole = muonRate > 0 && i == spoiled && Shapes[i].Name.StartsWith("model.layers.", StringComparison.Ordinal);
                for (int j = 0; j < found[i].Length; j++)
                {
                    if (whole || (i == spoiled && j == place))
                        Assert.True(float.IsNaN(found[i][j]));
                    else
                        Assert.Equal(expected[i][j], found[i][j]);
                }
            }
        }

        float[][] Step(int spoiled)
        {
            using ParameterSet parameters = Filled(1);
            using IOptimizer optimizer = new OptimizerConfiguration { MuonLearningRate = muonRate }.Create(parameters, pool);
            FillGradients(parameters, 1);
            if (spoiled >= 0)
                parameters.All[spoiled].Tensor.Gradients[Shapes[spoiled].Columns - 1] = float.NaN;
            optimizer.Step(1);
            return [.. parameters.All.Select(p => p.Tensor.Values.ToArray())];
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void GradientNorm_NotFiniteGradientAnywhere_IsNotFinite(float value)
    {
        using var pool = new WorkerPool(2);
        using var parameters = new ParameterSet([new("a", 100, 83), new("b", 1, 3, IsVector: true)]);
        using var norm = new GradientNorm(parameters, pool);
        FillGradients(parameters, 1);
        Assert.True(double.IsFinite(norm.Compute()));
        foreach (Parameter parameter in parameters.All)
        {
            for (int place = 0; place < parameter.Tensor.Length; place += 1 + (parameter.Tensor.Length / 50))
            {
                float original = parameter.Tensor.Gradients[place];
                parameter.Tensor.Gradients[place] = value;
                Assert.False(double.IsFinite(norm.Compute()));
                parameter.Tensor.Gradients[place] = original;
            }
        }
    }

    [Theory]
    [InlineData(0.5, 1, 1)]
    [InlineData(4, 1, 0.25)]
    [InlineData(4, 0, 1)]
    public void ClippingFactor_Norm_ScalesDownToTheMaximumOnly(double norm, double maximum, double expected) =>
        Assert.Equal(expected, GradientNorm.ClippingFactor(norm, maximum), 1e-6);

    [Theory]
    [InlineData(-1, 0.9)]
    [InlineData(double.NaN, 0.9)]
    [InlineData(1e-3, 1.0)]
    public void Create_ValueOutOfRange_NamesValueAndRange(double rate, double beta)
    {
        using var pool = new WorkerPool(1);
        using ParameterSet parameters = Filled(1);
        var configuration = new OptimizerConfiguration { LearningRate = rate, Beta1 = beta };
        var fault = Assert.Throws<UserFaultException>(() => configuration.Create(parameters, pool));
        Assert.Equal(FaultKind.Usage, fault.Kind);
        Assert.Contains("must be", fault.Message, StringComparison.Ordinal);
    }

    private static ParameterSet Filled(ulong seed)
    {
        var parameters = new ParameterSet(Shapes);
        var random = new RandomStream(seed);
        foreach (Parameter parameter in parameters.All)
        {
            foreach (ref float value in parameter.Tensor.Values)
                value = (float)random.NextGaussian();
        }

        return parameters;
    }

    private static void FillGradients(ParameterSet parameters, ulong step)
    {
        var random = new RandomStream(100).Fork("gradients", step);
        foreach (Parameter parameter in parameters.All)
        {
            foreach (ref float value in parameter.Tensor.Gradients)
                value = (float)random.NextGaussian();
        }
    }

    private static void AssertClose(double[] expected, ReadOnlySpan<float> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i])), $"element {i}: {expected[i]} and {actual[i]}");
    }
}

/// <summary>AdamW as published, one number at a time, in double.</summary>
internal sealed class ScalarAdamW
{
    private readonly double[] _first;
    private readonly double[] _second;
    private int _steps;

    public ScalarAdamW(ReadOnlySpan<float> values)
    {
        Values = [.. values.ToArray().Select(v => (double)v)];
        _first = new double[Values.Length];
        _second = new double[Values.Length];
    }

    public double[] Values { get; }

    public void Step(ReadOnlySpan<float> gradients, double gradientScale, double rate, double decay)
    {
        _steps++;
        for (int i = 0; i < Values.Length; i++)
        {
            double g = gradients[i] * gradientScale;
            _first[i] = (0.9 * _first[i]) + (0.1 * g);
            _second[i] = (0.95 * _second[i]) + (0.05 * g * g);
            double m = _first[i] / (1 - Math.Pow(0.9, _steps));
            double v = _second[i] / (1 - Math.Pow(0.95, _steps));
            Values[i] -= rate * decay * Values[i];
            Values[i] -= rate * m / (Math.Sqrt(v) + 1e-8);
        }
    }
}

/// <summary>Muon as published, with an explicit transpose for tall matrices, in double.</summary>
internal sealed class ScalarMuon
{
    private readonly int _rows;
    private readonly int _columns;
    private readonly double[] _momentum;

    public ScalarMuon(ReadOnlySpan<float> values, int rows, int columns)
    {
        (_rows, _columns) = (rows, columns);
        Values = [.. values.ToArray().Select(v => (double)v)];
        _momentum = new double[Values.Length];
    }

    public double[] Values { get; }

    public void Step(ReadOnlySpan<float> gradients, double gradientScale, double rate, double decay)
    {
        var update = new double[_rows, _columns];
        double squared = 0;
        for (int i = 0; i < Values.Length; i++)
        {
            double g = gradients[i] * gradientScale;
            _momentum[i] += (g - _momentum[i]) * (1 - 0.95);
            double nesterov = (g * (1 - 0.95)) + (_momentum[i] * 0.95);
            update[i / _columns, i % _columns] = nesterov;
            squared += nesterov * nesterov;
        }

        bool tall = _rows > _columns;
        double[,] x = tall ? Transpose(update) : update;
        double norm = Math.Sqrt(squared) + 1e-7;
        for (int i = 0; i < x.GetLength(0); i++)
        {
            for (int j = 0; j < x.GetLength(1); j++)
                x[i, j] /= norm;
        }

        for (int iteration = 0; iteration < 5; iteration++)
        {
            double[,] gram = Multiply(x, Transpose(x));
            double[,] square = Multiply(gram, gram);
            int side = gram.GetLength(0);
            var polynomial = new double[side, side];
            for (int i = 0; i < side; i++)
            {
                for (int j = 0; j < side; j++)
                    polynomial[i, j] = (-4.7750 * gram[i, j]) + (2.0315 * square[i, j]);
            }

            double[,] next = Multiply(polynomial, x);
            for (int i = 0; i < next.GetLength(0); i++)
            {
                for (int j = 0; j < next.GetLength(1); j++)
                    next[i, j] += 3.4445 * x[i, j];
            }

            x = next;
        }

        if (tall)
            x = Transpose(x);
        double scale = Math.Sqrt(Math.Max(1, (double)_rows / _columns));
        for (int i = 0; i < Values.Length; i++)
            Values[i] = (Values[i] * (1 - (rate * decay))) - (rate * scale * x[i / _columns, i % _columns]);
    }

    private static double[,] Transpose(double[,] a)
    {
        var result = new double[a.GetLength(1), a.GetLength(0)];
        for (int i = 0; i < a.GetLength(0); i++)
        {
            for (int j = 0; j < a.GetLength(1); j++)
                result[j, i] = a[i, j];
        }

        return result;
    }

    private static double[,] Multiply(double[,] a, double[,] b)
    {
        var result = new double[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
        {
            for (int j = 0; j < b.GetLength(1); j++)
            {
                for (int k = 0; k < a.GetLength(1); k++)
                    result[i, j] += a[i, k] * b[k, j];
            }
        }

        return result;
    }
}
