using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>
/// The cross-entropy of z = x·Wᵀ, of which only a block exists at a time: <see cref="LinearOperation"/> and
/// <see cref="TokenCrossEntropyOperation"/> in turns. The backward pass computes a block of z again and puts its gradient in
/// its place (as in Cut Cross-Entropy, arXiv 2411.09009): one product more than with whole logits. Rows without a loss are
/// left out where a block has no others.
/// </summary>
internal sealed unsafe class LinearCrossEntropyOperation : Operation
{
    // Of a block: 8 MiB.
    private const int BlockElements = 1 << 21;

    // Rows under which packing the weight takes too much of a product's time, however large the vocabulary.
    private const int LeastRows = 128;

    // Rows of a block of the backward pass; with whole chunks of the sums over rows and over columns, the gradients of
    // weight and input are summed in the order of one product each.
    private const int BackwardRows = 4 * Gemm.ChunkDepth;

    private Tensor _x, _result;
    private int _xNode;
    private Parameter _weight = null!;
    private TokenLossRows _rows;

    /// <summary>result = the weighted loss, or the weighted log-probability of each sequence.</summary>
    public void Forward(Tape tape, Tensor x, Parameter weight, in TokenLossArguments arguments, Tensor result)
    {
        (_x, _xNode, _weight, _result) = (x, tape.NodeOf(x), weight, result);
        int vocabulary = weight.Tensor.Rows;
        _rows = new TokenLossRows(tape, x.Rows, vocabulary, arguments, result);
        int most = Math.Min(Math.Max(BlockElements / Math.Max(vocabulary, 1), LeastRows), x.Rows);
        float* scratch = tape.Scratch((long)most * vocabulary);
        for (int row = 0; row < x.Rows; row += most)
        {
            int rows = Math.Min(most, x.Rows - row);
            if (_rows.AnyCounts(row, rows))
                _rows.Losses(tape.Pool, Multiply(tape, new LogitBlock(scratch, row, rows, 0, vocabulary)));
        }

        _rows.Write(result);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        int vocabulary = _weight.Tensor.Rows, width = _x.Columns;
        bool accumulate = _xNode >= 0 && tape.Claim(_xNode);
        int mostRows = Math.Min(BackwardRows, _x.Rows);
        int mostColumns = Math.Min(BlockElements / Math.Max(mostRows, 1) / Gemm.ChunkDepth * Gemm.ChunkDepth, vocabulary);
        float* scratch = tape.Scratch((long)mostRows * mostColumns);
        for (int row = 0; row < _x.Rows; row += mostRows)
        {
            int rows = Math.Min(mostRows, _x.Rows - row);
            if (accumulate || _rows.AnyCounts(row, rows))
            {
                for (int column = 0; column < vocabulary; column += mostColumns)
                {
                    int columns = Math.Min(mostColumns, vocabulary - column);
                    Differentiate(tape, new LogitBlock(scratch, row, rows, column, columns), accumulate || column > 0);
                }
            }
            else if (_xNode >= 0)
            {
                NativeMemory.Clear(_x.Gradient + ((long)row * width), (nuint)((long)rows * width * sizeof(float)));
            }
        }
    }

    // What a block of the logits contributes to the gradients of input and weight.
    private void Differentiate(Tape tape, LogitBlock block, bool accumulate)
    {
        Multiply(tape, block);
        _rows.Differentiate(tape.Pool, block, _result, block.Data, accumulate: false);
        int width = _x.Columns;
        long atX = (long)block.FirstRow * width;
        if (_xNode >= 0)
            Gemm.Multiply(GemmProblem.InputGradient(block.Rows, block.Data, Weight(block), _x.Gradient + atX, accumulate), tape.Pool);
        if (_weight.IsTrainable)
        {
            Gemm.MultiplyTN(
                block.Columns, width, block.Rows, block.Data, block.Columns, _x.Data + atX, width,
                _weight.Tensor.Gradient + ((long)block.FirstColumn * width), width, true, tape.Pool);
        }
    }

    // Computes the logits of a block.
    private LogitBlock Multiply(Tape tape, LogitBlock block)
    {
        int width = _x.Columns;
        Gemm.Multiply(
            GemmProblem.Projection(block.Rows, _x.Data + ((long)block.FirstRow * width), width, Weight(block), null, block.Data), tape.Pool);
        return block;
    }

    private WeightRows Weight(LogitBlock block) => new(_weight, block.FirstColumn, block.Columns);
}
