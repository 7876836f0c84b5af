using System.Runtime.InteropServices;

namespace Tandem.Tensors.Tests;

public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Run_ManyOperations_CallsEachChunkExactlyOnce(int threads)
    {
        using var pool = new WorkerPool(threads);
        int* counts = stackalloc int[64];
        for (int operation = 0; operation < 5000; operation++)
        {
            int chunks = operation % 64;
            new Span<int>(counts, 64).Clear();
            pool.Run(chunks, &Count, counts);
            for (int i = 0; i < 64; i++)
                Assert.Equal(i < chunks ? 1 : 0, counts[i]);
        }
    }

    [Fact]
    public void Run_AfterThreadsFellAsleep_StillCallsEachChunk()
    {
        using var pool = new WorkerPool(3);
        int* counts = stackalloc int[8];
        for (int operation = 1; operation <= 20; operation++)
        {
            Thread.Sleep(2);
            pool.Run(8, &Count, counts);
            for (int i = 0; i < 8; i++)
                Assert.Equal(operation, counts[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_ChunkThrows_RethrowsAndStaysUsable(int threads)
    {
        using var pool = new WorkerPool(threads);
        int* counts = stackalloc int[8];
        Assert.Throws<InvalidDataException>(() => RunThrowing(pool));
        pool.Run(8, &Count, counts);
        for (int i = 0; i < 8; i++)
            Assert.Equal(1, counts[i]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_FromInsideAChunk_IsRefused(int threads)
    {
        using var pool = new WorkerPool(threads);
        Assert.Throws<InvalidOperationException>(() => RunNested(pool));
    }

    [Fact]
    public void Run_AfterDispose_Throws()
    {
        var pool = new WorkerPool(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => RunThrowing(pool));
    }

    [Fact]
    public void Constructor_NoThreads_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));

    private static void RunThrowing(WorkerPool pool) => pool.Run(8, &Throw, null);

    private static void RunNested(WorkerPool pool)
    {
        GCHandle handle = GCHandle.Alloc(pool);
        try
        {
            pool.Run(4, &Nest, (void*)GCHandle.ToIntPtr(handle));
        }
        finally
        {
            handle.Free();
        }
    }

    private static void Count(void* state, int chunk) => Interlocked.Increment(ref ((int*)state)[chunk]);

    private static void Throw(void* state, int chunk)
    {
        if (chunk == 5)
            throw new InvalidDataException();
    }

    private static void Nest(void* state, int chunk) =>
        ((WorkerPool)GCHandle.FromIntPtr((nint)state).Target!).Run(1, &Throw, null);
}
