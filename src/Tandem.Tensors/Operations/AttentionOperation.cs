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
    /// <summary>Query rows of a block, whole tiles: with 128 keys, probabilities and their gradients take 75 KiB.</summary>
    private const int BlockRows = 11 * SmallProduct.TileRows;

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

    // Room for keys in whole tiles; an odd number of cache lines, so that columns that are read down the rows fall into
    // different sets of the cache.
    private static int KeyStride(int length) => AttentionWork.RoundUp(length + SmallProduct.TileRows) | 16;

    // [D, keys] in panels of 16 keys from rows of keys or values; zero after the last.
    private static void PackPanels(float* rows, int stride, int length, int d, float* panels)
    {
        for (int key = 0; key < length; key += SmallProduct.TileColumns, panels += SmallProduct.TileColumns * d)
        {
            int count = Math.Min(SmallProduct.TileColumns, length - key);
            GemmPacking.PackPanel(rows + ((long)key * stride), 1, stride, d, count, SmallProduct.TileColumns, panels);
        }
    }

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

        float* scratch = ThreadScratch.Floats(
            ((long)keys * padded * 2) + ((long)SmallProduct.TileRows * (keys + padded)) + (BlockRows * padded));
        float* keyPanels = scratch;                      // [D, keys] in panels
        float* values = keyPanels + ((long)keys * padded); // [keys, padded]
        float* queries = values + ((long)keys * padded); // [BlockRows, padded]
        float* probabilities = queries + (BlockRows * padded); // [6, keys]
        float* outputs = probabilities + (SmallProduct.TileRows * keys); // [6, padded]

        float* k = work.K + ((long)first * kvStride) + ((long)keyValueHead * d);
        float* v = work.V + ((long)first * kvStride) + ((long)keyValueHead * d);
        work.Rotary.Pack(first, k, kvStride, length, d, 1f, values, length, padded);
        PackPanels(values, padded, length, d, keyPanels);
        SmallProduct.Pack(v, kvStride, length, d, 1f, values, length, padded);

        float* statistics = stackalloc float[2 * SmallProduct.TileRows];
        float* powers = work.PowersOf(chunk, length);
        int group = work.Heads / work.KeyValueHeads;
        bool exact = false, finite = true;
        for (int head = keyValueHead * group; head < (keyValueHead + 1) * group; head++)
        {
            float* powersOfHead = powers;
            for (int start = -AttentionWork.RowsBefore(length); start < length; start += BlockRows)
            {
                int rows = Math.Min(BlockRows, length - start), before = Math.Max(-start, 0);
                long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
                AttentionFetch ahead = work.After(chunk, head, start, rows);
                new Span<float>(queries, before * padded).Clear();
                work.Rotary.Pack(
                    first + start + before, work.Q + rowOffset + ((long)before * qStride), qStride, rows - before, d, work.Scale,
                    queries + (before * padded), rows - before, padded);
                for (int row = 0; row < rows; row += SmallProduct.TileRows, before = 0)
                {
                    int visible = start + row + SmallProduct.TileRows, width = AttentionWork.RoundUp(visible);
                    float* tile = powers != null ? powers : probabilities;
                    AttentionRows.Prefetch(work.Result + rowOffset + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                    AttentionRows.Prefetch(work.Q + ahead.Queries + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                    work.PrefetchKeys(ahead, row / SmallProduct.TileRows);
                    SmallProduct.Multiply(
                        queries + ((long)row * padded), padded, 1, keyPanels, SmallProduct.TileColumns, SmallProduct.TileColumns * d, tile,
                        width, width, d, false);
                    if (visible == length)
                        finite = AttentionPairs.AllFinite(tile + ((SmallProduct.TileRows - 1) * width), length);
                    work.Hide(tile + (before * width), width, first + start + row + before, SmallProduct.TileRows - before);
                    AttentionRows.Softmax(tile, width, start + row, width, statistics);
                    if (exact)
                    {
                        AttentionPairs.SumOverKeys(
                            work, first, start + row + before, SmallProduct.TileRows - before, tile + (before * width), width, values,
                            outputs + (before * padded));
                    }
                    else
                    {
                        SmallProduct.Multiply(
                            tile, width, 1, values, padded, SmallProduct.TileColumns, outputs, padded, padded, visible, false);
                    }

                    for (int r = before; r < SmallProduct.TileRows; r++)
                    {
                        long position = first + start + row + r;
                        float* kept = work.Statistics + (((position * work.Heads) + head) * 2);
                        kept[0] = statistics[2 * r];
                        kept[1] = statistics[(2 * r) + 1];
                        float* destination = work.Result + (position * qStride) + ((long)head * d);
                        SmallProduct.Unpack(outputs + (r * padded), padded, 1, d, kept[1], destination, qStride, false);
                    }

                    if (powers != null)
                        powers += SmallProduct.TileRows * width;
                }
            }

            // The last row meets every key in its scores and every value in its sums: a number that is not finite shows there,
            // and the head is computed once more.
            if (!exact && !(finite && AttentionPairs.AllFinite(outputs + ((SmallProduct.TileRows - 1) * padded), d)))
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

        long panel = (long)keys * padded, block = BlockRows * padded, square = (long)BlockRows * keys;
        float* scratch = ThreadScratch.Floats((panel * 5) + (square * 2) + (block * 3));
        float* keyPanels = scratch;                // [D, keys] in panels
        float* valuePanels = keyPanels + panel;    // [D, keys] in panels
        float* keyRows = valuePanels + panel;      // [keys, padded]
        float* keyGradients = keyRows + panel;     // [keys, padded]
        float* valueGradients = keyGradients + panel; // [keys, padded]
        float* probabilities = valueGradients + panel; // [BlockRows, keys]
        float* scores = probabilities + square;    // [BlockRows, keys]: gradients of the scores
        float* queries = scores + square;          // [BlockRows, padded], scaled
        float* outputs = queries + block;          // [BlockRows, padded]: gradients of the outputs
        float* queryGradients = outputs + block;   // [BlockRows, padded]
        float* deltas = stackalloc float[BlockRows]; // Σ output·gradient of each row

        long keyOffset = ((long)first * kvStride) + ((long)keyValueHead * d);
        float* powers = work.PowersOf(chunk, length);
        work.Rotary.Pack(first, work.K + keyOffset, kvStride, length, d, 1f, keyRows, length, padded);
        if (powers == null)
            PackPanels(keyRows, padded, length, d, keyPanels);
        PackPanels(work.V + keyOffset, kvStride, length, d, valuePanels);
        new Span<float>(keyGradients, (int)panel).Clear();
        new Span<float>(valueGradients, (int)panel).Clear();

        int group = work.Heads / work.KeyValueHeads;
        for (int head = keyValueHead * group; head < (keyValueHead + 1) * group; head++)
        {
            for (int start = -AttentionWork.RowsBefore(length); start < length; start += BlockRows)
            {
                int rows = Math.Min(BlockRows, length - start), before = Math.Max(-start, 0), real = rows - before;
                long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
                long realOffset = rowOffset + ((long)before * qStride);
                AttentionFetch ahead = work.After(chunk, head, start, rows);
                new Span<float>(queries, before * padded).Clear();
                new Span<float>(outputs, before * padded).Clear();
                work.Rotary.Pack(
                    first + start + before, work.Q + realOffset, qStride, real, d, work.Scale, queries + (before * padded), real, padded);
                SmallProduct.Pack(work.ResultGradient + realOffset, qStride, real, d, 1f, outputs + (before * padded), real, padded);
                AttentionRows.Dots(work.Result + realOffset, work.ResultGradient + realOffset, qStride, real, d, deltas + before);

                // Outputs show what is not finite of their rows' queries, and their products with gradients what is of these.
                bool exact = work.Exact[chunk] || !AttentionPairs.AllFinite(deltas + before, real);
                for (int row = 0; row < rows; row += SmallProduct.TileRows)
                {
                    int visible = start + row + SmallProduct.TileRows, width = AttentionWork.RoundUp(visible);
                    int skipped = Math.Max(before - row, 0);
                    float* tile = probabilities + ((long)row * keys);
                    float* gradients = scores + ((long)row * keys);
                    long later = ahead.Queries + ((long)row * qStride);
                    AttentionRows.Prefetch(work.Q + later, qStride, SmallProduct.TileRows, d);
                    AttentionRows.Prefetch(work.Result + later, qStride, SmallProduct.TileRows, d);
                    AttentionRows.Prefetch(work.ResultGradient + later, qStride, SmallProduct.TileRows, d);
                    if (work.QGradient != null)
                        AttentionRows.Prefetch(work.QGradient + rowOffset + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                    work.PrefetchKeys(ahead, row / SmallProduct.TileRows);
                    if (powers == null)
                    {
                        SmallProduct.Multiply(
                            queries + ((long)row * padded), padded, 1, keyPanels, SmallProduct.TileColumns, SmallProduct.TileColumns * d, tile,
                            keys, width, d, false);
                        work.Hide(tile + ((long)skipped * keys), keys, first + start + row + skipped, SmallProduct.TileRows - skipped);
                    }

                    SmallProduct.Multiply(
                        outputs + ((long)row * padded), padded, 1, valuePanels, SmallProduct.TileColumns, SmallProduct.TileColumns * d, gradients,
                        keys, width, d, false);

                    // The tiles of keys below go further than the groups of columns here.
                    int end = AttentionWork.RoundUp(visible + SmallProduct.TileRows);
                    for (int r = 0; r < SmallProduct.TileRows; r++)
                    {
                        int i = row + r;
                        float* p = tile + ((long)r * keys);
                        float* g = gradients + ((long)r * keys);
                        int computed = r < skipped ? 0 : width;
                        new Span<float>(p + computed, end - computed).Clear();
                        new Span<float>(g + computed, end - computed).Clear();
                        if (r < skipped)
                            continue;
                        float* kept = work.Statistics + ((((long)(first + start + i) * work.Heads) + head) * 2);
                        if (powers == null)
                            AttentionRows.Powers(p, start + i + 1, width, kept[0]);
                        AttentionRows.ScoreGradients(
                            powers == null ? p : powers + ((long)r * width), p, g, width, kept[1], deltas[i]);
                    }

                    if (powers != null)
                        powers += SmallProduct.TileRows * width;

                    // dQ of these rows = dS·K
                    if (exact)
                    {
                        AttentionPairs.SumOverKeys(
                            work, first, start + row + skipped, SmallProduct.TileRows - skipped, gradients + ((long)skipped * keys), keys, keyRows,
                            queryGradients + ((row + skipped) * padded));
                        continue;
                    }

                    SmallProduct.Multiply(
                        gradients, keys, 1, keyRows, padded, SmallProduct.TileColumns, queryGradients + (row * padded), padded, padded, visible,
                        false);
                }

                if (exact)
                {
                    long skip = (long)before * keys;
                    AttentionPairs.AddOverRows(
                        work, first, start + before, real, probabilities + skip, keys, outputs + (before * padded), valueGradients);
                    AttentionPairs.AddOverRows(work, first, start + before, real, scores + skip, keys, queries + (before * padded), keyGradients);
                }

                // Rows before a key's own row have probability 0 (or were not computed): the sums start at the key's tile.
                for (int key = 0; key < start + rows && !exact; key += SmallProduct.TileRows)
                {
                    int from = Math.Max(key - start, 0) / SmallProduct.TileRows * SmallProduct.TileRows;
                    SmallProduct.Multiply(
                        probabilities + ((long)from * keys) + key, 1, keys, outputs + (from * padded), padded, SmallProduct.TileColumns,
                        valueGradients + ((long)key * padded), padded, padded, rows - from, true);
                    SmallProduct.Multiply(
                        scores + ((long)from * keys) + key, 1, keys, queries + (from * padded), padded, SmallProduct.TileColumns,
                        keyGradients + ((long)key * padded), padded, padded, rows - from, true);
                }

                if (work.QGradient != null)
                {
                    work.Rotary.Unpack(
                        first + start + before, queryGradients + (before * padded), padded, real, d, work.Scale, work.QGradient + realOffset,
                        qStride, work.AccumulateQ);
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
