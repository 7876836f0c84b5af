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

    // A matrix up to this size is orthogonalised by one thread while others do other matrices; a larger one by all
    // threads together. Both give the same bits, for a product does not depend on the number of threads.
    private const int SharedLength = 1 << 20;

    private readonly OptimizerConfiguration _configuration;
    private readonly WorkerPool _pool;
    private readonly AdamW _rest;
    private readonly HiddenMatrix[] _small;
    private readonly HiddenMatrix[] _large;
    private GCHandle _self;
    private float* _scratch;
    private double _rate;
    private float _gradientScale;

    /// <summary>Creates an optimizer, with zero state, of the parameters that are trainable now.</summary>
    public Muon(OptimizerConfiguration configuration, ParameterSet parameters, WorkerPool pool)
    {
        (_configuration, _pool) = (configuration, pool);
        _rest = new AdamW(configuration, parameters, pool, static p => !OptimizerConfiguration.IsHiddenMatrix(p));
        var matrices = parameters.All.Where(p => p.IsTrainable && OptimizerConfiguration.IsHiddenMatrix(p))
            .OrderByDescending(Cost).ToList();

        // Small matrices have scratch memory of their own, large ones share it.
        var small = new List<HiddenMatrix>();
        var large = new List<HiddenMatrix>();
        long room = 0;
        long sharedRoom = 0;
        foreach (Parameter matrix in matrices)
        {
            if (matrix.Tensor.Length > SharedLength)
            {
                large.Add(new HiddenMatrix(matrix, 0, pool));
                sharedRoom = Math.Max(sharedRoom, HiddenMatrix.Room(matrix));
            }
            else
            {
                small.Add(new HiddenMatrix(matrix, room, new WorkerPool(1)));
                room += HiddenMatrix.Room(matrix);
            }
        }

        (_small, _large) = ([.. small], [.. large]);
        _scratch = FlatVector.Zeroed(Math.Max(room, sharedRoom));
        _self = GCHandle.Alloc(this, GCHandleType.Weak);
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
        _rate = _configuration.MuonLearningRate * learningRateScale;
        _gradientScale = gradientScale;
        foreach (HiddenMatrix matrix in _large)
            StepMatrix(matrix);
        _pool.Run(_small.Length, &StepSmall, (void*)GCHandle.ToIntPtr(_self));
    }

    /// <inheritdoc/>
    public void Resume(long steps) => _rest.Resume(steps);

    /// <inheritdoc/>
    public void Dispose()
    {
        _rest.Dispose();
        foreach (HiddenMatrix matrix in _small)
            matrix.Pool.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    private static double Cost(Parameter matrix)
    {
        double side = Math.Min(matrix.Tensor.Rows, matrix.Tensor.Columns);
        return ((2 * matrix.Tensor.Length) + (side * side)) * side;
    }

    private static void StepSmall(void* state, int index)
    {
        var muon = (Muon)GCHandle.FromIntPtr((nint)state).Target!;
        muon.StepMatrix(muon._small[index]);
    }

    private void StepMatrix(HiddenMatrix hidden)
    {
        Parameter matrix = hidden.Parameter;
        WorkerPool pool = hidden.Pool;
        int rows = matrix.Tensor.Rows;
        int columns = matrix.Tensor.Columns;
        int length = HiddenMatrix.Padded(matrix.Tensor.Length);
        int side = Math.Min(rows, columns);
        float* x = _scratch + hidden.ScratchOffset;
        float* next = x + length;
        float* gram = next + length;
        float* polynomial = gram + HiddenMatrix.Padded(side * side);

        NesterovMomentum(
            matrix.Tensor.Gradient, _rest.FirstMoment + matrix.Offset, x, length, _gradientScale, (float)_configuration.MuonMomentum);
        float inverse = (float)(1.0 / (Math.Sqrt(FlatVector.SumOfSquares(x, length)) + 1e-7));
        Scale(x, length, inverse);

        for (int i = 0; i < _configuration.NewtonSchulzSteps; i++)
        {
            // The smaller of X·Xᵀ and Xᵀ·X carries the same polynomial, so nothing is transposed.
            if (rows <= columns)
                Gemm.MultiplyNT(side, side, columns, x, columns, x, columns, gram, side, false, pool);
            else
                Gemm.MultiplyTN(side, side, rows, x, columns, x, columns, gram, side, false, pool);
            Gemm.MultiplyNN(side, side, side, gram, side, gram, side, polynomial, side, false, pool);
            Polynomial(gram, polynomial, side);
            if (rows <= columns)
                Gemm.MultiplyNN(side, columns, side, polynomial, side, x, columns, next, columns, false, pool);
            else
                Gemm.MultiplyNN(rows, side, side, x, columns, polynomial, side, next, columns, false, pool);
            float* swapped = x;
            x = next;
            next = swapped;
        }

        float keep = (float)(1 - (_rate * _configuration.WeightDecay));
        float step = (float)(_rate * Math.Sqrt(Math.Max(1.0, (double)rows / columns)));
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
        if (_self.IsAllocated)
            _self.Free();
    }

    /// <summary>A matrix, where its scratch memory begins, and the threads that orthogonalise it.</summary>
    private sealed record HiddenMatrix(Parameter Parameter, long ScratchOffset, WorkerPool Pool)
    {
        /// <summary>A length rounded up to whole cache lines.</summary>
        public static int Padded(int length) => (length + 15) / 16 * 16;

        /// <summary>Scratch floats: two of its size and two squares of its shorter side.</summary>
        public static long Room(Parameter matrix)
        {
            int side = Math.Min(matrix.Tensor.Rows, matrix.Tensor.Columns);
            return 2L * (Padded(matrix.Tensor.Length) + Padded(side * side));
        }
    }
}
