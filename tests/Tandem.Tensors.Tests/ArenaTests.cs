namespace Tandem.Tensors.Tests;

public sealed unsafe class ArenaTests
{
    [Fact]
    public void Release_ThenRequest_GivesTheSameMemoryOverSeveralBlocks()
    {
        using var arena = new Arena(1024);
        arena.Floats(100);
        ArenaMark mark = arena.Mark();
        nint[] first = Requests();
        long capacity = arena.Capacity;
        arena.Release(mark);
        Assert.Equal(first, Requests());
        Assert.Equal(capacity, arena.Capacity);

        // 100 and 300 floats in the first blocks, 200 after them, and 2000 in a block of their own.
        nint[] Requests() => [(nint)arena.Floats(300), (nint)arena.Floats(200), (nint)arena.Floats(2000), (nint)arena.Floats(10)];
    }

    [Fact]
    public void Request_LargerThanABlockLeftByARelease_FindsALaterOne()
    {
        using var arena = new Arena(1024);
        ArenaMark mark = arena.Mark();
        arena.Floats(256);
        arena.Floats(16); // a second block of 1024 bytes
        nint large = (nint)arena.Floats(1000);
        long capacity = arena.Capacity;
        arena.Release(mark);
        Assert.Equal(large, (nint)arena.Floats(1000));
        Assert.Equal(capacity, arena.Capacity);
    }

    [Fact]
    public void Reset_AfterSeveralBlocks_HoldsTheMostThatWasInUse()
    {
        const long Most = 64 * 1024;
        using var arena = new Arena(1024);
        for (int part = 0; part < 10; part++)
        {
            ArenaMark mark = arena.Mark();
            arena.Floats(Most / sizeof(float) / 2);
            arena.Floats(Most / sizeof(float) / 2);
            arena.Release(mark);
        }

        arena.Reset();
        Assert.InRange(arena.Capacity, Most, Most * 9 / 8);
        long capacity = arena.Capacity;
        arena.Floats(Most / sizeof(float));
        arena.Reset();
        Assert.Equal(capacity, arena.Capacity);
    }
}
