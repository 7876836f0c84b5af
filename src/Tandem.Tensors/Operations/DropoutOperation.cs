using System.Runtime.CompilerServices;

namespace Tandem.Tensors.Operations;

/// <summary>y = x·m / (1 - p) with the m of <see cref="DropoutMask"/>, which is computed again for dx = dy·m / (1 - p).</summary>
internal sealed unsafe class DropoutOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private ulong _key;
    private float _probability;

    /// <summary>result = x·m / (1 - p).</summary>
    public void Forward(Tape tape, Tensor x, float probability, ulong key, Tensor result)
    {
        (_x, _result, _key, _probability) = (x, result, key, probability);
        _xNode = tape.NodeOf(x);
        Run(tape.Pool, x.Data, result.Data, accumulate: false);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        if (_xNode >= 0)
            Run(tape.Pool, _result.Gradient, _x.Gradient, tape.Claim(_xNode));
    }

    private void Run(WorkerPool pool, float* from, float* to, bool accumulate)
    {
        var work = new Work
        {
            From = from,
            To = to,
            Count = _result.Length,
            Key = _key,
            Threshold = DropoutMask.Threshold(_probability),
            Scale = 1f / (1f - _probability),
            Accumulate = accumulate,
        };
        pool.Run(RowPartition.Chunks(work.Count, RowPartition.ChunkElements), &Chunk, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chunk(void* state, int chunk)
    {
        Work work = *(Work*)state;
        int start = chunk * RowPartition.ChunkElements, end = Math.Min(work.Count, start + RowPartition.ChunkElements);
        for (int i = start; i < end; i += 2)
        {
            ulong bits = DropoutMask.Bits(work.Key, i);
            Write(i, (uint)bits);
            if (i + 1 < end)
                Write(i + 1, (uint)(bits >> 32));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Write(int i, uint bits)
        {
            // A dropped element is 0 whatever it was, so that one that is not finite goes no further.
            float value = bits >= work.Threshold ? work.From[i] * work.Scale : 0f;
            work.To[i] = work.Accumulate ? work.To[i] + value : value;
        }
    }

    private struct Work
    {
        public float* From;
        public float* To;
        public int Count;
        public ulong Key;
        public uint Threshold;
        public float Scale;
        public bool Accumulate;
    }
}
