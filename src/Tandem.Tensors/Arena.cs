using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// Bump allocation of native memory, 64-byte aligned, freed all at once by <see cref="Reset"/>. After the first step
/// has shown how much a step needs, the arena is one block and a steady step allocates nothing.
/// </summary>
/// <remarks>Parts of a step that are computed and forgotten again are stacked: see <see cref="Mark"/>.</remarks>
public sealed unsafe class Arena : IDisposable
{
    private readonly List<(nint Block, long Bytes)> _blocks = [];
    private int _current; // the block that memory is taken from
    private long _used; // of that block
    private long _live, _peak; // bytes in use over all blocks, and the most there were

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

    /// <summary>Makes all memory free again; several blocks are merged into one with room for the most that was in use.</summary>
    public void Reset()
    {
        if (_blocks.Count > 1)
        {
            // An eighth more, so that steps that differ a little do not each bring a block of their own.
            Free();
            AddBlock(_peak + (_peak / 8));
        }

        (_current, _used, _live) = (0, 0, 0);
    }

    /// <summary>Where the memory in use ends now.</summary>
    internal ArenaMark Mark() => new(_current, _used, _live);

    /// <summary>
    /// Makes the memory free again that was given out since a mark. Its content stays until the next request. Marks are
    /// released in the reverse order of their making.
    /// </summary>
    internal void Release(ArenaMark mark) => (_current, _used, _live) = (mark.Block, mark.Used, mark.Live);

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void* Allocate(long bytes)
    {
        bytes = (bytes + 63) / 64 * 64;

        // After a release there may be later blocks, some of them too small.
        while (_used + bytes > _blocks[_current].Bytes)
        {
            if (_current == _blocks.Count - 1)
                AddBlock(Math.Max(bytes, _blocks[_current].Bytes));
            _current++;
            _used = 0;
        }

        byte* memory = (byte*)_blocks[_current].Block + _used;
        _used += bytes;
        _live += bytes;
        _peak = Math.Max(_peak, _live);
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

/// <summary>A place in an arena's memory: what is given out later is above it.</summary>
/// <param name="Block">The number of the block.</param>
/// <param name="Used">The bytes of it in use.</param>
/// <param name="Live">The bytes in use over all blocks.</param>
internal readonly record struct ArenaMark(int Block, long Used, long Live);
