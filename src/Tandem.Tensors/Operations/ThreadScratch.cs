using System.Runtime.InteropServices;

namespace Tandem.Tensors.Operations;

/// <summary>Working memory of one thread, grown to the largest request and reused: it stays in that core's cache.</summary>
internal sealed unsafe class ThreadScratch
{
    [ThreadStatic]
    private static ThreadScratch? _current;

    private float* _memory;
    private long _count;

    /// <summary>Frees the memory after its thread has ended.</summary>
    ~ThreadScratch() => NativeMemory.AlignedFree(_memory);

    /// <summary>Memory for <paramref name="count"/> floats, not cleared, valid until this thread asks again.</summary>
    public static float* Floats(long count)
    {
        ThreadScratch scratch = _current ??= new ThreadScratch();
        if (scratch._count < count)
        {
            NativeMemory.AlignedFree(scratch._memory);
            scratch._memory = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
            scratch._count = count;
        }

        return scratch._memory;
    }
}
