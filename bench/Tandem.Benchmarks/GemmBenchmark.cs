using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>One product C[M, N] of length K at one number of threads; the rates are in 10⁹ operations per second.</summary>
/// <param name="Form">NN, NT or TN: which of A and B are transposed.</param>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">Length of the sums.</param>
/// <param name="Threads">The threads used.</param>
/// <param name="Gflops">Tandem's rate.</param>
/// <param name="PeakGflops">The measured peak.</param>
/// <param name="OpenBlasGflops">OpenBLAS's rate, where it is installed.</param>
internal sealed record GemmRow(
    string Form, int M, int N, int K, int Threads, double Gflops, double PeakGflops, double? OpenBlasGflops)
{
    /// <summary><see cref="Gflops"/> over the measured peak.</summary>
    public double PeakShare => Gflops / PeakGflops;

    /// <summary><see cref="Gflops"/> over OpenBLAS's.</summary>
    public double? Ratio => Gflops / OpenBlasGflops;

    /// <summary>The better of these rates and another turn's.</summary>
    public GemmRow BestOf((double Ours, double? Theirs) turn) =>
        this with { Gflops = Math.Max(Gflops, turn.Ours), OpenBlasGflops = turn.Theirs is { } theirs ? Math.Max(OpenBlasGflops!.Value, theirs) : null };

    /// <summary>The product in words.</summary>
    public override string ToString() => $"{Form} {M} × {N} × {K}";
}

/// <summary>All rows of one run.</summary>
internal sealed record GemmReport(Machine Machine, string? OpenBlas, GemmRow[] Rows) : IPerformanceSection
{
    // Both are a few tiles large at least in every direction: below, edges and dispatch decide.
    private const int Large = 256;

    string IPerformanceSection.Title => "Matrix products";

    string IPerformanceSection.Command => "gemm";

    void IPerformanceSection.AppendBody(StringBuilder text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(culture, $"- {Machine}. {(OpenBlas is null ? "No peer was installed" : $"Peer: {OpenBlas}")}.");
        IGrouping<int, GemmRow>[] runs = [.. Rows.GroupBy(r => r.Threads)];
        foreach (IGrouping<int, GemmRow> run in runs)
            text.AppendLine(culture, $"- {Summary(run)}.");
        text.AppendLine();
        text.AppendLine(culture, $"C[M, N] in fp32, overwritten. NT is a linear layer's forward pass (M tokens), NN the gradient of its input (M tokens), TN the gradient of its weight (K tokens). Tandem and OpenBLAS take turns on the same matrices and their results are compared, bit for bit, on numbers that no sum rounds; best of {GemmBenchmark.Rounds} rounds over all products, GFLOP/s.");
        text.AppendLine();
        text.Append("| Product | M × N × K |");
        foreach (IGrouping<int, GemmRow> run in runs)
            text.Append(culture, $" {run.Key} thread(s) | Of the peak | OpenBLAS | Ratio |");
        text.AppendLine();
        text.Append("|---|---|");
        foreach (IGrouping<int, GemmRow> _ in runs)
            text.Append("---:|---:|---:|---:|");
        text.AppendLine();
        foreach (IGrouping<(string Form, int M, int N, int K), GemmRow> shape in Rows.GroupBy(r => (r.Form, r.M, r.N, r.K)))
        {
            text.Append(culture, $"| {shape.Key.Form} | {shape.Key.M} × {shape.Key.N} × {shape.Key.K} |");
            foreach (GemmRow row in shape)
                text.Append(culture, $" {row.Gflops:F1} | {100 * row.PeakShare:F0}% | {(row.OpenBlasGflops is null ? "–" : row.OpenBlasGflops.Value.ToString("F1", culture))} | {(row.Ratio is null ? "–" : row.Ratio.Value.ToString("F2", culture))} |");
            text.AppendLine();
        }
    }

    /// <summary>The rows of one number of threads in a sentence.</summary>
    public static string Summary(IEnumerable<GemmRow> run)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        GemmRow[] rows = [.. run];
        var text = new StringBuilder();
        text.Append(culture, $"{rows[0].Threads} thread(s), measured peak {rows[0].PeakGflops:F0} GFLOP/s");
        if (rows.Where(r => Math.Min(r.M, Math.Min(r.N, r.K)) >= Large).MinBy(r => r.PeakShare) is { } least)
            text.Append(culture, $"; where M, N and K are at least {Large}, the least share of it is {100 * least.PeakShare:F0}% ({least})");
        if (rows.Where(r => r.Ratio is not null).MinBy(r => r.Ratio) is { } worst)
            text.Append(culture, $"; ratios to OpenBLAS: geometric mean {Math.Exp(rows.Average(r => Math.Log(r.Ratio!.Value))):F2}, smallest {worst.Ratio:F2} ({worst})");
        return text.ToString();
    }
}

/// <summary>Matrix products at the shapes of training, against OpenBLAS where it is installed.</summary>
internal static unsafe partial class GemmBenchmark
{
    /// <summary>How often all products are measured.</summary>
    public const int Rounds = 10;

    private static readonly (string Form, int M, int N, int K)[] s_shapes =
    [
        // The 1M model at 4096 tokens.
        ("NT", 4096, 128, 128), ("NT", 4096, 352, 128), ("NT", 4096, 128, 352), ("NT", 4096, 64, 128), ("NT", 4096, 256, 128),
        ("NN", 4096, 128, 128), ("NN", 4096, 128, 352), ("NN", 4096, 352, 128), ("NN", 4096, 128, 64),
        ("TN", 128, 128, 4096), ("TN", 352, 128, 4096), ("TN", 128, 352, 4096), ("TN", 64, 128, 4096), ("TN", 256, 128, 4096),
        // The small rungs of the ladder, and the 10M model.
        ("NT", 4096, 32, 32), ("TN", 32, 32, 4096), ("NT", 4096, 64, 64), ("TN", 64, 64, 4096), ("NT", 4096, 96, 32),
        ("NT", 4096, 320, 320), ("NN", 4096, 320, 320), ("TN", 320, 320, 4096),
        // Small batches and single tokens.
        ("NT", 128, 128, 128), ("NN", 128, 128, 128), ("TN", 128, 128, 128), ("NT", 32, 32, 32), ("NT", 64, 64, 64),
        ("NT", 1, 128, 128), ("NT", 1, 352, 128),
        // Wider layers at 256 to 4096 tokens.
        ("NT", 256, 256, 256), ("NN", 256, 256, 256), ("TN", 256, 256, 256), ("NT", 256, 2048, 768), ("TN", 2048, 768, 256),
        ("NT", 512, 512, 512), ("NN", 512, 512, 512), ("TN", 512, 512, 512),
        ("NT", 1024, 768, 768), ("NN", 1024, 768, 768), ("TN", 768, 768, 1024), ("NT", 1024, 2048, 768), ("NN", 1024, 768, 2048),
        ("NT", 1024, 1024, 1024), ("NN", 1024, 1024, 1024), ("TN", 1024, 1024, 1024), ("NT", 1024, 2048, 2048),
        ("NT", 4096, 512, 512), ("TN", 512, 512, 4096),
    ];

    /// <summary>Measures every shape with one thread and with all.</summary>
    /// <param name="repository">Where the report is.</param>
    /// <param name="seconds">The least time of each of the turns of a shape.</param>
    public static void Run(string repository, double seconds)
    {
        string? openBlas = OpenBlasVersion();
        var rows = new List<GemmRow>();
        int[] threadCounts = Environment.ProcessorCount > 1 ? [1, Environment.ProcessorCount] : [1];
        foreach (int threads in threadCounts)
        {
            using var pool = new WorkerPool(threads);
            if (openBlas is not null)
                SetOpenBlasThreads(threads);
            Roofline roofline = Roofline.Measure(pool);
            GemmRow[] run = [.. s_shapes.Select(s => new GemmRow(s.Form, s.M, s.N, s.K, threads, 0, 0, openBlas is null ? null : 0))];

            // All shapes several times over, so that what else the machine does for some seconds does not decide.
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < run.Length; i++)
                    run[i] = run[i].BestOf(Measure(run[i], pool, seconds));
                roofline = roofline.BestOf(Roofline.Measure(pool));
            }

            run = [.. run.Select(row => row with { PeakGflops = roofline.PeakGflops })];
            foreach (GemmRow row in run)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads} thread(s), {row,-22} {row.Gflops,6:F1} GFLOP/s  {100 * row.PeakShare,3:F0}% of peak   OpenBLAS {row.OpenBlasGflops,6:F1}   ratio {row.Ratio:F2}"));
            }

            rows.AddRange(run);
            Console.WriteLine(GemmReport.Summary(run));
        }

        PerformanceReport.Update(repository, new GemmReport(Machine.This(null), openBlas, [.. rows]));
    }

    private static (double Ours, double? Theirs) Measure(GemmRow row, WorkerPool pool, double seconds)
    {
        (string form, int m, int n, int k, bool peer) = (row.Form, row.M, row.N, row.K, row.OpenBlasGflops is not null);
        bool transposeA = form == "TN", transposeB = form == "NT";
        int lda = transposeA ? m : k, ldb = transposeB ? k : n;
        using var memory = new Arena();
        float* a = Filled(memory, (long)m * k), b = Filled(memory, (long)n * k);
        float* c = memory.Floats((long)m * n), d = memory.Floats((long)m * n);
        double operations = 2.0 * m * n * k;
        int inner = Math.Max(1, (int)(4e6 / operations));
        double ours = inner * operations / Timing.Of(Ours, 5, seconds).Best / 1e9;
        double theirs = peer ? inner * operations / Timing.Of(Theirs, 5, seconds).Best / 1e9 : 0;
        if (peer && !new Span<float>(c, m * n).SequenceEqual(new Span<float>(d, m * n)))
            throw new InvalidOperationException($"Tandem and OpenBLAS did not compute the same product {form} {m} × {n} × {k}: the comparison is void.");
        return (ours, peer ? theirs : null);

        void Ours()
        {
            for (int i = 0; i < inner; i++)
            {
                if (transposeA)
                    Gemm.MultiplyTN(m, n, k, a, lda, b, ldb, c, n, false, pool);
                else if (transposeB)
                    Gemm.MultiplyNT(m, n, k, a, lda, b, ldb, c, n, false, pool);
                else
                    Gemm.MultiplyNN(m, n, k, a, lda, b, ldb, c, n, false, pool);
            }
        }

        void Theirs()
        {
            for (int i = 0; i < inner; i++)
                OpenBlasMultiply(101, transposeA ? 112 : 111, transposeB ? 112 : 111, m, n, k, 1f, a, lda, b, ldb, 0f, d, n);
        }
    }

    // Integers from -8 to 8: a sum of 4096 products of them is exact in fp32, in any order.
    private static float* Filled(Arena memory, long count)
    {
        float* values = memory.Floats(count);
        for (long i = 0; i < count; i++)
            values[i] = (i % 17) - 8;
        return values;
    }

    private static string? OpenBlasVersion()
    {
        try
        {
            return Marshal.PtrToStringUTF8(OpenBlasConfiguration())?.Trim();
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport("libopenblas.so.0", EntryPoint = "cblas_sgemm")]
    private static partial void OpenBlasMultiply(
        int order, int transposeA, int transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc);

    [LibraryImport("libopenblas.so.0", EntryPoint = "openblas_set_num_threads")]
    private static partial void SetOpenBlasThreads(int threads);

    [LibraryImport("libopenblas.so.0", EntryPoint = "openblas_get_config")]
    private static partial nint OpenBlasConfiguration();
}
