using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Training.Optimization;

/// <summary>
/// Muon (Jordan 2024, <c>github.com/KellerJordan/Muon</c>) for hidden matrices: Nesterov momentum, made nearly
/// orthogonal by a quintic Newton–Schulz iteration in fp32, and scaled by √max(1, rows / columns).
/// The other parameters are trained by <see cref="AdamW"/>.
/// </summary>
public sealed unsafe class Muon : IOptimizer
{
    // The coefficients of p(x) = ax + bx³ + cx⁵ with the steepest slope at 0 that keeps singular values near 1.
    private const float A = 3.4445f;
    private const float B = -4.7750f;
    private const float C = 2.0315f;

    private readonly OptimizerConfiguration _configuration;
    private readonly ParameterSet _parameters;
    private readonly WorkerPool _pool;
    private readonly AdamW _rest;
    private readonly Parameter[] _matrices;
    private readonly long _matrixRoom;
    private readonly long _squareRoom;
    private float* _scratch;

    /// <summary>Creates an optimizer, with zero state, of the parameters that are trainable now.</summary>
    public Muon(OptimizerConfiguration configuration, ParameterSet parameters, WorkerPool pool)
    {
        (_configuration, _parameters, _pool) = (configuration, parameters, pool);
        _rest = new AdamW(configuration, parameters, pool, static p => !OptimizerConfiguration.IsHiddenMatrix(p));
        _matrices = [.. parameters.All.Where(p => p.IsTrainable && OptimizerConfiguration.IsHiddenMatrix(p))];
        foreach (Parameter matrix in _matrices)
        {
            long side = Math.Min(matrix.Tensor.Rows, matrix.Tensor.Columns);
            _matrixRoom = Math.Max(_matrixRoom, (matrix.Tensor.Length + 15L) / 16 * 16);
            _squareRoom = Math.Max(_squareRoom, ((side * side) + 15) / 16 * 16);
        }

        _scratch = FlatVector.Zeroed((2 * _matrixRoom) + (2 * _squareRoom));
    }

    /// <summary>Frees the scratch memory of an optimizer that was not disposed.</summary>
    ~Muon() => Free();

    /// <inheritdoc/>
    public long Steps => _rest.Steps;

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> State => _rest.State;

    /// <inheritdoc/>
    public void Step(double learningRateScale, float gradientScale = 1f)
    {
        _rest.Step(learningRateScale, gradientScale);
        double rate = _configuration.MuonLearningRate * learningRateScale;
        foreach (Parameter matrix in _matrices)
            StepMatrix(matrix, rate, gradientScale);
    }

    /// <inheritdoc/>
    public void Resume(long steps) => _rest.Resume(steps);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rest.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    private void StepMatrix(Parameter matrix, double rate, float gradientScale)
    {
        int rows = matrix.Tensor.Rows;
        int columns = matrix.Tensor.Columns;
        int length = (matrix.Tensor.Length + 15) / 16 * 16;
        float* x = _scratch;
        float* next = x + _matrixRoom;
        float* gram = next + _matrixRoom;
        float* polynomial = gram + _squareRoom;

        NesterovMomentum(
            matrix.Tensor.Gradient, _rest.FirstMoment + matrix.Offset, x, length, gradientScale, (float)_configuration.MuonMomentum);
        float inverse = (float)(1.0 / (Math.Sqrt(FlatVector.SumOfSquares(x, length)) + 1e-7));
        Scale(x, length, inverse);

        int side = Math.Min(rows, columns);
        for (int i = 0; i < _configuration.NewtonSchulzSteps; i++)
        {
            // The smaller of X·Xᵀ and Xᵀ·X carries the same polynomial, so nothing is transposed.
            if (rows <= columns)
                Gemm.MultiplyNT(side, side, columns, x, columns, x, columns, gram, side, false, _pool);
            else
                Gemm.MultiplyTN(side, side, rows, x, columns, x, columns, gram, side, false, _pool);
            Gemm.MultiplyNN(side, side, side, gram, side, gram, side, polynomial, side, false, _pool);
            Polynomial(gram, polynomial, side);
            if (rows <= columns)
                Gemm.MultiplyNN(side, columns, side, polynomial, side, x, columns, next, columns, false, _pool);
            else
                Gemm.MultiplyNN(rows, side, side, x, columns, polynomial, side, next, columns, false, _pool);
            float* swapped = x;
            x = next;
            next = swapped;
        }

        float keep = (float)(1 - (rate * _configuration.WeightDecay));
        float step = (float)(rate * Math.Sqrt(Math.Max(1.0, (double)rows / columns)));
        Apply(matrix.Tensor.Data, x, matrix.Tensor.Length, keep, step);
    }

    private static void NesterovMomentum(float* gradient, float* momentum, float* update, int length, float gradientScale, float decay)
    {
        var scale = Vector256.Create(gradientScale);
        var gain = Vector256.Create(1 - decay);
        for (int i = 0; i < length; i += Vector256<float>.Count)
        {
            Vector256<float> g = Vector256.Load(gradient + i) * scale;
            Vector256<float> m = Vector256.Load(momentum + i);
            m += (g - m) * gain;
            m.Store(momentum + i);
            (m + ((g - m) * gain)).Store(update + i);
        }
    }

    private static void Scale(float* x, int length, float factor)
    {
        var scale = Vector256.Create(factor);
        for (int i = 0; i < length; i += Vector256<float>.Count)
            (Vector256.Load(x + i) * scale).Store(x + i);
    }

    /// <summary>square = a·I + b·gram + c·square, where square holds gram².</summary>
    private static void Polynomial(float* gram, float* square, int side)
    {
        int length = side * side;
        for (int i = 0; i < length; i++)
            square[i] = (B * gram[i]) + (C * square[i]);
        for (int i = 0; i < side; i++)
            square[(i * side) + i] += A;
    }

    private static void Apply(float* value, float* update, int length, float keep, float step)
    {
        int i = 0;
        var keeps = Vector256.Create(keep);
        var steps = Vector256.Create(step);
        for (; i + Vector256<float>.Count <= length; i += Vector256<float>.Count)
            ((Vector256.Load(value + i) * keeps) - (Vector256.Load(update + i) * steps)).Store(value + i);
        for (; i < length; i++)
            value[i] = (value[i] * keep) - (update[i] * step);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
    }
}
