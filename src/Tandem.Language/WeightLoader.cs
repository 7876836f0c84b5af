using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Copies tensors of open files into parameters: from mapped files on all threads, from streams one by one.</summary>
internal static unsafe class WeightLoader
{
    // Half a million values: a few hundred microseconds, so that threads end together.
    private const int ChunkValues = 1 << 19;

    // Below this, starting threads takes longer than the copy.
    private const long WorthThreads = 16 << 20;

    /// <summary>Copies each tensor into the parameter of its name. Types and shapes have been checked.</summary>
    /// <param name="sources">The parameters and the files that hold them.</param>
    /// <param name="pool">The threads; null for as many as there are processors, where there is work for them.</param>
    public static void Copy(IReadOnlyList<(Parameter Parameter, SafeTensorsFile File)> sources, WorkerPool? pool)
    {
        var chunks = new List<Chunk>();
        foreach (var (parameter, file) in sources)
        {
            byte* mapped = file.Mapped(parameter.Name);
            if (mapped == null)
                file.CopyTo(parameter.Name, parameter);
            else
                AddChunks(chunks, parameter, mapped, file.Entry(parameter.Name).Type);
        }

        if (chunks.Count == 0)
            return;
        bool threads = pool is null && chunks.Sum(chunk => (long)chunk.Count) * sizeof(ushort) >= WorthThreads;
        using WorkerPool? own = pool is null ? new WorkerPool(threads ? Environment.ProcessorCount : 1) : null;
        fixed (Chunk* first = CollectionsMarshal.AsSpan(chunks))
            (pool ?? own!).Run(chunks.Count, &Run, first);
        GC.KeepAlive(sources);
    }

    private static void AddChunks(List<Chunk> chunks, Parameter parameter, byte* mapped, SafeTensorType type)
    {
        for (int start = 0; start < parameter.Tensor.Length; start += ChunkValues)
        {
            chunks.Add(new Chunk
            {
                Source = mapped + ((long)start * type.Size()),
                Type = type,
                Values = parameter.Halves == null ? parameter.Tensor.Data + start : null,
                Halves = parameter.Halves == null ? null : parameter.Halves + start,
                Count = Math.Min(ChunkValues, parameter.Tensor.Length - start),
            });
        }
    }

    private static void Run(void* state, int index)
    {
        ref Chunk chunk = ref ((Chunk*)state)[index];
        if (chunk.Halves == null)
            StoredValues.Widen(chunk.Source, chunk.Type, new Span<float>(chunk.Values, chunk.Count));
        else
            StoredValues.Round(chunk.Source, chunk.Type, new Span<BFloat16>(chunk.Halves, chunk.Count));
    }

    private struct Chunk
    {
        public byte* Source;
        public SafeTensorType Type;
        public float* Values;
        public BFloat16* Halves;
        public int Count;
    }
}
