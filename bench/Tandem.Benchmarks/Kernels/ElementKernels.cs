using Tandem.Tensors;
using Tandem.Tensors.Operations;
using Tandem.Training.Optimization;

namespace Tandem.Benchmarks.Kernels;

/// <summary>Heads turned in place by the angles of their positions.</summary>
internal sealed unsafe class RotaryKernel : IKernel
{
    private const int HeadSize = 64;
    private readonly Arena _memory = new();
    private readonly RotaryTable _rotation;
    private readonly Tensor _x;
    private readonly int* _positions;

    private RotaryKernel(int tokens, int columns)
    {
        _rotation = new RotaryTable(HeadSize, 128, 10000f);
        _x = KernelData.RandomTensor(_memory, tokens, columns);
        _positions = KernelData.Positions(_memory, tokens, 128);
    }

    /// <summary>Rows that stay in a cache, and rows that come from memory.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            foreach (var (tokens, columns) in new[] { (128, 512), (16384, 1024) })
            {
                double elements = (double)tokens * columns;
                yield return new KernelCase(
                    "Rotation", $"{tokens} × {columns}, heads of {HeadSize}", 1, 4 * elements, 2 * sizeof(float) * elements, sizeof(float) * elements,
                    _ => new RotaryKernel(tokens, columns));
            }
        }
    }

    public void Run() => _rotation.Turn(_x, new ReadOnlySpan<int>(_positions, _x.Rows));

    public void Dispose()
    {
        _rotation.Dispose();
        _memory.Dispose();
    }
}

/// <summary>
/// What the feed-forward layer does between its products: silu(g)·u, and its gradients. One block of rows, since the layer
/// takes it while a block is in a core's cache.
/// </summary>
internal sealed unsafe class GatedKernel : IKernel
{
    private const int Rows = 96, Columns = 352;
    private readonly Arena _memory = new();
    private readonly bool _backward;
    private FeedForwardOperation.Work _work;

    private GatedKernel(bool backward)
    {
        const int length = Rows * Columns;
        _work = new FeedForwardOperation.Work
        {
            Gate = KernelData.Random(_memory, length),
            Up = KernelData.Random(_memory, length),
            Hidden = KernelData.Random(_memory, length),
            GateGradient = KernelData.Random(_memory, length),
            UpGradient = KernelData.Random(_memory, length),
            Columns = Columns,
        };
        _backward = backward;
    }

    /// <summary>Both directions.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            const double elements = Rows * Columns;
            yield return new KernelCase(
                "SwiGLU, forward", $"{Rows} × {Columns}", 1, (KernelCase.Sigmoid + 2) * elements, 3 * sizeof(float) * elements,
                3 * sizeof(float) * elements, static _ => new GatedKernel(backward: false));
            yield return new KernelCase(
                "SwiGLU, backward", $"{Rows} × {Columns}", 1, (KernelCase.Sigmoid + 8) * elements, 6 * sizeof(float) * elements,
                5 * sizeof(float) * elements, static _ => new GatedKernel(backward: true));
        }
    }

    public void Run()
    {
        FeedForwardOperation.Work work = _work;
        if (_backward)
            FeedForwardOperation.Differentiate(&work, 0, Rows);
        else
            FeedForwardOperation.Activate(&work, 0, Rows);
    }

    public void Dispose() => _memory.Dispose();
}

/// <summary>A step of AdamW.</summary>
internal sealed unsafe class AdamWKernel : IKernel
{
    private readonly ParameterSet _parameters;
    private readonly IOptimizer _optimizer;

    private AdamWKernel(WorkerPool pool, int rows)
    {
        _parameters = new ParameterSet([new ParameterShape("weight", rows, 1024)]);
        using var memory = new Arena();
        long length = _parameters.Length;
        float* random = KernelData.Random(memory, length);
        new Span<float>(random, (int)length).CopyTo(new Span<float>(_parameters.Values, (int)length));
        new Span<float>(random, (int)length).CopyTo(new Span<float>(_parameters.Gradients, (int)length));
        _optimizer = TrainingStep.Optimizer.Create(_parameters, pool);
    }

    /// <summary>Parameters that stay in a cache, and parameters that come from memory.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            foreach (var (rows, threads) in new[] { (16, 1), (8192, KernelCase.AllThreads) })
            {
                double elements = 1024.0 * rows;

                // Read: value, gradient and two moments; written: all of them but the gradient.
                yield return new KernelCase(
                    "AdamW", $"{rows * 1024} parameters", threads, 15 * elements, 7 * sizeof(float) * elements, 4 * sizeof(float) * elements,
                    pool => new AdamWKernel(pool, rows));
            }
        }
    }

    public void Run() => _optimizer.Step(1.0);

    public void Dispose()
    {
        _optimizer.Dispose();
        _parameters.Dispose();
    }
}

/// <summary>The exponentials of a softmax and their sum.</summary>
internal sealed unsafe class ExponentialKernel : IKernel
{
    private readonly Arena _memory = new();
    private readonly float* _from, _to;
    private readonly int _count;

    private ExponentialKernel(int count)
    {
        _count = count;
        _from = KernelData.Random(_memory, count);
        _to = _memory.ZeroedFloats(count);
    }

    /// <summary>A row that stays in a cache, and one that comes from memory.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            foreach (int count in new[] { 1 << 15, 1 << 24 })
            {
                double bytes = 2.0 * sizeof(float) * count;
                yield return new KernelCase(
                    "Exponentials and their sum", $"{count}", 1, (KernelCase.Exponential + 2.0) * count, bytes, bytes, _ => new ExponentialKernel(count));
            }
        }
    }

    public void Run() => VectorMath.ExpAndSum(_from, _count, 1f, _to);

    public void Dispose() => _memory.Dispose();
}
