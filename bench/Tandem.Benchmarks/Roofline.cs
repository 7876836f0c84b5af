using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Benchmarks;

/// <summary>What the machine can do at most, measured with the same threads and instructions as the kernels.</summary>
/// <param name="Threads">The threads measured.</param>
/// <param name="PeakGflops">fp32 fused multiply-adds on registers, two operations each, in 10⁹ per second.</param>
/// <param name="ReadGigabytesPerSecond">Reading memory far larger than the caches.</param>
/// <param name="DispatchMicroseconds">What an operation on the worker pool takes beyond its chunks.</param>
internal sealed record Roofline(int Threads, double PeakGflops, double ReadGigabytesPerSecond, double DispatchMicroseconds)
{
    private const int Iterations = 1_000_000;
    private const long BufferBytes = 256L << 20;
    private const long SmallBytes = 16L << 20;

    /// <summary>Measures, in about two seconds.</summary>
    public static unsafe Roofline Measure(WorkerPool pool)
    {
        int threads = pool.Threads;
        float* sink = stackalloc float[threads * 16];
        Timing peak = Timing.Of(() => pool.Run(threads, &MultiplyAdds, sink), 20, 0.5);
        double operations = 2.0 * threads * Iterations * 12 * VectorWidth;

        // What two or more threads take for one short chunk each, beyond what one chunk takes by itself.
        Timing alone = Timing.Of(() => Repeat(1), 20, 0.05);
        Timing together = Timing.Of(() => Repeat(threads), 20, 0.05);
        void Repeat(int chunks)
        {
            for (int i = 0; i < 1000; i++)
                pool.Run(chunks, &ShortWork, null);
        }

        return new Roofline(threads, operations / peak.Best / 1e9, MeasureReading(pool, BufferBytes, 0.3), Math.Max(0, together.Best - alone.Best) * 1e3);
    }

    /// <summary>How fast a buffer is read that was read just before, in 10⁹ bytes per second: the rate of the cache or memory that holds it.</summary>
    /// <param name="pool">The threads; of a small buffer, each reads its own part again and again.</param>
    /// <param name="bytes">The size of the buffer.</param>
    /// <param name="seconds">The least time.</param>
    public static unsafe double MeasureReading(WorkerPool pool, long bytes, double seconds)
    {
        // Many parts keep the threads together; few take no time to hand out.
        int parts = bytes < SmallBytes ? pool.Threads : 64;
        var reading = new Reading
        {
            PartBytes = Math.Max(128, bytes / parts / 128 * 128),
            Passes = (int)Math.Max(1, SmallBytes / bytes),
        };
        bytes = parts * reading.PartBytes;
        reading.Buffer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        NativeMemory.Fill(reading.Buffer, (nuint)bytes, 1);
        Reading* state = &reading;
        Timing timing = Timing.Of(() => pool.Run(parts, &Read, state), 5, seconds);
        NativeMemory.AlignedFree(reading.Buffer);
        return reading.Passes * bytes / timing.Best / 1e9;
    }

    /// <summary>The better of two measurements, each limit by itself.</summary>
    public Roofline BestOf(Roofline other) => new(
        Threads, Math.Max(PeakGflops, other.PeakGflops), Math.Max(ReadGigabytesPerSecond, other.ReadGigabytesPerSecond),
        Math.Min(DispatchMicroseconds, other.DispatchMicroseconds));

    private static int VectorWidth => Vector512.IsHardwareAccelerated ? 16 : 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void MultiplyAdds(void* state, int chunk)
    {
        float* sink = (float*)state + (chunk * 16);
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-3f);
            Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
            for (int n = 0; n < Iterations; n++)
            {
                a = Vector512.FusedMultiplyAdd(a, x, y);
                b = Vector512.FusedMultiplyAdd(b, x, y);
                c = Vector512.FusedMultiplyAdd(c, x, y);
                d = Vector512.FusedMultiplyAdd(d, x, y);
                e = Vector512.FusedMultiplyAdd(e, x, y);
                f = Vector512.FusedMultiplyAdd(f, x, y);
                g = Vector512.FusedMultiplyAdd(g, x, y);
                h = Vector512.FusedMultiplyAdd(h, x, y);
                i = Vector512.FusedMultiplyAdd(i, x, y);
                j = Vector512.FusedMultiplyAdd(j, x, y);
                k = Vector512.FusedMultiplyAdd(k, x, y);
                l = Vector512.FusedMultiplyAdd(l, x, y);
            }

            (a + b + c + d + e + f + g + h + i + j + k + l).Store(sink);
        }
        else
        {
            Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(1e-3f);
            Vector256<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
            for (int n = 0; n < Iterations; n++)
            {
                a = Vector256.FusedMultiplyAdd(a, x, y);
                b = Vector256.FusedMultiplyAdd(b, x, y);
                c = Vector256.FusedMultiplyAdd(c, x, y);
                d = Vector256.FusedMultiplyAdd(d, x, y);
                e = Vector256.FusedMultiplyAdd(e, x, y);
                f = Vector256.FusedMultiplyAdd(f, x, y);
                g = Vector256.FusedMultiplyAdd(g, x, y);
                h = Vector256.FusedMultiplyAdd(h, x, y);
                i = Vector256.FusedMultiplyAdd(i, x, y);
                j = Vector256.FusedMultiplyAdd(j, x, y);
                k = Vector256.FusedMultiplyAdd(k, x, y);
                l = Vector256.FusedMultiplyAdd(l, x, y);
            }

            (a + b + c + d + e + f + g + h + i + j + k + l).Store(sink);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Read(void* state, int chunk)
    {
        Reading* reading = (Reading*)state;
        long length = reading->PartBytes;
        byte* from = reading->Buffer + (chunk * length);
        int passes = reading->Passes;
        Vector256<int> a = default, b = default, c = default, d = default;
        for (int pass = 0; pass < passes; pass++)
        {
            for (long i = 0; i < length; i += 128)
            {
                a ^= Vector256.Load((int*)(from + i));
                b ^= Vector256.Load((int*)(from + i + 32));
                c ^= Vector256.Load((int*)(from + i + 64));
                d ^= Vector256.Load((int*)(from + i + 96));
            }
        }

        // The bytes are all the same and each vector takes as many of them: the result is zero, which the compiler does not know.
        if ((a ^ b ^ c ^ d) != Vector256<int>.Zero)
            throw new InvalidOperationException("The buffer changed while it was read.");
    }

    // About 10 µs of dependent multiplications.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void ShortWork(void* state, int chunk)
    {
        ulong x = (ulong)chunk | 1;
        for (int i = 0; i < 10_000; i++)
            x *= 6364136223846793005UL;
        if (x == 0)
            throw new InvalidOperationException("An odd number times odd numbers is odd.");
    }

    private unsafe struct Reading
    {
        public byte* Buffer;
        public long PartBytes;
        public int Passes;
    }
}
