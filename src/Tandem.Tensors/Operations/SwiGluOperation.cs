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
        {
            Vector256<float> g = Lanes.LoadPart(gate + i, end - i);
            Lanes.StorePart(g * VectorMath.Sigmoid(g) * Lanes.LoadPart(up + i, end - i), result + i, end - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardChunk(void* state, int chunk)
    {
        ref Work work = ref *(Work*)state;
        int i = chunk * RowPartition.ChunkElements;
        int end = Math.Min(work.Count, i + RowPartition.ChunkElements);
        float* gateGradient = work.GateGradient, upGradient = work.UpGradient;
        for (; i < end; i += 8)
        {
            int count = end - i;
            bool whole = count >= 8;
            Vector256<float> g = whole ? Vector256.Load(work.Gate + i) : Lanes.LoadPart(work.Gate + i, count);
            Vector256<float> u = whole ? Vector256.Load(work.Up + i) : Lanes.LoadPart(work.Up + i, count);
            Vector256<float> dy = whole ? Vector256.Load(work.Result + i) : Lanes.LoadPart(work.Result + i, count);
            Vector256<float> sigmoid = VectorMath.Sigmoid(g);
            Vector256<float> silu = g * sigmoid;
            Vector256<float> slope = Vector256.FusedMultiplyAdd(silu, Vector256<float>.One - sigmoid, sigmoid);
            if (gateGradient != null)
                Put(gateGradient + i, dy * u * slope, count, work.AccumulateGate);
            if (upGradient != null)
                Put(upGradient + i, dy * silu, count, work.AccumulateUp);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* destination, Vector256<float> value, int count, bool accumulate)
    {
        if (count >= 8)
            Vector256.Store(accumulate ? Vector256.Load(destination) + value : value, destination);
        else
            Lanes.StorePart(accumulate ? Lanes.LoadPart(destination, count) + value : value, destination, count);
    }

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
