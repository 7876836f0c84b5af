using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Causal grouped-query attention within packed sequences. A chunk of work is one key-value head of one sequence with
/// all the query heads that share it, so each gradient has one owner and sums in one order. Queries are taken in blocks
/// of <see cref="BlockRows"/>; keys after a block are never touched. The forward pass keeps each row's largest score and
/// exponential sum, from which the backward pass recomputes the probabilities (FlashAttention, arXiv 2205.14135, section
/// 3.1); of short sequences it keeps the exponentials too, which take less time to read than to compute.
/// </summary>
internal sealed unsafe class AttentionOperation : Operation
{
    /// <summary>Query rows of a block: with 128 keys, probabilities and their gradients take 64 KiB.</summary>
    private const int BlockRows = 64;

    private Tensor _q, _k, _v, _result;
    private int _qNode, _kNode, _vNode;
    private int* _offsets, _positions;
    private HiddenKeys* _hidden; // of each row, or null
    private RotaryTable? _rotation;
    private int _sequences, _heads, _keyValueHeads;
    private float* _statistics; // [N, heads, 2]: largest score, 1 / exponential sum
    private float* _powers; // see AttentionWork
    private long* _powerOffsets;
    private bool* _exact; // see AttentionWork

    /// <summary>result = softmax(q·kᵀ / √D)·v, with q and k turned by the angles of their positions.</summary>
    public void Forward(
        Tape tape, Tensor q, Tensor k, Tensor v, int* offsets, int sequences, int heads, int keyValueHeads,
        RotaryTable? rotation, int* positions, HiddenKeys* hidden, Tensor result)
    {
        _rotation = rotation;
        _positions = positions;
        _hidden = hidden;
        (_q, _k, _v, _result) = (q, k, v, result);
        (_qNode, _kNode, _vNode) = (tape.NodeOf(q), tape.NodeOf(k), tape.NodeOf(v));
        _offsets = offsets;
        (_sequences, _heads, _keyValueHeads) = (sequences, heads, keyValueHeads);
        _statistics = tape.Arena.Floats((2L * q.Rows * heads) + 1);
        _exact = (bool*)tape.Arena.Integers(Math.Max(sequences * keyValueHeads, 1));
        ReservePowers(tape.Arena, wanted: result.Gradient != null);
        AttentionWork work = NewWork(tape);
        tape.Pool.Run(sequences * keyValueHeads, &ForwardChunk, &work);
        GC.KeepAlive(rotation);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        AttentionWork work = NewWork(tape);
        work.ResultGradient = _result.Gradient;
        if (_qNode >= 0)
        {
            work.QGradient = _q.Gradient;
            work.AccumulateQ = tape.Claim(_qNode);
        }

        if (_kNode >= 0)
        {
            work.KGradient = _k.Gradient;
            work.AccumulateK = tape.Claim(_kNode);
        }

        if (_vNode >= 0)
        {
            work.VGradient = _v.Gradient;
            work.AccumulateV = tape.Claim(_vNode);
        }

        tape.Pool.Run(_sequences * _keyValueHeads, &BackwardChunk, &work);
        GC.KeepAlive(_rotation);
    }

    private AttentionWork NewWork(Tape tape)
    {
        int headSize = _q.Columns / _heads;
        var rotary = new RotaryRows { Positions = _positions };
        if (_rotation is not null)
        {
            rotary.Cosines = _rotation.Cosines;
            rotary.Sines = _rotation.Sines;
        }

        return new AttentionWork
        {
            Rotary = rotary,
            Q = _q.Data,
            K = _k.Data,
            V = _v.Data,
            Result = _result.Data,
            Statistics = _statistics,
            Powers = _powers,
            PowerOffsets = _powerOffsets,
            Hidden = _hidden,
            Exact = _exact,
            Offsets = _offsets,
            Chunks = _sequences * _keyValueHeads,
            Threads = tape.Pool.Threads,
            Heads = _heads,
            KeyValueHeads = _keyValueHeads,
            HeadSize = headSize,
            Padded = AttentionWork.RoundUp(headSize),
            Scale = (float)(1.0 / Math.Sqrt(headSize)),
        };
    }

    private void ReservePowers(Arena arena, bool wanted)
    {
        _powerOffsets = null;
        if (!wanted)
            return;
        _powerOffsets = (long*)arena.Floats(2L * (_sequences + 1));
        long total = 0;
        for (int i = 0; i < _sequences; i++)
        {
            _powerOffsets[i] = total;
            total += _heads * AttentionWork.PowersOfHead(_offsets[i + 1] - _offsets[i]);
        }

        _powers = arena.Floats(Math.Max(total, 1));
    }

    // An odd number of cache lines: columns that are read down the rows then fall into different sets of the cache.
    private static int KeyStride(int length) => AttentionWork.RoundUp(length) | 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardChunk(void* state, int chunk)
    {
        ref AttentionWork work = ref *(AttentionWork*)state;
        int keyValueHead = chunk % work.KeyValueHeads;
        int first = work.Offsets[chunk / work.KeyValueHeads];
        int length = work.Offsets[(chunk / work.KeyValueHeads) + 1] - first;
        if (length == 0)
            return;
        int d = work.HeadSize, padded = work.Padded, keys = KeyStride(length);
        int qStride = work.Heads * d, kvStride = work.KeyValueHeads * d;
        int blockRows = Math.Min(BlockRows, keys);

        float* scratch = ThreadScratch.Floats(
            (long)keys * padded * 2 + (long)blockRows * (keys + (2 * padded)));
        float* keysT = scratch;                          // [D, keys]
        float* values = keysT + ((long)keys * padded);   // [keys, padded]
        float* probabilities = values + ((long)keys * padded); // [blockRows, keys]
        float* queries = probabilities + ((long)blockRows * keys); // [blockRows, padded]
        float* outputs = queries + ((long)blockRows * padded);     // [blockRows, padded]

        float* k = work.K + ((long)first * kvStride) + ((long)keyValueHead * d);
        float* v = work.V + ((long)first * kvStride) + ((long)keyValueHead * d);
        work.Rotary.Pack(first, k, kvStride, length, d, 1f, values, keys, padded);
        GemmPacking.PackPanel(values, 1, padded, d, length, keys, keysT);
        SmallProduct.Pack(v, kvStride, length, d, 1f, values, keys, padded);

        float* statistics = stackalloc float[8];
        float* powers = work.PowersOf(chunk, length);
        int group = work.Heads / work.KeyValueHeads;
        bool exact = false, finite = true;
        for (int head = keyValueHead * group; head < (keyValueHead + 1) * group; head++)
        {
            float* powersOfHead = powers;
            for (int start = 0; start < length; start += BlockRows)
            {
                int rows = Math.Min(BlockRows, length - start);
                int paddedRows = (rows + 3) / 4 * 4;
                long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
                float* q = work.Q + rowOffset;
                AttentionFetch ahead = work.After(chunk, head, start, rows);
                work.Rotary.Pack(first + start, q, qStride, rows, d, work.Scale, queries, paddedRows, padded);
                for (int row = 0; row < paddedRows; row += 4)
                {
                    int visible = Math.Min(start + row + 4, length), width = AttentionWork.RoundUp(visible);
                    float* tile = powers != null ? powers : probabilities + ((long)row * keys);
                    int stride = powers != null ? width : keys;
                    AttentionRows.Prefetch(work.Result + rowOffset + ((long)row * qStride), qStride, 4, d);
                    AttentionRows.Prefetch(work.Q + ahead.Queries + ((long)row * qStride), qStride, 4, d);
                    work.PrefetchKeys(ahead, row / 4);
                    SmallProduct.Multiply(
                        queries + ((long)row * padded), padded, 1, keysT, keys, tile, stride, 4, width, d, false);
                    if (start + row + 4 >= length)
                        finite = AttentionPairs.AllFinite(tile + ((long)(length - 1 - start - row) * stride), length);
                    work.Hide(tile, stride, first + start + row, Math.Min(4, rows - row));
                    AttentionRows.Softmax(tile, stride, start + row, length, width, statistics);
                    float* output = outputs + ((long)row * padded);
                    if (exact)
                        AttentionPairs.SumOverKeys(work, first, start + row, Math.Min(4, rows - row), tile, stride, values, output);
                    else
                        SmallProduct.Multiply(tile, stride, 1, values, padded, output, padded, 4, padded, visible, false);
                    for (int r = 0; r < 4 && row + r < rows; r++)
                    {
                        long position = first + start + row + r;
                        float* kept = work.Statistics + (((position * work.Heads) + head) * 2);
                        kept[0] = statistics[2 * r];
                        kept[1] = statistics[(2 * r) + 1];
                        float* destination = work.Result + (position * qStride) + ((long)head * d);
                        SmallProduct.Unpack(output + (r * padded), padded, 1, d, kept[1], destination, qStride, false);
                    }

                    if (powers != null)
                        powers += 4 * width;
                }
            }

            // The last row meets every key in its scores and every value in its sums: a number that is not finite shows there,
            // and the head is computed once more.
            if (!exact && !(finite && AttentionPairs.AllFinite(outputs + ((length - 1) % BlockRows * padded), d)))
            {
                exact = true;
                powers = powersOfHead;
                head--;
            }
        }

        work.Exact[chunk] = exact;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardChunk(void* state, int chunk)
    {
        ref AttentionWork work = ref *(AttentionWork*)state;
        int keyValueHead = chunk % work.KeyValueHeads;
        int first = work.Offsets[chunk / work.KeyValueHeads];
        int length = work.Offsets[(chunk / work.KeyValueHeads) + 1] - first;
        if (length == 0)
            return;
        int d = work.HeadSize, padded = work.Padded, keys = KeyStride(length);
        int qStride = work.Heads * d, kvStride = work.KeyValueHeads * d;
        int blockRows = Math.Min(BlockRows, keys);

        long panel = (long)keys * padded, block = (long)blockRows * padded, square = (long)blockRows * keys;
        float* scratch = ThreadScratch.Floats((panel * 5) + (square * 2) + (block * 3));
        float* keysT = scratch;                    // [D, keys]
        float* valuesT = keysT + panel;            // [D, keys]
        float* keyRows = valuesT + panel;          // [keys, padded]
        float* keyGradients = keyRows + panel;     // [keys, padded]
        float* valueGradients = keyGradients + panel; // [keys, padded]
        float* probabilities = valueGradients + panel; // [blockRows, keys]
        float* scores = probabilities + square;    // [blockRows, keys]: gradients of the scores
        float* queries = scores + square;          // [blockRows, padded], scaled
        float* outputs = queries + block;          // [blockRows, padded]: gradients of the outputs
        float* queryGradients = outputs + block;   // [blockRows, padded]
        float* deltas = stackalloc float[BlockRows]; // Σ output·gradient of each row

        long keyOffset = ((long)first * kvStride) + ((long)keyValueHead * d);
        work.Rotary.Pack(first, work.K + keyOffset, kvStride, length, d, 1f, keyRows, keys, padded);
        GemmPacking.PackPanel(keyRows, 1, padded, d, length, keys, keysT);
        GemmPacking.PackPanel(work.V + keyOffset, 1, kvStride, d, length, keys, valuesT);
        new Span<float>(keyGradients, (int)panel).Clear();
        new Span<float>(valueGradients, (int)panel).Clear();
        float* powers = work.PowersOf(chunk, length);

        int group = work.Heads / work.KeyValueHeads;
        for (int head = keyValueHead * group; head < (keyValueHead + 1) * group; head++)
        {
            for (int start = 0; start < length; start += BlockRows)
            {
                int rows = Math.Min(BlockRows, length - start);
                int paddedRows = (rows + 3) / 4 * 4;
                int blockKeys = AttentionWork.RoundUp(Math.Min(start + paddedRows, length));
                long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
                AttentionFetch ahead = work.After(chunk, head, start, rows);
                work.Rotary.Pack(first + start, work.Q + rowOffset, qStride, rows, d, work.Scale, queries, paddedRows, padded);
                SmallProduct.Pack(work.ResultGradient + rowOffset, qStride, rows, d, 1f, outputs, paddedRows, padded);
                AttentionRows.Dots(work.Result + rowOffset, work.ResultGradient + rowOffset, qStride, rows, d, deltas);

                // Outputs show what is not finite of their rows' queries, and their products with gradients what is of these.
                bool exact = work.Exact[chunk] || !AttentionPairs.AllFinite(deltas, rows);
                for (int row = 0; row < paddedRows; row += 4)
                {
                    int visible = Math.Min(start + row + 4, length), width = AttentionWork.RoundUp(visible);
                    float* tile = probabilities + ((long)row * keys);
                    float* gradients = scores + ((long)row * keys);
                    long later = ahead.Queries + ((long)row * qStride);
                    AttentionRows.Prefetch(work.Q + later, qStride, 4, d);
                    AttentionRows.Prefetch(work.Result + later, qStride, 4, d);
                    AttentionRows.Prefetch(work.ResultGradient + later, qStride, 4, d);
                    if (work.QGradient != null)
                        AttentionRows.Prefetch(work.QGradient + rowOffset + ((long)row * qStride), qStride, 4, d);
                    work.PrefetchKeys(ahead, row / 4);
                    if (powers == null)
                    {
                        SmallProduct.Multiply(
                            queries + ((long)row * padded), padded, 1, keysT, keys, tile, keys, 4, width, d, false);
                        work.Hide(tile, keys, first + start + row, Math.Min(4, rows - row));
                    }

                    SmallProduct.Multiply(
                        outputs + ((long)row * padded), padded, 1, valuesT, keys, gradients, keys, 4, width, d, false);
                    for (int r = 0; r < 4; r++)
                    {
                        int i = row + r;
                        float* p = tile + ((long)r * keys);
                        float* g = gradients + ((long)r * keys);
                        if (i >= rows)
                        {
                            new Span<float>(p, width).Clear();
                            new Span<float>(g, width).Clear();
                            continue;
                        }

                        float* kept = work.Statistics + ((((long)(first + start + i) * work.Heads) + head) * 2);
                        if (powers == null)
                            AttentionRows.Exponentials(p, Math.Min(start + i + 1, length), width, kept[0]);
                        AttentionRows.ScoreGradients(
                            powers == null ? p : powers + ((long)r * width), p, g, width, kept[1], deltas[i]);
                    }

                    if (powers != null)
                        powers += 4 * width;

                    // dQ of these rows = dS·K
                    if (exact)
                    {
                        AttentionPairs.SumOverKeys(
                            work, first, start + row, Math.Min(4, rows - row), gradients, keys, keyRows, queryGradients + ((long)row * padded));
                        continue;
                    }

                    SmallProduct.Multiply(
                        gradients, keys, 1, keyRows, padded, queryGradients + ((long)row * padded), padded, 4, padded,
                        visible, false);
                }

                if (exact)
                {
                    AttentionPairs.AddOverRows(work, first, start, rows, probabilities, keys, outputs, valueGradients);
                    AttentionPairs.AddOverRows(work, first, start, rows, scores, keys, queries, keyGradients);
                    blockKeys = 0;
                }

                // Rows before a key's own row have probability 0 (or were not computed): the sums start at the key's tile.
                for (int key = 0; key < blockKeys; key += 4)
                {
                    int from = Math.Clamp(key - start, 0, paddedRows) / 4 * 4;
                    int depth = paddedRows - from;
                    if (depth == 0)
                        continue;
                    SmallProduct.Multiply(
                        probabilities + ((long)from * keys) + key, 1, keys, outputs + ((long)from * padded), padded,
                        valueGradients + ((long)key * padded), padded, 4, padded, depth, true);
                    SmallProduct.Multiply(
                        scores + ((long)from * keys) + key, 1, keys, queries + ((long)from * padded), padded,
                        keyGradients + ((long)key * padded), padded, 4, padded, depth, true);
                }

                if (work.QGradient != null)
                {
                    work.Rotary.Unpack(
                        first + start, queryGradients, padded, rows, d, work.Scale, work.QGradient + rowOffset, qStride,
                        work.AccumulateQ);
                }
            }
        }

        // The queries carry the scale already.
        if (work.KGradient != null)
        {
            work.Rotary.Unpack(
                first, keyGradients, padded, length, d, 1f, work.KGradient + keyOffset, kvStride, work.AccumulateK);
        }

        if (work.VGradient != null)
            SmallProduct.Unpack(valueGradients, padded, length, d, 1f, work.VGradient + keyOffset, kvStride, work.AccumulateV);
    }
}
