using Tandem.Tensors;

namespace Tandem.Benchmarks.Kernels;

/// <summary>A kernel with its data, ready to run.</summary>
internal interface IKernel : IDisposable
{
    /// <summary>Runs it once; each time does the same work.</summary>
    void Run();
}

/// <summary>A kernel at one size, and what it cannot do without.</summary>
/// <param name="Kernel">What is measured.</param>
/// <param name="Size">The shape of the data, in words.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="Operations">Additions, multiplications, divisions and roots; a fused multiply-add counts as two, an exponential as <see cref="Exponential"/>.</param>
/// <param name="Bytes">Bytes that must be read plus bytes that must be written, each once.</param>
/// <param name="DataBytes">The memory that these are in: less than <paramref name="Bytes"/> where data are changed in place.</param>
/// <param name="Create">Makes the data, for a pool of the threads.</param>
internal sealed record KernelCase(
    string Kernel, string Size, int Threads, double Operations, double Bytes, double DataBytes, Func<WorkerPool, IKernel> Create)
{
    /// <summary>Operations of an exponential of <see cref="VectorMath"/>.</summary>
    public const int Exponential = 21;

    /// <summary>Those of a sigmoid.</summary>
    public const int Sigmoid = 23;

    /// <summary>All of them, in the order of the report.</summary>
    public static IReadOnlyList<KernelCase> All { get; } =
    [
        .. AttentionKernel.Cases, .. RmsNormKernel.Cases, .. RotaryKernel.Cases, .. GatedKernel.Cases, .. CrossEntropyKernel.Cases,
        .. AdamWKernel.Cases, .. ExponentialKernel.Cases, .. PackingKernel.Cases,
    ];

    /// <summary>Every thread of the machine.</summary>
    public static int AllThreads => Environment.ProcessorCount;

    /// <summary>One thread, and all of them where there are more.</summary>
    public static int[] ThreadCounts => AllThreads > 1 ? [1, AllThreads] : [1];

    /// <summary>What distinguishes it from the others.</summary>
    public string Name => $"{Kernel}, {Size}, {Threads} thread(s)";
}

/// <summary>Data for kernels.</summary>
internal static unsafe class KernelData
{
    /// <summary>Random values from -1 to 1.</summary>
    public static float* Random(Arena memory, long count)
    {
        var random = new RandomStream(7);
        float* values = memory.Floats(count);
        for (long i = 0; i < count; i++)
            values[i] = (2 * (float)random.NextDouble()) - 1;
        return values;
    }

    /// <summary>Random values with room for their gradient, which is random too.</summary>
    public static Tensor RandomTensor(Arena memory, int rows, int columns) =>
        new(Random(memory, (long)rows * columns), Random(memory, (long)rows * columns), rows, columns);

    /// <summary>0, 1, 2 … up to <paramref name="period"/>, and again.</summary>
    public static int* Positions(Arena memory, int count, int period)
    {
        int* positions = memory.Integers(count);
        for (int i = 0; i < count; i++)
            positions[i] = i % period;
        return positions;
    }
}
