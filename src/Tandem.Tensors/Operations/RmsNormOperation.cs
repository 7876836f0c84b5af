using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Root-mean-square normalization (arXiv 1910.07467). With s = 1 / √(mean(x²) + ε): y = x·s·w,
/// dx = s·(dy·w) - x·s³/C·Σ(dy·w·x), dw = Σ over rows of dy·x·s.
/// </summary>
internal sealed unsafe class RmsNormOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private Parameter _weight = null!;
    private float* _inverses; // [N]: s of each row

    /// <summary>result = x / √(mean(x²) + ε) · weight.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, float epsilon, Tensor result)
    {
        (_x, _weight, _result) = (x, weight, result);
        _xNode = tape.NodeOf(x);
        _inverses = tape.Arena.Floats(Math.Max(x.Rows, 1));
        Work work = NewWork();
        work.Epsilon = epsilon;
        tape.Pool.Run(RowPartition.Chunks(x.Rows, work.RowsPerChunk), &ForwardChunk, &work);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        Work work = NewWork();
        int chunks = RowPartition.Chunks(_x.Rows, work.RowsPerChunk);
        work.OutputGradient = _result.Gradient;
        if (_xNode >= 0)
        {
            work.Addend = tape.ClaimAddend(_xNode);
            work.InputGradient = _x.Gradient;
        }

        if (_weight.IsTrainable)
            work.Partials = tape.Arena.Floats(Math.Max((long)chunks * _x.Columns, 1));
        tape.Pool.Run(chunks, &BackwardChunk, &work);
        if (_weight.IsTrainable)
            ColumnSums.Combine(work.Partials, chunks, _x.Columns, _weight.Tensor.Gradient);
    }

    private Work NewWork() => new()
    {
        X = _x.Data,
        Weight = _weight.Tensor.Data,
        Result = _result.Data,
        Inverses = _inverses,
        Rows = _x.Rows,
        Columns = _x.Columns,
        RowsPerChunk = RowPartition.RowsPerChunk(_x.Columns),
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int columns = work.Columns;
        float* weight = work.Weight;
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            float* x = work.X + ((long)i * columns);
            float* y = work.Result + ((long)i * columns);
            float inverse = 1f / MathF.Sqrt((VectorMath.Dot(x, x, columns) / columns) + work.Epsilon);
            work.Inverses[i] = inverse;
            Vector256<float> s = Vector256.Create(inverse);
            int j = 0;
            for (; j + 8 <= columns; j += 8)
                Vector256.Store(Vector256.Load(x + j) * s * Vector256.Load(weight + j), y + j);
            for (; j < columns; j++)
                y[j] = x[j] * inverse * weight[j];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int columns = work.Columns;
        float* weight = work.Weight;
        float* partial = work.Partials == null ? null : work.Partials + ((long)chunk * columns);
        if (partial != null)
            new Span<float>(partial, columns).Clear();
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            float* x = work.X + ((long)i * columns);
            float* dy = work.OutputGradient + ((long)i * columns);
            float s = work.Inverses[i];
            float sum = columns % VectorMath.Lanes == 0
                ? WholeRow(x, dy, weight, partial, columns, s)
                : AnyRow(x, dy, weight, partial, columns, s);
            if (work.InputGradient == null)
                continue;
            float* dx = work.InputGradient + ((long)i * columns);
            float common = -(s * s * s * (sum / columns));
            Vector256<float> wide = Vector256.Create(s), wideCommon = Vector256.Create(common);
            float* addend = work.Addend == null ? null : work.Addend + ((long)i * columns);
            int j = 0;
            for (; j + 8 <= columns; j += 8)
            {
                Vector256<float> value = Vector256.FusedMultiplyAdd(
                    Vector256.Load(x + j), wideCommon, Vector256.Load(dy + j) * Vector256.Load(weight + j) * wide);
                Vector256.Store(addend != null ? Vector256.Load(addend + j) + value : value, dx + j);
            }

            for (; j < columns; j++)
            {
                float value = MathF.FusedMultiplyAdd(x[j], common, dy[j] * weight[j] * s);
                dx[j] = addend != null ? addend[j] + value : value;
            }
        }
    }

    /// <summary>Σ dy·x·w of a row; partial += dy·x·s. For rows of whole groups of lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float WholeRow(float* x, float* dy, float* weight, float* partial, int columns, float s)
    {
        Vector256<float> low = Vector256<float>.Zero, high = Vector256<float>.Zero, wide = Vector256.Create(s);
        for (int j = 0; j < columns; j += 16)
        {
            Vector256<float> lowProduct = Vector256.Load(dy + j) * Vector256.Load(x + j);
            Vector256<float> highProduct = Vector256.Load(dy + j + 8) * Vector256.Load(x + j + 8);
            low = Vector256.FusedMultiplyAdd(lowProduct, Vector256.Load(weight + j), low);
            high = Vector256.FusedMultiplyAdd(highProduct, Vector256.Load(weight + j + 8), high);
            if (partial != null)
            {
                Vector256.Store(Vector256.FusedMultiplyAdd(lowProduct, wide, Vector256.Load(partial + j)), partial + j);
                Vector256.Store(
                    Vector256.FusedMultiplyAdd(highProduct, wide, Vector256.Load(partial + j + 8)), partial + j + 8);
            }
        }

        return VectorMath.SumLanes(low, high);
    }

    /// <summary>As <see cref="WholeRow"/> for any number of columns.</summary>
    private static float AnyRow(float* x, float* dy, float* weight, float* partial, int columns, float s)
    {
        Vector256<float> low = Vector256<float>.Zero, high = Vector256<float>.Zero, wide = Vector256.Create(s);
        for (int j = 0; j < columns; j += 8)
        {
            int count = Math.Min(8, columns - j);
            Vector256<float> product = Lanes.LoadPart(dy + j, count) * Lanes.LoadPart(x + j, count);
            Vector256<float> w = Lanes.LoadPart(weight + j, count);
            if (j % VectorMath.Lanes == 0)
                low = Vector256.FusedMultiplyAdd(product, w, low);
            else
                high = Vector256.FusedMultiplyAdd(product, w, high);
            if (partial != null)
                Lanes.StorePart(Vector256.FusedMultiplyAdd(product, wide, Lanes.LoadPart(partial + j, count)), partial + j, count);
        }

        return VectorMath.SumLanes(low, high);
    }

    private struct Work
    {
        public float* X;
        public float* Weight;
        public float* Result;
        public float* Inverses;
        public float* OutputGradient;
        public float* InputGradient;
        public float* Addend; // what the gradient is added to, or null
        public float* Partials;
        public float Epsilon;
        public int Rows;
        public int Columns;
        public int RowsPerChunk;
    }
}
