using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <content>The operations.</content>
public sealed unsafe partial class Tape
{
    private readonly OperationPool<EmbeddingOperation> _embedding;
    private readonly OperationPool<RmsNormOperation> _rmsNorm;
    private readonly OperationPool<LinearOperation> _linear;
    private readonly OperationPool<QueryKeyValueOperation> _queryKeyValue;
    private readonly OperationPool<AttentionOperation> _attention;
    private readonly OperationPool<FeedForwardOperation> _feedForward;
    private readonly OperationPool<SwiGluOperation> _swiGlu;
    private readonly OperationPool<AddOperation> _add;
    private readonly OperationPool<ScaleOperation> _scale;
    private readonly OperationPool<DropoutOperation> _dropout;
    private readonly OperationPool<GatherRowsOperation> _gatherRows;
    private readonly OperationPool<ColumnOperation> _column;

    /// <summary>Rows of a table: result [N, C] with row i = table[tokens[i]].</summary>
    /// <param name="tokens">N row numbers of the table.</param>
    /// <param name="table">[V, C].</param>
    public Tensor Embedding(ReadOnlySpan<int> tokens, Parameter table)
    {
        ArgumentNullException.ThrowIfNull(table);
        RequireRange(tokens, table.Tensor.Rows, nameof(tokens));
        Tensor result = Result(tokens.Length, table.Tensor.Columns, table.IsTrainable, out int node);
        EmbeddingOperation operation = _embedding.Rent();
        operation.Forward(this, Copy(tokens), table, result);
        Record(operation, node);
        return result;
    }

    /// <summary>Root-mean-square normalization of each row (arXiv 1910.07467): x / √(mean(x²) + ε) · weight.</summary>
    /// <param name="x">[N, C].</param>
    /// <param name="weight">[1, C].</param>
    /// <param name="epsilon">ε &gt; 0.</param>
    /// <returns>[N, C].</returns>
    public Tensor RmsNorm(Tensor x, Parameter weight, float epsilon)
    {
        ArgumentNullException.ThrowIfNull(weight);
        RequireShape(weight.Tensor, 1, x.Columns, nameof(weight));
        Tensor result = Result(x.Rows, x.Columns, x.Gradient != null || weight.IsTrainable, out int node);
        RmsNormOperation operation = _rmsNorm.Rent();
        operation.Forward(this, x, weight, epsilon, result);
        Record(operation, node);
        return result;
    }

    /// <summary>x · weightᵀ + bias.</summary>
    /// <param name="x">[N, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[1, out], or none.</param>
    /// <returns>[N, out].</returns>
    public Tensor Linear(Tensor x, Parameter weight, Parameter? bias = null)
    {
        RequireWeight(weight, x);
        if (bias is not null)
            RequireShape(bias.Tensor, 1, weight.Tensor.Rows, nameof(bias));
        bool wantsGradient = x.Gradient != null || weight.IsTrainable || bias is { IsTrainable: true };
        Tensor result = Result(x.Rows, weight.Tensor.Rows, wantsGradient, out int node);
        LinearOperation operation = _linear.Rent();
        operation.Forward(this, x, weight, bias, result);
        Record(operation, node);
        return result;
    }

    /// <summary>residual + x · weightᵀ: the bits of <see cref="Add"/> of the two, with less memory traffic.</summary>
    /// <param name="residual">[N, out].</param>
    /// <param name="x">[N, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <returns>[N, out].</returns>
    public Tensor AddLinear(Tensor residual, Tensor x, Parameter weight)
    {
        RequireWeight(weight, x);
        RequireShape(residual, x.Rows, weight.Tensor.Rows, nameof(residual));
        bool wantsGradient = residual.Gradient != null || x.Gradient != null || weight.IsTrainable;
        Tensor result = Result(x.Rows, weight.Tensor.Rows, wantsGradient, out int node);
        LinearOperation operation = _linear.Rent();
        operation.Forward(this, x, weight, residual, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// y += x · weightᵀ in place, without the memory of a second result: for small corrections of a projection, as of
    /// low-rank adapters.
    /// </summary>
    /// <param name="y">[N, out]: the result of an operation whose backward pass does not read it, as <see cref="Linear"/>,
    /// and that no other operation has read yet.</param>
    /// <param name="x">[N, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <returns>[N, out]: use it in the place of <paramref name="y"/>.</returns>
    public Tensor AddLinearInPlace(Tensor y, Tensor x, Parameter weight)
    {
        RequireWeight(weight, x);
        RequireShape(y, x.Rows, weight.Tensor.Rows, nameof(y));
        Tensor result = y;
        int node = NodeOf(y);
        bool wantsGradient = x.Gradient != null || weight.IsTrainable;
        _wanted |= wantsGradient;
        if (node < 0 && _recording && wantsGradient)
        {
            node = AddNode(y.Length);
            result = new Tensor(y.Data, _nodes[node].Gradient, y.Rows, y.Columns);
        }

        LinearOperation operation = _linear.Rent();
        operation.ForwardInPlace(this, x, weight, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// Three projections of normalized rows: the bits of three times <see cref="Linear"/> of <see cref="RmsNorm"/>, with less
    /// memory traffic.
    /// </summary>
    /// <param name="x">[N, in].</param>
    /// <param name="norm">The weight of the norm, [1, in].</param>
    /// <param name="epsilon">ε &gt; 0 of the norm.</param>
    /// <param name="query">[H·D, in].</param>
    /// <param name="queryBias">[1, H·D], or none.</param>
    /// <param name="key">[G·D, in].</param>
    /// <param name="keyBias">[1, G·D], or none.</param>
    /// <param name="value">[G·D, in].</param>
    /// <param name="valueBias">[1, G·D], or none.</param>
    /// <returns>[N, H·D], [N, G·D], [N, G·D].</returns>
    public (Tensor Query, Tensor Key, Tensor Value) QueryKeyValue(
        Tensor x, Parameter norm, float epsilon, Parameter query, Parameter? queryBias, Parameter key, Parameter? keyBias,
        Parameter value, Parameter? valueBias)
    {
        ArgumentNullException.ThrowIfNull(norm);
        RequireShape(norm.Tensor, 1, x.Columns, nameof(norm));
        bool wantsGradient = x.Gradient != null || norm.IsTrainable;
        Check(query, queryBias);
        Check(key, keyBias);
        Check(value, valueBias);
        Tensor q = Result(x.Rows, query.Tensor.Rows, wantsGradient, out int node);
        Tensor k = Result(x.Rows, key.Tensor.Rows, wantsGradient, out _);
        Tensor v = Result(x.Rows, value.Tensor.Rows, wantsGradient, out _);
        QueryKeyValueOperation operation = _queryKeyValue.Rent();
        operation.Forward(this, x, norm, epsilon, (query, queryBias, q), (key, keyBias, k), (value, valueBias, v));
        Record(operation, node);
        return (q, k, v);

        void Check(Parameter weight, Parameter? bias)
        {
            RequireWeight(weight, x);
            if (bias is not null)
                RequireShape(bias.Tensor, 1, weight.Tensor.Rows, nameof(bias));
            wantsGradient |= weight.IsTrainable || bias is { IsTrainable: true };
        }
    }

    /// <summary>
    /// Causal grouped-query attention (arXiv 2305.13245) within each of several packed sequences:
    /// softmax(q·kᵀ / √D)·v, where row i of a sequence sees rows 0..i of the same sequence, but for those of other branches.
    /// Queries and keys are turned by the angles of their positions first (RoFormer, arXiv 2104.09864).
    /// </summary>
    /// <param name="q">[N, heads·D].</param>
    /// <param name="k">[N, keyValueHeads·D].</param>
    /// <param name="v">[N, keyValueHeads·D].</param>
    /// <param name="sequenceOffsets">Rows where the sequences start, and N last; ascending. Sequences may be empty.</param>
    /// <param name="heads">Query heads; a multiple of <paramref name="keyValueHeads"/>.</param>
    /// <param name="keyValueHeads">Key and value heads; each serves heads / keyValueHeads query heads in a row.</param>
    /// <param name="rotation">Angles for heads of size D, or none: queries and keys as they are.</param>
    /// <param name="positions">
    /// The position of each row, N of them; may be empty without a rotation, and is then the row's place in its sequence. A
    /// sequence begins at position 0. Where a row's position is not the one after the position of the row before, a branch begins:
    /// a row sees, of each position up to its own, the last row that has it, and gets the bits of a sequence of these alone.
    /// </param>
    /// <returns>[N, heads·D].</returns>
    public Tensor Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> sequenceOffsets, int heads, int keyValueHeads,
        RotaryTable? rotation = null, ReadOnlySpan<int> positions = default)
    {
        if (heads <= 0 || keyValueHeads <= 0 || heads % keyValueHeads != 0 || q.Columns % heads != 0)
        {
            throw new ArgumentException(
                $"{heads} heads of {q.Columns} columns cannot share {keyValueHeads} key-value heads.", nameof(heads));
        }

        int headSize = q.Columns / heads;
        RequireShape(k, q.Rows, keyValueHeads * headSize, nameof(k));
        RequireShape(v, q.Rows, keyValueHeads * headSize, nameof(v));
        if (sequenceOffsets.Length == 0 || sequenceOffsets[0] != 0 || sequenceOffsets[^1] != q.Rows)
            throw new ArgumentException($"The offsets must run from 0 to {q.Rows}.", nameof(sequenceOffsets));
        for (int i = 1; i < sequenceOffsets.Length; i++)
        {
            if (sequenceOffsets[i] < sequenceOffsets[i - 1])
                throw new ArgumentException("The offsets must ascend.", nameof(sequenceOffsets));
        }

        if (rotation is not null)
            rotation.Require(headSize, positions, q.Rows);
        if (!positions.IsEmpty)
            RequirePath(positions, sequenceOffsets, q.Rows);
        bool wantsGradient = q.Gradient != null || k.Gradient != null || v.Gradient != null;
        Tensor result = Result(q.Rows, q.Columns, wantsGradient, out int node);
        AttentionOperation operation = _attention.Rent();
        operation.Forward(
            this, q, k, v, Copy(sequenceOffsets), sequenceOffsets.Length - 1, heads, keyValueHeads, rotation,
            positions.IsEmpty ? null : Copy(positions), result);
        Record(operation, node);
        return result;
    }

    private static void RequirePath(ReadOnlySpan<int> positions, ReadOnlySpan<int> offsets, int rows)
    {
        RequireLength(positions.Length, rows, nameof(positions));
        for (int sequence = 0; sequence + 1 < offsets.Length; sequence++)
        {
            for (int row = offsets[sequence], most = 0; row < offsets[sequence + 1]; most = positions[row++] + 1)
            {
                if (positions[row] < 0 || positions[row] > most)
                    throw new ArgumentOutOfRangeException(nameof(positions), $"positions[{row}] = {positions[row]} is outside [0, {most}], where the rows before it allow it to be.");
            }
        }
    }

    /// <summary>
    /// Gated feed-forward layer with its norm and residual: x + (silu(n·gateᵀ)·(n·upᵀ))·downᵀ with n = RmsNorm(x), where the
    /// inner product is element by element (SwiGLU, arXiv 2002.05202).
    /// </summary>
    /// <param name="x">[N, C].</param>
    /// <param name="norm">The weight of the norm, [1, C].</param>
    /// <param name="epsilon">ε &gt; 0 of the norm.</param>
    /// <param name="gate">[I, C].</param>
    /// <param name="up">[I, C].</param>
    /// <param name="down">[C, I].</param>
    /// <returns>[N, C].</returns>
    public Tensor FeedForward(Tensor x, Parameter norm, float epsilon, Parameter gate, Parameter up, Parameter down)
    {
        ArgumentNullException.ThrowIfNull(norm);
        ArgumentNullException.ThrowIfNull(down);
        RequireShape(norm.Tensor, 1, x.Columns, nameof(norm));
        RequireWeight(gate, x);
        RequireWeight(up, x);
        RequireShape(up.Tensor, gate.Tensor.Rows, x.Columns, nameof(up));
        RequireShape(down.Tensor, x.Columns, gate.Tensor.Rows, nameof(down));
        bool wantsGradient = x.Gradient != null || norm.IsTrainable || gate.IsTrainable || up.IsTrainable || down.IsTrainable;
        Tensor result = Result(x.Rows, x.Columns, wantsGradient, out int node);
        FeedForwardOperation operation = _feedForward.Rent();
        operation.Forward(this, x, norm, epsilon, gate, up, down, result);
        Record(operation, node);
        return result;
    }

    /// <summary>silu(gate)·up, element by element, of tensors of the same shape: the inner part of <see cref="FeedForward"/>.</summary>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns, nameof(up));
        Tensor result = Result(gate.Rows, gate.Columns, gate.Gradient != null || up.Gradient != null, out int node);
        SwiGluOperation operation = _swiGlu.Rent();
        operation.Forward(this, gate, up, result);
        Record(operation, node);
        return result;
    }

    /// <summary>a + b, element by element, of tensors of the same shape.</summary>
    public Tensor Add(Tensor a, Tensor b)
    {
        RequireShape(b, a.Rows, a.Columns, nameof(b));
        Tensor result = Result(a.Rows, a.Columns, a.Gradient != null || b.Gradient != null, out int node);
        AddOperation operation = _add.Rent();
        operation.Forward(this, a, b, result);
        Record(operation, node);
        return result;
    }

    /// <summary>a · s, element by element.</summary>
    public Tensor Scale(Tensor a, float s)
    {
        Tensor result = Result(a.Rows, a.Columns, a.Gradient != null, out int node);
        ScaleOperation operation = _scale.Rent();
        operation.Forward(this, a, s, result);
        Record(operation, node);
        return result;
    }

    /// <summary>
    /// Dropout: elements are 0 with a probability and divided by one minus it otherwise; which, <see cref="DropoutMask"/> says.
    /// </summary>
    /// <param name="x">[N, C].</param>
    /// <param name="probability">In [0, 1).</param>
    /// <param name="key">Of the mask: another for each pass and place of a network.</param>
    /// <returns>[N, C].</returns>
    public Tensor Dropout(Tensor x, float probability, ulong key)
    {
        if (!(probability is >= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(probability), $"The probability is {probability}; allowed: from 0, below 1.");
        Tensor result = Result(x.Rows, x.Columns, x.Gradient != null, out int node);
        DropoutOperation operation = _dropout.Rent();
        operation.Forward(this, x, probability, key, result);
        Record(operation, node);
        return result;
    }

    /// <summary>Some rows of a tensor: result [rows.Length, C] with row i = x[rows[i]]. A row may be taken repeatedly.</summary>
    public Tensor GatherRows(Tensor x, ReadOnlySpan<int> rows)
    {
        RequireRange(rows, x.Rows, nameof(rows));
        Tensor result = Result(rows.Length, x.Columns, x.Gradient != null, out int node);
        GatherRowsOperation operation = _gatherRows.Rent();
        operation.Forward(this, x, Copy(rows), result);
        Record(operation, node);
        return result;
    }

    /// <summary>The same values in another shape; shares memory and gradient with <paramref name="x"/>.</summary>
    public Tensor Reshape(Tensor x, int rows, int columns)
    {
        RequireLength((long)rows * columns, x.Length, nameof(x));
        return new Tensor(x.Data, x.Gradient, rows, columns);
    }

    /// <summary>A copy of one column: [N, 1].</summary>
    public Tensor Column(Tensor x, int column)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(column);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(column, x.Columns);
        Tensor result = Result(x.Rows, 1, x.Gradient != null, out int node);
        ColumnOperation operation = _column.Rent();
        operation.Forward(this, x, column, result);
        Record(operation, node);
        return result;
    }
}
