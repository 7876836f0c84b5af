using System.Runtime.CompilerServices;

namespace Tandem.Tensors.Operations;

/// <summary>The backward pass of <see cref="AttentionOperation"/>.</summary>
internal static unsafe class AttentionBackward
{
    /// <summary>One key-value head of one sequence, as in <see cref="AttentionForward.Chunk"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Chunk(void* state, int chunk)
    {
        ref AttentionWork work = ref *(AttentionWork*)state;
        AttentionChunk own = work.ChunkAt(chunk);
        int d = work.HeadSize, padded = work.Padded, keys = own.KeyStride, kvStride = work.KeyValueHeads * d;
        long panel = (long)keys * padded, block = AttentionWork.BlockRows * padded, square = (long)AttentionWork.BlockRows * keys;
        float* scratch = ThreadScratch.Floats((panel * 5) + (square * 2) + (block * 3));
        var blocks = new Blocks { Stride = keys, KeyPanels = scratch };
        blocks.ValuePanels = blocks.KeyPanels + panel;
        blocks.Keys = blocks.ValuePanels + panel;
        blocks.KeyGradients = blocks.Keys + panel;
        blocks.ValueGradients = blocks.KeyGradients + panel;
        blocks.Probabilities = blocks.ValueGradients + panel;
        blocks.Scores = blocks.Probabilities + square;
        blocks.Queries = blocks.Scores + square;
        blocks.Outputs = blocks.Queries + block;
        blocks.QueryGradients = blocks.Outputs + block;
        blocks.Powers = work.PowersOf(chunk);
        new Span<float>(blocks.KeyGradients, (int)panel).Clear();
        new Span<float>(blocks.ValueGradients, (int)panel).Clear();

        for (int row = own.First; row < own.End;)
        {
            AttentionRun run = work.RunAt(row, own.End);
            int length = run.End - run.First;
            long offset = work.OffsetOfKeys(run, own.KeyValueHead);
            float* keyRows = blocks.Keys + ((long)run.Position * padded);
            work.Rotary.Pack(run.First, work.K + offset, kvStride, length, d, 1f, keyRows, length, padded);
            if (blocks.Powers == null)
                SmallProduct.PackPanels(keyRows, padded, run.Position, length, d, blocks.KeyPanels);
            SmallProduct.PackPanels(work.V + offset, kvStride, run.Position, length, d, blocks.ValuePanels);
            for (int head = own.FirstHead; head < own.EndHead; head++)
                Head(work, chunk, head, run, ref blocks);

            // The next run takes the place of keys that no later row sees; after the last run all are done.
            row = run.End;
            int next = row < own.End ? work.Rotary.Positions[row] : 0;
            Unpack(work, own.KeyValueHead, run, next, blocks);
            new Span<float>(blocks.KeyGradients + ((long)next * padded), (run.EndPosition - next) * padded).Clear();
            new Span<float>(blocks.ValueGradients + ((long)next * padded), (run.EndPosition - next) * padded).Clear();
        }
    }

    // The rows of a run in one head.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Head(in AttentionWork work, int chunk, int head, in AttentionRun run, ref Blocks blocks)
    {
        int d = work.HeadSize, padded = work.Padded, keys = blocks.Stride, qStride = work.Heads * d;
        int first = run.First - run.Position, last = run.EndPosition;
        float* deltas = stackalloc float[AttentionWork.BlockRows]; // Σ output·gradient of each row
        for (int start = run.FirstOfTiles; start < last; start += AttentionWork.BlockRows)
        {
            int rows = Math.Min(AttentionWork.BlockRows, last - start), before = Math.Max(run.Position - start, 0), real = rows - before;
            long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
            long realOffset = rowOffset + ((long)before * qStride);
            AttentionFetch ahead = work.After(chunk, head, run, first + start + rows, rows);
            new Span<float>(blocks.Queries, before * padded).Clear();
            new Span<float>(blocks.Outputs, before * padded).Clear();
            float* queries = blocks.Queries + (before * padded), outputs = blocks.Outputs + (before * padded);
            work.Rotary.Pack(first + start + before, work.Q + realOffset, qStride, real, d, work.Scale, queries, real, padded);
            SmallProduct.Pack(work.ResultGradient + realOffset, qStride, real, d, 1f, outputs, real, padded);
            AttentionRows.Dots(work.Result + realOffset, work.ResultGradient + realOffset, qStride, real, d, deltas + before);

            // Outputs show what is not finite of their rows' queries, and their products with gradients what is of these.
            bool exact = work.Exact[chunk] || !AttentionPairs.AllFinite(deltas + before, real);
            for (int row = 0; row < rows; row += SmallProduct.TileRows)
            {
                int visible = start + row + SmallProduct.TileRows, width = AttentionWork.RoundUp(visible);
                int skipped = Math.Max(before - row, 0);
                float* tile = blocks.Probabilities + ((long)row * keys);
                float* gradients = blocks.Scores + ((long)row * keys);
                long later = ahead.Queries + ((long)row * qStride);
                AttentionRows.Prefetch(work.Q + later, qStride, SmallProduct.TileRows, d);
                AttentionRows.Prefetch(work.Result + later, qStride, SmallProduct.TileRows, d);
                AttentionRows.Prefetch(work.ResultGradient + later, qStride, SmallProduct.TileRows, d);
                if (work.QGradient != null)
                    AttentionRows.Prefetch(work.QGradient + rowOffset + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                work.PrefetchKeys(ahead, row / SmallProduct.TileRows);
                if (blocks.Powers == null)
                {
                    SmallProduct.Multiply(
                        blocks.Queries + ((long)row * padded), padded, 1, blocks.KeyPanels, SmallProduct.TileColumns,
                        SmallProduct.TileColumns * d, tile, keys, width, d, false);
                }

                SmallProduct.Multiply(
                    blocks.Outputs + ((long)row * padded), padded, 1, blocks.ValuePanels, SmallProduct.TileColumns,
                    SmallProduct.TileColumns * d, gradients, keys, width, d, false);

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
                    if (blocks.Powers == null)
                        AttentionRows.Powers(p, start + i + 1, width, kept[0]);
                    AttentionRows.ScoreGradients(
                        blocks.Powers == null ? p : blocks.Powers + ((long)r * width), p, g, width, kept[1], deltas[i]);
                }

                if (blocks.Powers != null)
                    blocks.Powers += SmallProduct.TileRows * width;

                // dQ of these rows = dS·K
                if (exact)
                {
                    AttentionPairs.SumOverKeys(
                        start + row + skipped, SmallProduct.TileRows - skipped, gradients + ((long)skipped * keys), keys, blocks.Keys,
                        blocks.QueryGradients + ((row + skipped) * padded), padded);
                    continue;
                }

                SmallProduct.Multiply(
                    gradients, keys, 1, blocks.Keys, padded, SmallProduct.TileColumns, blocks.QueryGradients + (row * padded), padded, padded,
                    visible, false);
            }

            if (exact)
            {
                long skip = (long)before * keys;
                AttentionPairs.AddOverRows(start + before, real, blocks.Probabilities + skip, keys, outputs, blocks.ValueGradients, padded);
                AttentionPairs.AddOverRows(start + before, real, blocks.Scores + skip, keys, queries, blocks.KeyGradients, padded);
            }

            // Rows before a key's own row have probability 0 (or were not computed): the sums start at the key's tile.
            for (int key = 0; key < start + rows && !exact; key += SmallProduct.TileRows)
            {
                int from = Math.Max(key - start, 0) / SmallProduct.TileRows * SmallProduct.TileRows;
                SmallProduct.Multiply(
                    blocks.Probabilities + ((long)from * keys) + key, 1, keys, blocks.Outputs + (from * padded), padded,
                    SmallProduct.TileColumns, blocks.ValueGradients + ((long)key * padded), padded, padded, rows - from, true);
                SmallProduct.Multiply(
                    blocks.Scores + ((long)from * keys) + key, 1, keys, blocks.Queries + (from * padded), padded, SmallProduct.TileColumns,
                    blocks.KeyGradients + ((long)key * padded), padded, padded, rows - from, true);
            }

            if (work.QGradient != null)
            {
                work.Rotary.Unpack(
                    first + start + before, blocks.QueryGradients + (before * padded), padded, real, d, work.Scale, work.QGradient + realOffset,
                    qStride, work.AccumulateQ);
            }
        }
    }

    // The gradients of the keys and values that the last row of a run sees, from a position on.
    private static void Unpack(in AttentionWork work, int keyValueHead, in AttentionRun run, int position, in Blocks blocks)
    {
        int* positions = work.Rotary.Positions;
        int row = run.First, place = Math.Max(position, run.Position);
        UnpackRows(work, keyValueHead, row + place - run.Position, place, run.EndPosition - place, blocks);
        while (place > position)
        {
            // The last row that has the position before, and those that it follows.
            do
                row--;
            while (positions[row] != place - 1);
            int end = place--;
            for (; place > position && positions[row - 1] == place - 1; row--)
                place--;
            UnpackRows(work, keyValueHead, row, place, end - place, blocks);
        }
    }

    private static void UnpackRows(in AttentionWork work, int keyValueHead, int row, int place, int rows, in Blocks blocks)
    {
        int d = work.HeadSize, stride = work.KeyValueHeads * d, padded = work.Padded;
        long offset = ((long)row * stride) + ((long)keyValueHead * d), from = (long)place * padded;

        // The queries carry the scale already.
        if (work.KGradient != null)
            work.Rotary.Unpack(row, blocks.KeyGradients + from, padded, rows, d, 1f, work.KGradient + offset, stride, work.AccumulateK);
        if (work.VGradient != null)
            SmallProduct.Unpack(blocks.ValueGradients + from, padded, rows, d, 1f, work.VGradient + offset, stride, work.AccumulateV);
    }

    // A chunk's part of the thread's scratch; keys and values by position.
    private struct Blocks
    {
        public int Stride; // floats between rows of probabilities and scores
        public float* KeyPanels; // [D, keys] in panels
        public float* ValuePanels; // [D, keys] in panels
        public float* Keys; // [keys, padded]
        public float* KeyGradients; // [keys, padded]
        public float* ValueGradients; // [keys, padded]
        public float* Probabilities; // [BlockRows, keys]
        public float* Scores; // [BlockRows, keys]: gradients of the scores
        public float* Queries; // [BlockRows, padded], scaled
        public float* Outputs; // [BlockRows, padded]: gradients of the outputs
        public float* QueryGradients; // [BlockRows, padded]
        public float* Powers; // of the next tile, from the forward pass; null where they are computed again
    }
}
