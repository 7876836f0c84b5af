using System.Globalization;
using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>Matrix products at the shapes of training, against OpenBLAS where it is installed.</summary>
internal static unsafe partial class GemmBenchmark
{
    private static readonly (char Form, int M, int N, int K)[] s_shapes =
    [
        ('T', 4096, 128, 128), ('T', 4096, 352, 128), ('T', 4096, 128, 352), ('T', 4096, 64, 128), ('T', 4096, 256, 128),
        ('N', 4096, 128, 128), ('N', 4096, 128, 352), ('N', 4096, 352, 128), ('N', 4096, 128, 64),
        ('X', 128, 128, 4096), ('X', 352, 128, 4096), ('X', 128, 352, 4096), ('X', 64, 128, 4096), ('X', 256, 128, 4096),
        ('T', 4096, 32, 32), ('X', 32, 32, 4096), ('T', 4096, 64, 64), ('X', 64, 64, 4096), ('T', 4096, 96, 32),
        ('T', 4096, 320, 320), ('N', 4096, 320, 320), ('X', 320, 320, 4096),
        ('T', 128, 128, 128), ('N', 128, 128, 128), ('X', 128, 128, 128), ('T', 32, 32, 32), ('T', 64, 64, 64),
        ('T', 1, 128, 128), ('T', 1, 352, 128), ('T', 1024, 1024, 1024),
    ];

    /// <summary>Prints GFLOP/s for each shape and thread count.</summary>
    public static void Run(IEnumerable<int> threadCounts)
    {
        foreach (int threads in threadCounts)
        {
            using var pool = new WorkerPool(threads);
            Roofline roof = Roofline.Measure(pool);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{threads} thread(s): peak {roof.PeakGflops:F1} GFLOP/s, read {roof.ReadGigabytesPerSecond:F1} GB/s, dispatch {roof.DispatchMicroseconds:F2} µs"));
            bool peer = TrySetOpenBlasThreads(threads);
            double logRatio = 0;
            foreach (var (form, m, n, k) in s_shapes)
            {
                double ours = Measure(form, m, n, k, pool, useOpenBlas: false);
                string line = $"  {(form == 'X' ? "TN" : $"N{form}")} {m,5} × {n,4} × {k,4}: {ours,6:F1} GFLOP/s  {100 * ours / roof.PeakGflops,3:F0}% of peak";
                if (peer)
                {
                    double theirs = Measure(form, m, n, k, pool, useOpenBlas: true);
                    logRatio += Math.Log(ours / theirs);
                    line += $"   OpenBLAS {theirs,6:F1}   ratio {ours / theirs:F2}";
                }

                Console.WriteLine(line);
            }

            if (peer)
                Console.WriteLine($"  geometric mean of the ratios: {Math.Exp(logRatio / s_shapes.Length):F2}");
        }
    }

    private static double Measure(char form, int m, int n, int k, WorkerPool pool, bool useOpenBlas)
    {
        int lda = form == 'X' ? m : k, ldb = form == 'T' ? k : n;
        float* a = Allocate((long)m * k), b = Allocate((long)n * k), c = Allocate((long)m * n);
        int inner = Math.Max(1, (int)(2e6 / ((double)m * n * k)));
        Timing timing = Timing.Of(
            () =>
            {
                for (int i = 0; i < inner; i++)
                {
                    if (useOpenBlas)
                        OpenBlasMultiply(101, form == 'X' ? 112 : 111, form == 'T' ? 112 : 111, m, n, k, 1f, a, lda, b, ldb, 0f, c, n);
                    else if (form == 'N')
                        Gemm.MultiplyNN(m, n, k, a, lda, b, ldb, c, n, false, pool);
                    else if (form == 'T')
                        Gemm.MultiplyNT(m, n, k, a, lda, b, ldb, c, n, false, pool);
                    else
                        Gemm.MultiplyTN(m, n, k, a, lda, b, ldb, c, n, false, pool);
                }
            },
            10,
            0.05);
        NativeMemory.AlignedFree(a);
        NativeMemory.AlignedFree(b);
        NativeMemory.AlignedFree(c);
        return 2.0 * m * n * k * inner / (Environment.GetEnvironmentVariable("CPU") != null ? timing.Processor : timing.Best) / 1e9;
    }

    private static float* Allocate(long count)
    {
        float* memory = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        for (long i = 0; i < count; i++)
            memory[i] = (i % 17) - 8;
        return memory;
    }

    private static bool TrySetOpenBlasThreads(int threads)
    {
        try
        {
            SetOpenBlasThreads(threads);
            return true;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libopenblas.so.0", EntryPoint = "cblas_sgemm")]
    private static partial void OpenBlasMultiply(
        int order, int transposeA, int transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc);

    [LibraryImport("libopenblas.so.0", EntryPoint = "openblas_set_num_threads")]
    private static partial void SetOpenBlasThreads(int threads);
}
