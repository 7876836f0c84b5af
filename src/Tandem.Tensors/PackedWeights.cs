using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// Copies of weights in the order in which products with few rows read them, for many forward passes of the same weights, as
/// in decoding. A weight is copied at its first such product, in its storage: memory grows by as much as the weights take.
/// Products with copies have the bits of those without.
/// </summary>
/// <remarks>Whoever changes a weight calls <see cref="Forget"/> before the next forward pass.</remarks>
public sealed unsafe class PackedWeights : IDisposable
{
    private readonly Dictionary<Parameter, Panels> _panels = [];
    private int _version = 1;

    /// <summary>Makes every weight be copied anew at its next product; the memory is kept.</summary>
    public void Forget() => _version++;

    /// <summary>Frees the copies.</summary>
    public void Dispose()
    {
        foreach (Panels panels in _panels.Values)
            panels.Dispose();
        _panels.Clear();
    }

    /// <summary>The panels of a weight [N, K]: see <see cref="GemmProblem.Panels"/>.</summary>
    internal void* Of(Parameter weight, WorkerPool pool)
    {
        if (!_panels.TryGetValue(weight, out Panels? panels))
            _panels.Add(weight, panels = new Panels());
        if (panels.Version != _version || panels.Path != InstructionSet.Active)
        {
            GemmProblem problem = GemmProblem.Projection(0, null, 0, weight, null, null);
            panels.Reserve(Gemm.BytesOfPanels(problem));
            Gemm.PackPanels(problem, panels.Memory, pool);
            (panels.Version, panels.Path) = (_version, InstructionSet.Active);
        }

        return panels.Memory;
    }

    private sealed class Panels : IDisposable
    {
        private nuint _bytes;

        ~Panels() => Free();

        public void* Memory { get; private set; }

        public int Version { get; set; }

        public VectorPath Path { get; set; } // the width of a panel is that of its tiles

        public void Reserve(nuint bytes)
        {
            if (bytes <= _bytes)
                return;
            Free();
            Memory = NativeBlock.Allocate(bytes);
            _bytes = bytes;
        }

        public void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        private void Free()
        {
            NativeMemory.AlignedFree(Memory);
            Memory = null;
            _bytes = 0;
        }
    }
}
