using Tandem.Tensors;
using Tandem.Tensors.Operations;

namespace Tandem.Benchmarks.Kernels;

/// <summary>RMSNorm: rows that stay in a cache, and rows that come from memory.</summary>
internal sealed class RmsNormKernel : IKernel
{
    private readonly RmsNormOperation _operation = new();
    private readonly Arena _memory = new();
    private readonly Tape _tape;
    private readonly ParameterSet _parameters;
    private readonly Tensor _x, _result;
    private readonly bool _backward;

    private RmsNormKernel(WorkerPool pool, int rows, int columns, bool backward)
    {
        _tape = new Tape(pool);
        _parameters = new ParameterSet([new ParameterShape("weight", 1, columns, IsVector: true)]);
        _parameters.All[0].Tensor.Values.Fill(1f);
        _x = KernelData.RandomTensor(_memory, rows, columns);
        _result = KernelData.RandomTensor(_memory, rows, columns);
        _backward = backward;

        // Once in each direction makes the tape's memory large enough; then it is one block, and stays where it is.
        Forward();
        Backward();
        Forward();
    }

    /// <summary>Forward and backward at two sizes.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            foreach (bool backward in new[] { false, true })
            {
                foreach (var (rows, columns, threads) in new[] { (128, 256, 1), (16384, 1024, KernelCase.AllThreads) })
                {
                    double elements = (double)rows * columns, bytes = (backward ? 3 : 2) * sizeof(float) * elements;
                    yield return new KernelCase(
                        $"RMSNorm, {(backward ? "backward" : "forward")}", $"{rows} × {columns}", threads, (backward ? 9 : 4) * elements, bytes, bytes,
                        pool => new RmsNormKernel(pool, rows, columns, backward));
                }
            }
        }
    }

    public void Run()
    {
        if (_backward)
            Backward();
        else
            Forward();
    }

    public void Dispose()
    {
        _tape.Dispose();
        _parameters.Dispose();
        _memory.Dispose();
    }

    private void Forward()
    {
        _tape.Begin(recording: true);
        _operation.Forward(_tape, _x, _parameters.All[0], 1e-6f, _result);
    }

    // The node as the forward pass numbered it, not written yet; the first memory of the step holds what that pass keeps.
    private unsafe void Backward()
    {
        _tape.Begin(recording: true);
        _tape.NodeOf(_x);
        _tape.Arena.Floats(_x.Rows);
        _operation.Backward(_tape);
    }
}

/// <summary>Cross-entropy of tokens: few rows of a small vocabulary, and a batch of a large one.</summary>
internal sealed unsafe class CrossEntropyKernel : IKernel
{
    private readonly TokenCrossEntropyOperation _operation = new();
    private readonly Arena _memory = new();
    private readonly Tape _tape;
    private readonly Tensor _logits, _result;
    private readonly int* _targets;
    private readonly float* _weights;
    private readonly bool _backward;

    private CrossEntropyKernel(WorkerPool pool, int rows, int columns, bool backward)
    {
        _tape = new Tape(pool);
        _logits = KernelData.RandomTensor(_memory, rows, columns);
        _result = KernelData.RandomTensor(_memory, 1, 1);
        _targets = KernelData.Positions(_memory, rows, columns);
        _weights = _memory.Floats(rows);
        new Span<float>(_weights, rows).Fill(1f);
        _backward = backward;

        // The second time, the tape's memory is one block, and stays where it is.
        Forward();
        Forward();
    }

    /// <summary>Forward and backward at two sizes.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            foreach (bool backward in new[] { false, true })
            {
                foreach (var (rows, columns, threads) in new[] { (256, 256, 1), (1024, 32_000, KernelCase.AllThreads) })
                {
                    double elements = (double)rows * columns, bytes = (backward ? 2 : 1) * sizeof(float) * elements;
                    yield return new KernelCase(
                        $"Cross-entropy, {(backward ? "backward" : "forward")}", $"{rows} tokens of {columns}", threads,
                        (KernelCase.Exponential + 2) * elements, bytes, bytes, pool => new CrossEntropyKernel(pool, rows, columns, backward));
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

        // The node as the forward pass numbered it, not written yet. What it keeps stays in the memory that is reset.
        _tape.Begin(recording: true);
        _tape.NodeOf(_logits);
        _operation.Backward(_tape);
    }

    public void Dispose()
    {
        _tape.Dispose();
        _memory.Dispose();
    }

    private void Forward()
    {
        _tape.Begin(recording: true);
        var arguments = new TokenLossArguments { Targets = _targets, Weights = _weights, Normalizer = _logits.Rows };
        _operation.Forward(_tape, _logits, arguments, _result);
    }
}
