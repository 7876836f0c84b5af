using System.Runtime.InteropServices;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Copies of weights as they were before adapters were merged into them.</summary>
internal sealed unsafe class MergedWeights : IDisposable
{
    private readonly List<(Parameter Weight, nint Copy)> _copies = [];

    public MergedWeights(IEnumerable<Parameter> weights)
    {
        foreach (Parameter weight in weights)
        {
            long bytes = Bytes(weight);
            void* copy = NativeMemory.Alloc((nuint)bytes);
            Buffer.MemoryCopy(Values(weight), copy, bytes, bytes);
            _copies.Add((weight, (nint)copy));
        }
    }

    ~MergedWeights() => Free();

    public void Restore()
    {
        foreach (var (weight, copy) in _copies)
            Buffer.MemoryCopy((void*)copy, Values(weight), Bytes(weight), Bytes(weight));
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void* Values(Parameter weight) => weight.Halves == null ? weight.Tensor.Data : weight.Halves;

    private static long Bytes(Parameter weight) => (long)weight.Tensor.Length * (weight.Halves == null ? sizeof(float) : sizeof(BFloat16));

    private void Free()
    {
        foreach (var (_, copy) in _copies)
            NativeMemory.Free((void*)copy);
        _copies.Clear();
    }
}
