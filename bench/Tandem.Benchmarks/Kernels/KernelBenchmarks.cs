using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Tandem.Tensors;

namespace Tandem.Benchmarks.Kernels;

/// <summary>What BenchmarkDotNet runs: one kernel after the other, each on threads and data of its own.</summary>
public class KernelBenchmarks : IDisposable
{
    private WorkerPool? _pool;
    private IKernel? _kernel;

    /// <summary>The name of every case.</summary>
    public static IEnumerable<string> Names => KernelCase.All.Select(c => c.Name);

    /// <summary>The case under way.</summary>
    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = "";

    /// <summary>Makes the data, and runs the kernel until the runtime has compiled it for good.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        KernelCase kernelCase = KernelCase.All.Single(c => c.Name == Name);
        _pool = new WorkerPool(kernelCase.Threads);
        _kernel = kernelCase.Create(_pool);
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < 0.3)
            _kernel.Run();
    }

    /// <summary>What is timed.</summary>
    [Benchmark]
    public void Run() => _kernel!.Run();

    /// <summary>Frees the data.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _kernel?.Dispose();
        _pool?.Dispose();
        GC.SuppressFinalize(this);
    }
}
