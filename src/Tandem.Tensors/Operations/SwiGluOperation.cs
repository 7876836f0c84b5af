using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// silu(g)·u with silu(g) = g·σ(g) (arXiv 2002.05202). dg = dy·u·σ(g)·(1 + g·(1 - σ(g))), du = dy·g·σ(g); σ is computed
/// again in the backward pass, which is cheaper than keeping it.
/// </summary>
internal sealed unsafe class SwiGluOperation : Operation
{
    private Tensor _gate, _up, _result;
    private int _gateNode, _upNode;

    /// <summary>result = silu(gate)·up.</summary>
    public void Forward(Tape tape, Tensor gate, Tensor up, Tensor result)
    {
        (_gate, _up, _result) = (gate, up, result);
        (_gateNode, _upNode) = (tape.NodeOf(gate), tape.NodeOf(up));
        var work = new Work { Gate = gate.Data, Up = up.Data, Result = result.Data, Count = result.Length };
        tape.Pool.Run(RowPartition.Chunks(work.Count, RowPartition.ChunkElements), &ForwardChunk, &work);
    }

    /// <inheritdoc/>
    public override void Backward(Tape tape)
    {
        var work = new Work { Gate = _gate.Data, Up = _up.Data, Result = _result.Gradient, Count = _result.Length };
        if (_gateNode >= 0)
        {
            work.GateGradient = _gate.Gradient;
            work.AccumulateGate = tape.Claim(_gateNode);
        }

        if (_upNode >= 0)
        {
            work.UpGradient = _up.Gradient;
            work.AccumulateUp = tape.Claim(_upNode);
        }

        tape.Pool.Run(RowPartition.Chunks(work.Count, RowPartition.ChunkElements), &BackwardChunk, &work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int i = chunk * RowPartition.ChunkElements;
        int end = Math.Min(work.Count, i + RowPartition.ChunkElements);
        float* gate = work.Gate, up = work.Up, result = work.Result;
        for (; i + 8 <= end; i += 8)
        {
            Vector256<float> g = Vector256.Load(gate + i);
            Vector256.Store(g * VectorMath.Sigmoid(g) * Vector256.Load(up + i), result + i);
        }

        if (i < end)
            ForwardTail(gate + i, up + i, result + i, end - i);
    }

    // Apart, because calls in a method make the compiler keep vectors of its loops in memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForwardTail(float* gate, float* up, float* result, int count)
    {
        Vector256<float> g = Lanes.LoadPart(gate, count);
        Lanes.StorePart(g * VectorMath.Sigmoid(g) * Lanes.LoadPart(up, count), result, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int i = chunk * RowPartition.ChunkElements;
        int end = Math.Min(work.Count, i + RowPartition.ChunkElements);
        float* gate = work.Gate, up = work.Up, gradient = work.Result;
        float* gateGradient = work.GateGradient, upGradient = work.UpGradient;
        bool accumulateGate = work.AccumulateGate, accumulateUp = work.AccumulateUp;
        for (; i + 8 <= end; i += 8)
        {
            Vector256<float> dy = Vector256.Load(gradient + i), u = Vector256.Load(up + i);
            Slopes(Vector256.Load(gate + i), out Vector256<float> silu, out Vector256<float> slope);
            if (gateGradient != null)
            {
                Vector256<float> value = dy * u * slope;
                Vector256.Store(accumulateGate ? Vector256.Load(gateGradient + i) + value : value, gateGradient + i);
            }

            if (upGradient != null)
            {
                Vector256<float> value = dy * silu;
                Vector256.Store(accumulateUp ? Vector256.Load(upGradient + i) + value : value, upGradient + i);
            }
        }

        if (i < end)
            BackwardTail(ref work, i, end - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BackwardTail(ref Work work, int start, int count)
    {
        Vector256<float> dy = Lanes.LoadPart(work.Result + start, count), u = Lanes.LoadPart(work.Up + start, count);
        Slopes(Lanes.LoadPart(work.Gate + start, count), out Vector256<float> silu, out Vector256<float> slope);
        if (work.GateGradient != null)
            Put(work.GateGradient + start, dy * u * slope, count, work.AccumulateGate);
        if (work.UpGradient != null)
            Put(work.UpGradient + start, dy * silu, count, work.AccumulateUp);
    }

    /// <summary>silu(g) and its derivative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Slopes(Vector256<float> g, out Vector256<float> silu, out Vector256<float> slope)
    {
        Vector256<float> sigmoid = VectorMath.Sigmoid(g);
        silu = g * sigmoid;
        slope = Vector256.FusedMultiplyAdd(silu, Vector256<float>.One - sigmoid, sigmoid);
    }

    private static void Put(float* destination, Vector256<float> value, int count, bool accumulate) =>
        Lanes.StorePart(accumulate ? Lanes.LoadPart(destination, count) + value : value, destination, count);

    private struct Work
    {
        public float* Gate;
        public float* Up;
        public float* Result;
        public float* GateGradient;
        public float* UpGradient;
        public int Count;
        public bool AccumulateGate;
        public bool AccumulateUp;
    }
}
