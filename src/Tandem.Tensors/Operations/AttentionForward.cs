using System.Runtime.CompilerServices;

namespace Tandem.Tensors.Operations;

/// <summary>The forward pass of <see cref="AttentionOperation"/>.</summary>
internal static unsafe class AttentionForward
{
    /// <summary>One key-value head of one sequence: run after run, and of each run the heads that share the keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Chunk(void* state, int chunk)
    {
        ref AttentionWork work = ref *(AttentionWork*)state;
        AttentionChunk own = work.ChunkAt(chunk);
        int d = work.HeadSize, padded = work.Padded, keys = own.KeyStride, kvStride = work.KeyValueHeads * d;

        float* scratch = ThreadScratch.Floats(
            ((long)keys * padded * 2) + ((long)SmallProduct.TileRows * (keys + padded)) + (AttentionWork.BlockRows * padded));
        var blocks = new Blocks { KeyPanels = scratch };
        blocks.Values = blocks.KeyPanels + ((long)keys * padded);
        blocks.Queries = blocks.Values + ((long)keys * padded);
        blocks.Probabilities = blocks.Queries + (AttentionWork.BlockRows * padded);
        blocks.Outputs = blocks.Probabilities + (SmallProduct.TileRows * keys);
        blocks.Powers = work.PowersOf(chunk);

        bool exact = false;
        for (int row = own.First; row < own.End;)
        {
            AttentionRun run = work.RunAt(row, own.End);
            int length = run.End - run.First;
            long offset = work.OffsetOfKeys(run, own.KeyValueHead), place = (long)run.Position * padded;
            work.Rotary.Pack(run.First, work.K + offset, kvStride, length, d, 1f, blocks.Values + place, length, padded);
            SmallProduct.PackPanels(blocks.Values + place, padded, run.Position, length, d, blocks.KeyPanels);
            SmallProduct.Pack(work.V + offset, kvStride, length, d, 1f, blocks.Values + place, length, padded);
            for (int head = own.FirstHead; head < own.EndHead; head++)
            {
                // The last row meets every key in its scores and every value in its sums: a number that is not finite shows
                // there, and the head is computed once more.
                float* powers = blocks.Powers;
                if (!Head(work, chunk, head, run, ref blocks, exact) && !exact)
                {
                    exact = true;
                    blocks.Powers = powers;
                    Head(work, chunk, head, run, ref blocks, exact);
                }
            }

            row = run.End;
        }

        work.Exact[chunk] = exact;
    }

    // The rows of a run in one head; whether what its last row meets is finite.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Head(in AttentionWork work, int chunk, int head, in AttentionRun run, ref Blocks blocks, bool exact)
    {
        int d = work.HeadSize, padded = work.Padded, qStride = work.Heads * d, first = run.First - run.Position, end = run.EndPosition;
        float* statistics = stackalloc float[2 * SmallProduct.TileRows];
        bool finite = true;
        for (int start = run.FirstOfTiles; start < end; start += AttentionWork.BlockRows)
        {
            int rows = Math.Min(AttentionWork.BlockRows, end - start), before = Math.Max(run.Position - start, 0);
            long rowOffset = ((long)(first + start) * qStride) + ((long)head * d);
            AttentionFetch ahead = work.After(chunk, head, run, first + start + rows, rows);
            new Span<float>(blocks.Queries, before * padded).Clear();
            work.Rotary.Pack(
                first + start + before, work.Q + rowOffset + ((long)before * qStride), qStride, rows - before, d, work.Scale,
                blocks.Queries + (before * padded), rows - before, padded);
            for (int row = 0; row < rows; row += SmallProduct.TileRows, before = 0)
            {
                int visible = start + row + SmallProduct.TileRows, width = AttentionWork.RoundUp(visible);
                float* tile = blocks.Powers != null ? blocks.Powers : blocks.Probabilities;
                AttentionRows.Prefetch(work.Result + rowOffset + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                AttentionRows.Prefetch(work.Q + ahead.Queries + ((long)row * qStride), qStride, SmallProduct.TileRows, d);
                work.PrefetchKeys(ahead, row / SmallProduct.TileRows);
                SmallProduct.Multiply(
                    blocks.Queries + ((long)row * padded), padded, 1, blocks.KeyPanels, SmallProduct.TileColumns,
                    SmallProduct.TileColumns * d, tile, width, width, d, false);
                if (visible == end)
                    finite = AttentionPairs.AllFinite(tile + ((SmallProduct.TileRows - 1) * width), end);
                AttentionRows.Softmax(tile, width, start + row, width, statistics);
                if (exact)
                {
                    AttentionPairs.SumOverKeys(
                        start + row + before, SmallProduct.TileRows - before, tile + (before * width), width, blocks.Values,
                        blocks.Outputs + (before * padded), padded);
                }
                else
                {
                    SmallProduct.Multiply(
                        tile, width, 1, blocks.Values, padded, SmallProduct.TileColumns, blocks.Outputs, padded, padded, visible, false);
                }

                for (int r = before; r < SmallProduct.TileRows; r++)
                {
                    long position = first + start + row + r;
                    float* kept = work.Statistics + (((position * work.Heads) + head) * 2);
                    kept[0] = statistics[2 * r];
                    kept[1] = statistics[(2 * r) + 1];
                    float* destination = work.Result + (position * qStride) + ((long)head * d);
                    SmallProduct.Unpack(blocks.Outputs + (r * padded), padded, 1, d, kept[1], destination, qStride, false);
                }

                if (blocks.Powers != null)
                    blocks.Powers += SmallProduct.TileRows * width;
            }
        }

        return finite && AttentionPairs.AllFinite(blocks.Outputs + ((SmallProduct.TileRows - 1) * padded), d);
    }

    // A chunk's part of the thread's scratch; keys and values by position.
    private struct Blocks
    {
        public float* KeyPanels; // [D, keys] in panels
        public float* Values; // [keys, padded]
        public float* Queries; // [BlockRows, padded]
        public float* Probabilities; // [6, keys]
        public float* Outputs; // [6, padded]
        public float* Powers; // of the next tile; null where they are not kept
    }
}
