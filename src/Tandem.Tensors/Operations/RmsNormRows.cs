using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Root-mean-square normalization (arXiv 1910.07467) of the rows of a tensor. With s = 1 / √(mean(x²) + ε): y = x·s·w,
/// dx = s·(dy·w) - x·s³/C·Σ(dy·w·x), dw = Σ over rows of dy·x·s. The rows of y can be computed again from s.
/// </summary>
internal unsafe struct RmsNormRows
{
    private readonly float* _x, _weight, _inverses; // [N, C], [C], [N]: s of each row
    private readonly int _rows, _columns;
    private readonly float _epsilon;

    /// <summary>Prepares for the rows of x; their inverses live in the arena.</summary>
    public RmsNormRows(Tape tape, Tensor x, Tensor weight, float epsilon)
    {
        (_rows, _columns, _epsilon) = (x.Rows, x.Columns, epsilon);
        _x = x.Data;
        _weight = weight.Data;
        _inverses = tape.Arena.Floats(Math.Max(x.Rows, 1));
    }

    /// <summary>Computes s and y of some rows.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="y">[N, C], of which the rows are written.</param>
    /// <param name="stride">Floats between rows of y.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Normalize(int first, int rows, float* y, int stride)
    {
        for (int i = first; i < first + rows; i++)
        {
            float* x = _x + ((long)i * _columns);
            _inverses[i] = 1f / MathF.Sqrt((VectorMath.Dot(x, x, _columns) / _columns) + _epsilon);
        }

        Restore(first, rows, y, stride);
    }

    /// <summary>As <see cref="Normalize"/> when s is known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Restore(int first, int rows, float* y, int stride)
    {
        int columns = _columns;
        float* weight = _weight;
        for (int i = first; i < first + rows; i++)
        {
            float* x = _x + ((long)i * columns);
            float* to = y + ((long)i * stride);
            float inverse = _inverses[i];
            Vector256<float> s = Vector256.Create(inverse);
            int j = 0;
            for (; j + 8 <= columns; j += 8)
                Vector256.Store(Vector256.Load(x + j) * s * Vector256.Load(weight + j), to + j);
            for (; j < columns; j++)
                to[j] = x[j] * inverse * weight[j];
        }
    }

    /// <summary>Adds what dy contributes to the gradients of x and of the weight.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="dy">[N, C].</param>
    /// <param name="x">The tensor of the rows.</param>
    /// <param name="xNode">Its node, -1 for none.</param>
    /// <param name="weight">The weight.</param>
    public readonly void Backward(Tape tape, float* dy, Tensor x, int xNode, Parameter weight)
    {
        var work = new Work { Norm = this, OutputGradient = dy, RowsPerChunk = RowPartition.RowsPerChunk(_columns) };
        int chunks = RowPartition.Chunks(_rows, work.RowsPerChunk);
        if (xNode >= 0)
        {
            work.Addend = tape.ClaimAddend(xNode);
            work.InputGradient = x.Gradient;
        }

        if (weight.IsTrainable)
            work.Partials = tape.Arena.Floats(Math.Max((long)chunks * _columns, 1));
        if (xNode < 0 && !weight.IsTrainable)
            return;
        tape.Pool.Run(chunks, &BackwardChunk, &work);
        if (weight.IsTrainable)
            ColumnSums.Combine(work.Partials, chunks, _columns, weight.Tensor.Gradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        RmsNormRows norm = work.Norm;
        int columns = norm._columns;
        float* weight = norm._weight;
        float* partial = work.Partials == null ? null : work.Partials + ((long)chunk * columns);
        if (partial != null)
            new Span<float>(partial, columns).Clear();
        int end = Math.Min(norm._rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            float* x = norm._x + ((long)i * columns);
            float* dy = work.OutputGradient + ((long)i * columns);
            float s = norm._inverses[i];
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
        public RmsNormRows Norm;
        public float* OutputGradient;
        public float* InputGradient;
        public float* Addend; // what the gradient is added to, or null
        public float* Partials;
        public int RowsPerChunk;
    }
}

/// <summary>
/// Normalized rows that live in the scratch memory of one pass. The state of a pass over blocks begins with it, so that a
/// pointer to the state is one to it.
/// </summary>
internal unsafe struct NormalizedRows(RmsNormRows norm, float* data, int stride)
{
    private readonly RmsNormRows _norm = norm;
    private readonly int _stride = stride;

    /// <summary>[N, C].</summary>
    public float* Data { get; } = data;

    /// <summary>
    /// Floats between rows of this many columns: an odd number of cache lines, so that one column of many rows has room in
    /// a first-level cache.
    /// </summary>
    public static int Stride(int columns) => ((columns + 15) / 16 | 1) * 16;

    /// <summary>Computes a block for the first time: what is done first with a block of <see cref="GemmBlocks.Multiply"/>.</summary>
    public static void Normalize(void* state, int first, int rows)
    {
        ref NormalizedRows self = ref *(NormalizedRows*)state;
        self._norm.Normalize(first, rows, self.Data, self._stride);
    }

    /// <summary>Computes a block again.</summary>
    public static void Restore(void* state, int first, int rows)
    {
        ref NormalizedRows self = ref *(NormalizedRows*)state;
        self._norm.Restore(first, rows, self.Data, self._stride);
    }
}
