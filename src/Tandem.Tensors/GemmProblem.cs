using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <summary>
/// A product in strided form, which is common to all transpositions: A(i, k) at A[i·ARow + k·AStep], B(k, j) at
/// B[k·BStep + j·BColumn], C(i, j) at C[i·Ldc + j]. Without accumulation C starts from a bias per column, if there is one. A residual, in
/// rows like those of C, is added to the finished sums.
/// </summary>
internal readonly unsafe struct GemmProblem(
    int m, int n, int k, float* a, nint aRow, nint aStep, float* b, nint bStep, nint bColumn, float* c, nint ldc, bool accumulate,
    float* bias = null, float* residual = null)
{
    public readonly int M = m, N = n, K = k;
    public readonly float* A = a, B = b, C = c;
    public readonly nint ARow = aRow, AStep = aStep, BStep = bStep, BColumn = bColumn, Ldc = ldc;
    public readonly bool Accumulate = accumulate;
    public readonly float* Bias = bias, Residual = residual;

    /// <summary>B where it is stored as bfloat16, and then in the place of <see cref="B"/>, which is null.</summary>
    public BFloat16* HalfB { get; init; }

    /// <summary>
    /// All of B, in its storage, in panels as wide as a tile of the path in use, one after the other: element (k, j) of panel t is
    /// at (t·K + k)·width + j. Null where it was not packed beforehand; read where C has at most <see cref="Gemm.FewRows"/> rows.
    /// </summary>
    public void* Panels { get; init; }

    /// <summary>The bytes of an element of B.</summary>
    public int SizeOfB => HalfB == null ? sizeof(float) : sizeof(BFloat16);

    /// <summary>C = x·Wᵀ + bias, or + residual, for a weight W[out, in]; the rows of x are <paramref name="stride"/> apart.</summary>
    public static GemmProblem Projection(
        int rows, float* x, int stride, WeightRows weight, float* bias, float* c, float* residual = null) => new(
        rows, weight.Count, weight.Columns, x, stride, 1, weight.Singles, 1, weight.Columns, c, weight.Count, false, bias, residual)
        {
            HalfB = weight.Halves,
            Panels = weight.Panels,
        };

    /// <summary>C += x·Wᵀ for a weight W[out, in].</summary>
    public static GemmProblem Accumulation(int rows, float* x, WeightRows weight, float* c) => new(
        rows, weight.Count, weight.Columns, x, weight.Columns, 1, weight.Singles, 1, weight.Columns, c, weight.Count, true)
    {
        HalfB = weight.Halves,
        Panels = weight.Panels,
    };

    /// <summary>C = or += dy·W: the gradient of a projection's input.</summary>
    public static GemmProblem InputGradient(int rows, float* dy, WeightRows weight, float* c, bool accumulate) => new(
        rows, weight.Columns, weight.Count, dy, weight.Count, 1, weight.Singles, weight.Columns, 1, c, weight.Columns, accumulate)
    {
        HalfB = weight.Halves,
    };

    /// <summary>dW += dyᵀ·x: the gradient of a projection's weight.</summary>
    public static GemmProblem WeightGradient(int rows, float* dy, float* x, int stride, Tensor weight) => new(
        weight.Rows, weight.Columns, rows, dy, 1, weight.Rows, x, stride, 1, weight.Gradient, weight.Columns, true);

    /// <summary>What the sums of the chunk of k that begins at <paramref name="start"/> are added to; null for nothing.</summary>
    public float* Addend(nint row, nint column, int start, out nint addendRow)
    {
        bool toC = Accumulate || start > 0;
        addendRow = toC ? Ldc : 0;
        return toC ? C + (row * Ldc) + column : Bias == null ? null : Bias + column;
    }

    /// <summary>The part of the product that gives some rows of C.</summary>
    public GemmProblem Block(nint row, int rows) => new(
        rows, N, K, A + (row * ARow), ARow, AStep, B, BStep, BColumn, C + (row * Ldc), Ldc, Accumulate, Bias,
        Residual == null ? null : Residual + (row * Ldc))
    {
        HalfB = HalfB,
    };

    /// <summary>Where an element of B is.</summary>
    public byte* AddressOfB(nint element) => HalfB == null ? (byte*)(B + element) : (byte*)(HalfB + element);

    /// <summary>Where an element of the panels is.</summary>
    public byte* AddressOfPanels(nint element) => (byte*)Panels + (element * SizeOfB);

    /// <summary>See <see cref="GemmPacking.PackPanel(float*, nint, nint, int, int, int, float*)"/>, from an element of B on.</summary>
    public void PackPanelOfB(nint element, int depth, int columns, int width, float* to)
    {
        if (HalfB == null)
            GemmPacking.PackPanel((Float32*)B + element, BStep, BColumn, depth, columns, width, to);
        else
            GemmPacking.PackPanel(HalfB + element, BStep, BColumn, depth, columns, width, to);
    }

    /// <summary>See <see cref="GemmPacking.PackStrips(float*, nint, int, int, int, float*, nint)"/>, from an element of B on.</summary>
    public void PackStripsOfB(nint element, int depth, int columns, int width, float* to, nint stripStride)
    {
        if (HalfB == null)
            GemmPacking.PackStrips((Float32*)B + element, BStep, depth, columns, width, to, stripStride);
        else
            GemmPacking.PackStrips(HalfB + element, BStep, depth, columns, width, to, stripStride);
    }

    /// <summary>Adds the residual, if there is one, to finished elements of C, while they are in the cache.</summary>
    public void AddResidual(nint row, int rows, nint column, int columns)
    {
        if (Residual == null)
            return;
        for (nint at = (row * Ldc) + column; rows > 0; rows--, at += Ldc)
            Lanes.Copy(Residual + at, C + at, columns, accumulate: true);
    }
}

/// <summary>Rows of a weight [out, in], all of them or some, as they are stored.</summary>
internal readonly unsafe struct WeightRows
{
    /// <summary>Some rows.</summary>
    public WeightRows(Parameter weight, int first, int count)
    {
        Tensor all = weight.Tensor;
        (Count, Columns) = (count, all.Columns);
        Singles = all.Data == null ? null : all.Data + ((long)first * Columns);
        Halves = weight.Halves == null ? null : weight.Halves + ((long)first * Columns);
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; }

    /// <summary>The number of columns.</summary>
    public int Columns { get; }

    /// <summary>The first element in fp32, or null.</summary>
    public float* Singles { get; }

    /// <summary>The first element in bfloat16, or null.</summary>
    public BFloat16* Halves { get; }

    /// <summary>All rows as <see cref="GemmProblem.Panels"/> of a projection, or null.</summary>
    public void* Panels { get; init; }

    /// <summary>All rows.</summary>
    public static implicit operator WeightRows(Parameter weight) => new(weight, 0, weight.Tensor.Rows);
}
