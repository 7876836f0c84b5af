using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// The parameters of a model. Those that training may change are in one flat, 64-byte aligned buffer, with a second one of
/// the same layout for the gradients: an optimizer or a checkpoint walks each buffer once. Each parameter starts on a
/// multiple of 16 floats; the padding between them is always zero. Those stored as frozen have memory of their own and no
/// gradients.
/// </summary>
public sealed unsafe class ParameterSet : IDisposable
{
    private const int Alignment = 16;
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);
    private readonly List<Parameter> _all = [];
    private readonly void*[] _blocks = new void*[3]; // of values, gradients and frozen storage

    /// <summary>Creates zeroed parameters of the given names and shapes.</summary>
    public ParameterSet(IEnumerable<ParameterShape> shapes)
    {
        var list = shapes.ToList();
        long frozenBytes = 0;
        foreach (var shape in list)
        {
            long count = RoundUp((long)shape.Rows * shape.Columns);
            if (shape.Storage == ParameterStorage.Trainable)
                Length += count;
            else
                frozenBytes += count * ElementSize(shape.Storage);
        }

        Values = (float*)Zeroed(Length * sizeof(float), 0);
        Gradients = (float*)Zeroed(Length * sizeof(float), 1);
        byte* frozen = Zeroed(frozenBytes, 2);
        long offset = 0;
        foreach (var shape in list)
        {
            Parameter parameter;
            long count = RoundUp((long)shape.Rows * shape.Columns);
            if (shape.Storage == ParameterStorage.Trainable)
            {
                parameter = new Parameter(shape, Values + offset, Gradients + offset, null, offset);
                offset += count;
            }
            else
            {
                bool half = shape.Storage == ParameterStorage.FrozenBFloat16;
                parameter = new Parameter(shape, half ? null : (float*)frozen, null, half ? (BFloat16*)frozen : null, -1);
                frozen += count * ElementSize(shape.Storage);
            }

            _all.Add(parameter);
            _byName.Add(shape.Name, parameter);
            Count += parameter.Tensor.Length;
        }
    }

    /// <summary>Frees the native memory of a set that was not disposed.</summary>
    ~ParameterSet() => Free();

    /// <summary>All parameters in the order of the shapes.</summary>
    public IReadOnlyList<Parameter> All => _all;

    /// <summary>The number of parameters, padding left out.</summary>
    public long Count { get; }

    /// <summary>The length of each flat buffer in floats, padding counted and frozen storage not.</summary>
    public long Length { get; }

    /// <summary>The flat buffer of values.</summary>
    public float* Values { get; private set; }

    /// <summary>The flat buffer of gradients.</summary>
    public float* Gradients { get; private set; }

    /// <summary>The parameter of a name.</summary>
    public Parameter this[string name] => _byName[name];

    /// <summary>The parameter of a name, if there is one.</summary>
    public Parameter? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Sets all gradients to zero.</summary>
    public void ZeroGradients() => NativeMemory.Clear(Gradients, (nuint)Length * sizeof(float));

    /// <summary>Copies all values from a set of the same shapes, whatever their storage; a value may be rounded by it.</summary>
    public void CopyValuesFrom(ParameterSet source)
    {
        if (source._all.Count != _all.Count || source.Count != Count)
            throw new ArgumentException("The parameter sets differ in shape.", nameof(source));
        for (int i = 0; i < _all.Count; i++)
            _all[i].CopyValuesFrom(source._all[i]);
    }

    /// <summary>Frees the native memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static long RoundUp(long count) => (count + Alignment - 1) / Alignment * Alignment;

    private static int ElementSize(ParameterStorage storage) => storage == ParameterStorage.FrozenBFloat16 ? sizeof(BFloat16) : sizeof(float);

    private byte* Zeroed(long bytes, int block)
    {
        byte* memory = (byte*)NativeBlock.AllocateZeroed((nuint)bytes, out void* allocated);
        _blocks[block] = allocated;
        return memory;
    }

    private void Free()
    {
        for (int i = 0; i < _blocks.Length; i++)
        {
            NativeMemory.Free(_blocks[i]);
            _blocks[i] = null;
        }

        Values = null;
        Gradients = null;
    }
}
