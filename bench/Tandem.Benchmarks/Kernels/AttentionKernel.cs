using Tandem.Tensors;
using Tandem.Tensors.Operations;

namespace Tandem.Benchmarks.Kernels;

/// <summary>
/// Causal grouped-query attention of training, its rotation included, over 1024 tokens. Of its operations the products of
/// visible pairs are counted: what the backward pass computes again is not.
/// </summary>
internal sealed unsafe class AttentionKernel : IKernel
{
    private const int Tokens = 1024, Heads = 8, KeyValueHeads = 4, HeadSize = 64;
    private readonly AttentionOperation _operation = new();
    private readonly Arena _memory = new();
    private readonly Tape _tape;
    private readonly RotaryTable _rotation;
    private readonly Tensor _q, _k, _v, _result;
    private readonly int* _offsets, _positions;
    private readonly int _sequences;
    private readonly bool _backward;

    private AttentionKernel(WorkerPool pool, int length, bool backward)
    {
        _tape = new Tape(pool);
        _rotation = new RotaryTable(HeadSize, length, 10000f);
        _q = KernelData.RandomTensor(_memory, Tokens, Heads * HeadSize);
        _k = KernelData.RandomTensor(_memory, Tokens, KeyValueHeads * HeadSize);
        _v = KernelData.RandomTensor(_memory, Tokens, KeyValueHeads * HeadSize);
        _result = KernelData.RandomTensor(_memory, Tokens, Heads * HeadSize);
        _sequences = Tokens / length;
        _offsets = _memory.Integers(_sequences + 1);
        for (int i = 0; i <= _sequences; i++)
            _offsets[i] = i * length;
        _positions = KernelData.Positions(_memory, Tokens, length);
        _backward = backward;

        // The second time, the tape's memory is one block, and stays where it is.
        Forward();
        Forward();
    }

    /// <summary>Forward and backward at two lengths.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            const double queryBytes = 4.0 * Tokens * Heads * HeadSize, keyBytes = 4.0 * Tokens * KeyValueHeads * HeadSize;
            foreach (bool backward in new[] { false, true })
            {
                foreach (int length in new[] { 128, 512 })
                {
                    foreach (int threads in KernelCase.ThreadCounts)
                    {
                        double pairs = (double)(Tokens / length) * Heads * length * (length + 1) / 2;
                        double bytes = (backward ? 4 : 2) * (queryBytes + keyBytes);
                        yield return new KernelCase(
                            $"Attention, {(backward ? "backward" : "forward")}", $"{Tokens / length} × {length} tokens, {Heads}/{KeyValueHeads} heads of {HeadSize}",
                            threads, (backward ? 8 : 4) * HeadSize * pairs, bytes, bytes, pool => new AttentionKernel(pool, length, backward));
                    }
                }
            }
        }
    }

    public void Run()
    {
        if (!_backward)
        {
            Forward();
            return;
        }

        // The nodes as the forward pass numbered them, not written yet. What it keeps stays in the memory that is reset.
        _tape.Begin(recording: true);
        _tape.NodeOf(_q);
        _tape.NodeOf(_k);
        _tape.NodeOf(_v);
        _operation.Backward(_tape);
    }

    public void Dispose()
    {
        _tape.Dispose();
        _rotation.Dispose();
        _memory.Dispose();
    }

    private void Forward()
    {
        _tape.Begin(recording: true);
        _operation.Forward(_tape, _q, _k, _v, _offsets, _sequences, Heads, KeyValueHeads, _rotation, _positions, _result);
    }
}
