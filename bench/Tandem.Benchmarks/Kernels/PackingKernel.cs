using Tandem.Tensors;

namespace Tandem.Benchmarks.Kernels;

/// <summary>The copies that products make of their operands: no arithmetic, only bytes.</summary>
internal sealed unsafe class PackingKernel : IKernel
{
    private const int Depth = 256, Columns = 96, PanelWidth = 16, StripWidth = 6;
    private readonly Arena _memory = new();
    private readonly float* _from, _to;
    private readonly Layout _layout;

    private PackingKernel(Layout layout)
    {
        _layout = layout;
        _from = KernelData.Random(_memory, Depth * Columns);
        _to = _memory.ZeroedFloats(Depth * Columns);
    }

    private enum Layout
    {
        /// <summary>A weight [out, in] of a forward pass, transposed.</summary>
        TransposedPanels,

        /// <summary>A weight [out, in] of a backward pass, as it is.</summary>
        Panels,

        /// <summary>The left operand of a weight's gradient.</summary>
        Strips,
    }

    /// <summary>Each way of packing.</summary>
    public static IEnumerable<KernelCase> Cases
    {
        get
        {
            const double bytes = 2.0 * sizeof(float) * Depth * Columns;
            foreach (var (layout, name) in new[]
            {
                (Layout.TransposedPanels, $"Packing, transposed panels of {PanelWidth}"), (Layout.Panels, $"Packing, panels of {PanelWidth}"),
                (Layout.Strips, $"Packing, strips of {StripWidth}"),
            })
            {
                yield return new KernelCase(name, $"{Depth} × {Columns}", 1, 0, bytes, bytes, _ => new PackingKernel(layout));
            }
        }
    }

    public void Run()
    {
        if (_layout == Layout.Strips)
        {
            GemmPacking.PackStrips(_from, Columns, Depth, Columns, StripWidth, _to, Depth * StripWidth);
            return;
        }

        for (int column = 0; column < Columns; column += PanelWidth)
        {
            float* to = _to + (column * Depth);
            if (_layout == Layout.Panels)
                GemmPacking.PackPanel(_from + column, Columns, 1, Depth, PanelWidth, PanelWidth, to);
            else
                GemmPacking.PackPanel(_from + (column * Depth), 1, Depth, Depth, PanelWidth, PanelWidth, to);
        }
    }

    public void Dispose() => _memory.Dispose();
}
