using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// Bump allocation of native memory, 64-byte aligned, freed all at once by <see cref="Reset"/>. After the first step
/// has shown how much a step needs, the arena is one block and a steady step allocates nothing.
/// </summary>
public sealed unsafe class Arena : IDisposable
{
    private readonly List<(nint Block, long Bytes)> _blocks = [];
    private long _used;

    /// <summary>Creates an arena.</summary>
    /// <param name="initialBytes">The size of the first block.</param>
    public Arena(long initialBytes = 1 << 20)
    {
        AddBlock(initialBytes);
    }

    /// <summary>Frees the blocks of an arena that was not disposed.</summary>
    ~Arena() => Free();

    /// <summary>The bytes held, over all blocks.</summary>
    public long Capacity => _blocks.Sum(b => b.Bytes);

    /// <summary>Memory for <paramref name="count"/> floats, not cleared, valid until the next <see cref="Reset"/>.</summary>
    public float* Floats(long count) => (float*)Allocate(count * sizeof(float));

    /// <summary>Memory for <paramref name="count"/> integers, not cleared, valid until the next <see cref="Reset"/>.</summary>
    public int* Integers(long count) => (int*)Allocate(count * sizeof(int));

    /// <summary>Memory for <paramref name="count"/> floats, all zero, valid until the next <see cref="Reset"/>.</summary>
    public float* ZeroedFloats(long count)
    {
        float* memory = Floats(count);
        NativeMemory.Clear(memory, (nuint)count * sizeof(float));
        return memory;
    }

    /// <summary>Makes all memory free again; several blocks are merged into one that holds them all.</summary>
    public void Reset()
    {
        if (_blocks.Count > 1)
        {
            long total = Capacity;
            Free();
            AddBlock(total);
        }

        _used = 0;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void* Allocate(long bytes)
    {
        bytes = (bytes + 63) / 64 * 64;
        if (_used + bytes > _blocks[^1].Bytes)
        {
            AddBlock(Math.Max(bytes, _blocks[^1].Bytes));
            _used = 0;
        }

        byte* memory = (byte*)_blocks[^1].Block + _used;
        _used += bytes;
        return memory;
    }

    private void AddBlock(long bytes)
    {
        bytes = (bytes + 63) / 64 * 64;
        _blocks.Add(((nint)NativeBlock.Allocate((nuint)bytes), bytes));
    }

    private void Free()
    {
        foreach (var (block, _) in _blocks)
            NativeMemory.AlignedFree((void*)block);
        _blocks.Clear();
    }
}
