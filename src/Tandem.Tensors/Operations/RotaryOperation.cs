using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Rotary position embedding: (a, b) → (a·cos - b·sin, b·cos + a·sin) for the two halves of each head. The backward
/// pass turns by the opposite angle.
/// </summary>
internal sealed unsafe class RotaryOperation : Operation
{
    private Tensor _x, _result;
    private int _xNode;
    private int* _positions;
    private RotaryTable _table = null!;
    private int _heads;

    /// <summary>result = x turned by the angles of its rows' positions.</summary>
    public void Forward(Tape tape, Tensor x, int* positions, RotaryTable table, int heads, Tensor result)
    {
        (_x, _table, _heads, _result) = (x, table, heads, result);
        _positions = positions;
        _xNode = tape.NodeOf(x);
        Run(tape, x.Data, result.Data, 1f, accumulate: false);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape) =>
        Run(tape, _result.Gradient, _x.Gradient, -1f, tape.Claim(_xNode));

    private void Run(Tape tape, float* source, float* destination, float sign, bool accumulate)
    {
        var work = new Work
        {
            Source = source,
            Destination = destination,
            Positions = _positions,
            Cosines = _table.Cosines,
            Sines = _table.Sines,
            Rows = _x.Rows,
            Heads = _heads,
            Half = _table.HeadSize / 2,
            Sign = sign,
            Accumulate = accumulate,
            RowsPerChunk = RowPartition.RowsPerChunk(_x.Columns),
        };
        tape.Pool.Run(RowPartition.Chunks(_x.Rows, work.RowsPerChunk), &Chunk, &work);
        GC.KeepAlive(_table);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Chunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int half = work.Half, heads = work.Heads;
        bool accumulate = work.Accumulate;
        Vector256<float> sign = Vector256.Create(work.Sign);
        int end = Math.Min(work.Rows, (chunk + 1) * work.RowsPerChunk);
        for (int i = chunk * work.RowsPerChunk; i < end; i++)
        {
            float* cosines = work.Cosines + ((long)work.Positions[i] * half);
            float* sines = work.Sines + ((long)work.Positions[i] * half);
            for (int head = 0; head < heads; head++)
            {
                long offset = (((long)i * heads) + head) * half * 2;
                float* source = work.Source + offset;
                float* destination = work.Destination + offset;
                int d = 0;
                for (; d + 8 <= half; d += 8)
                {
                    Vector256<float> cosine = Vector256.Load(cosines + d), sine = Vector256.Load(sines + d) * sign;
                    Vector256<float> a = Vector256.Load(source + d), b = Vector256.Load(source + half + d);
                    Vector256<float> first = Vector256.FusedMultiplyAdd(-b, sine, a * cosine);
                    Vector256<float> second = Vector256.FusedMultiplyAdd(a, sine, b * cosine);
                    if (accumulate)
                    {
                        first += Vector256.Load(destination + d);
                        second += Vector256.Load(destination + half + d);
                    }

                    Vector256.Store(first, destination + d);
                    Vector256.Store(second, destination + half + d);
                }

                for (; d < half; d++)
                {
                    float sine = sines[d] * work.Sign, a = source[d], b = source[half + d];
                    float first = MathF.FusedMultiplyAdd(-b, sine, a * cosines[d]);
                    float second = MathF.FusedMultiplyAdd(a, sine, b * cosines[d]);
                    destination[d] = accumulate ? first + destination[d] : first;
                    destination[half + d] = accumulate ? second + destination[half + d] : second;
                }
            }
        }
    }

    private struct Work
    {
        public float* Source;
        public float* Destination;
        public int* Positions;
        public float* Cosines;
        public float* Sines;
        public int Rows;
        public int Heads;
        public int Half;
        public float Sign;
        public bool Accumulate;
        public int RowsPerChunk;
    }
}
