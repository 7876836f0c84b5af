using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>Blocks of native memory that the kernels stream through.</summary>
internal static unsafe partial class NativeBlock
{
    private const nuint HugePage = 2 << 20;

    /// <summary>
    /// Memory aligned to 64 bytes at least, not cleared, freed by <see cref="NativeMemory.AlignedFree"/>. Where the
    /// operating system leaves the choice to programs, blocks of some megabytes ask for huge pages: fewer page faults and
    /// address translations.
    /// </summary>
    public static void* Allocate(nuint bytes)
    {
        if (bytes < 2 * HugePage || !OperatingSystem.IsLinux())
            return NativeMemory.AlignedAlloc(bytes, 64);
        void* memory = NativeMemory.AlignedAlloc(bytes, HugePage);

        // Advice only: a failure changes nothing. 14 is MADV_HUGEPAGE.
        _ = MemoryAdvise(memory, bytes, 14);
        return memory;
    }

    /// <summary>
    /// As <see cref="Allocate"/>, all zero. Large blocks come from the operating system zeroed, page by page when they are
    /// first touched: what is about to be overwritten is not written twice, and what is never used takes no memory.
    /// </summary>
    /// <param name="bytes">The size.</param>
    /// <param name="block">What <see cref="NativeMemory.Free"/> takes.</param>
    public static void* AllocateZeroed(nuint bytes, out void* block)
    {
        bool large = bytes >= 2 * HugePage;
        nuint alignment = large ? HugePage : 64;
        block = NativeMemory.AllocZeroed(bytes + alignment);
        void* memory = (void*)(((nuint)block + alignment - 1) / alignment * alignment);
        if (large && OperatingSystem.IsLinux())
            _ = MemoryAdvise(memory, bytes, 14);
        return memory;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(void* address, nuint length, int advice);
}
