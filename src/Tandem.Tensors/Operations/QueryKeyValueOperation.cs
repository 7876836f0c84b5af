namespace Tandem.Tensors.Operations;

/// <summary>
/// Three projections yᵢ = n·Wᵢᵀ + bᵢ of the normalized rows n of x; dn = Σ dyᵢ·Wᵢ, dWᵢ += dyᵢᵀ·n, dbᵢ += Σ over rows of
/// dyᵢ, and <see cref="RmsNormRows"/> from there. A block of rows stays in a core's cache for all of it; n and its
/// gradient are not kept.
/// </summary>
internal sealed unsafe class QueryKeyValueOperation : Operation
{
    private readonly (Parameter Weight, Parameter? Bias, Tensor Result)[] _projections =
        new (Parameter Weight, Parameter? Bias, Tensor Result)[3];

    private Tensor _x;
    private int _xNode;
    private Parameter _norm = null!;
    private RmsNormRows _rows;

    /// <inheritdoc/>
    public override int Outputs => 3;

    /// <summary>Each projection's result = normalized x·weightᵀ + bias.</summary>
    public void Forward(
        Tape tape, Tensor x, Parameter norm, float epsilon, (Parameter Weight, Parameter? Bias, Tensor Result) query,
        (Parameter Weight, Parameter? Bias, Tensor Result) key, (Parameter Weight, Parameter? Bias, Tensor Result) value)
    {
        (_x, _xNode, _norm) = (x, tape.NodeOf(x), norm);
        _rows = new RmsNormRows(tape, x, norm.Tensor, epsilon);
        (_projections[0], _projections[1], _projections[2]) = (query, key, value);
        int stride = NormalizedRows.Stride(x.Columns);
        var normalized = new NormalizedRows(_rows, tape.Scratch((long)x.Rows * stride), stride);
        BlockStep* steps = stackalloc BlockStep[3];
        for (int i = 0; i < 3; i++)
        {
            var (weight, bias, result) = _projections[i];
            steps[i].Problem = GemmProblem.Projection(
                x.Rows, normalized.Data, stride, tape.RowsOf(weight, x.Rows), bias is null ? null : bias.Tensor.Data, result.Data);
        }

        steps[0].Fetch = new RowFetch(x.Data, x.Columns, ofNextBlock: true);
        GemmBlocks.Multiply(x.Rows, steps, 3, &NormalizedRows.Normalize, &normalized, tape.Pool);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        int stride = NormalizedRows.Stride(_x.Columns);
        float* gradient = tape.Scratch(_x.Length + ((long)_x.Rows * stride)); // of the normalized rows
        var normalized = new NormalizedRows(_rows, gradient + _x.Length, stride);
        BlockStep* steps = stackalloc BlockStep[3];
        for (int i = 0; i < 3; i++)
        {
            var (weight, _, result) = _projections[2 - i];
            steps[i].Problem = GemmProblem.InputGradient(_x.Rows, result.Gradient, weight, gradient, accumulate: i > 0);
            steps[i].Fetch = new RowFetch(result.Gradient, result.Columns, ofNextBlock: true);
        }

        steps[2].SecondFetch = new RowFetch(_x.Data, _x.Columns, ofNextBlock: true);
        GemmBlocks.Multiply(_x.Rows, steps, 3, &NormalizedRows.Restore, &normalized, tape.Pool);
        _rows.Backward(tape, gradient, _x, _xNode, _norm);

        GemmProblem* products = stackalloc GemmProblem[3];
        int count = 0;
        foreach (var (weight, bias, result) in _projections)
        {
            if (weight.IsTrainable)
                products[count++] = GemmProblem.WeightGradient(_x.Rows, result.Gradient, normalized.Data, stride, weight.Tensor);
            if (bias is { IsTrainable: true })
                ColumnSums.Accumulate(tape, result.Gradient, _x.Rows, weight.Tensor.Rows, bias.Tensor.Gradient);
        }

        GemmBlocks.MultiplySharingB(products, count, tape.Pool);
    }
}
