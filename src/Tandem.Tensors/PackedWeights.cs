using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// Copies of weights in the order in which products with few rows read them, for many forward passes of the same weights, as
/// in decoding. A weight is copied at its first such product, in its storage: memory grows by as much as the weights take, up
/// to a limit, and weights beyond it are read as they are. Products with copies have the bits of those without.
/// </summary>
/// <remarks>Whoever changes a weight calls <see cref="Forget"/> before the next forward pass.</remarks>
public sealed unsafe class PackedWeights : IDisposable
{
    // A model that takes a larger part of the memory has none to spare for copies.
    private const double PartOfMemory = 0.25;

    private readonly Dictionary<Parameter, Panels> _panels = [];
    private readonly nuint _mostBytes;
    private nuint _bytes;
    private int _version = 1;

    /// <summary>Creates copies of nothing yet.</summary>
    /// <param name="mostBytes">The bytes that the copies may take; a quarter of the memory that there is by default.</param>
    public PackedWeights(long? mostBytes = null) =>
        _mostBytes = (nuint)(mostBytes ?? (long)(PartOfMemory * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes));

    /// <summary>Makes every weight be copied anew at its next product; the memory is kept.</summary>
    public void Forget() => _version++;

    /// <summary>Frees the copies.</summary>
    public void Dispose()
    {
        foreach (Panels panels in _panels.Values)
            panels.Dispose();
        _panels.Clear();
        _bytes = 0;
    }

    /// <summary>The panels of a weight [N, K]: see <see cref="GemmProblem.Panels"/>. Null where there is no room for them.</summary>
    internal void* Of(Parameter weight, WorkerPool pool)
    {
        if (!_panels.TryGetValue(weight, out Panels? panels))
            _panels.Add(weight, panels = new Panels());
        if (panels.Version != _version || panels.Path != InstructionSet.Active)
        {
            GemmProblem problem = GemmProblem.Projection(0, null, 0, weight, null, null);
            nuint bytes = Gemm.BytesOfPanels(problem);
            _bytes -= panels.Bytes;
            panels.Resize(_bytes + bytes <= _mostBytes ? bytes : 0);
            _bytes += panels.Bytes;
            if (panels.Memory != null)
                Gemm.PackPanels(problem, panels.Memory, pool);
            (panels.Version, panels.Path) = (_version, InstructionSet.Active);
        }

        return panels.Memory;
    }

    private sealed class Panels : IDisposable
    {
        ~Panels() => Resize(0);

        public void* Memory { get; private set; }

        public nuint Bytes { get; private set; }

        public int Version { get; set; }

        public VectorPath Path { get; set; } // the width of a panel is that of its tiles

        public void Resize(nuint bytes)
        {
            if (bytes == Bytes)
                return;
            NativeMemory.AlignedFree(Memory);
            Memory = null;
            Bytes = 0;
            if (bytes == 0)
                return;
            Memory = NativeBlock.Allocate(bytes);
            Bytes = bytes;
        }

        public void Dispose()
        {
            Resize(0);
            GC.SuppressFinalize(this);
        }
    }
}
