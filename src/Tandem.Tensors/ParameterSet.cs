using System.Runtime.InteropServices;

namespace Tandem.Tensors;

/// <summary>
/// All parameters of a model in one flat, 64-byte aligned buffer, with a second one of the same layout for the
/// gradients: an optimizer or a checkpoint walks each buffer once. Each parameter starts on a multiple of 16 floats;
/// the padding between them is always zero.
/// </summary>
public sealed unsafe class ParameterSet : IDisposable
{
    private const int Alignment = 16;
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);
    private readonly List<Parameter> _all = [];

    /// <summary>Creates zeroed parameters of the given names and shapes.</summary>
    public ParameterSet(IEnumerable<ParameterShape> shapes)
    {
        var list = shapes.ToList();
        long length = 0;
        foreach (var shape in list)
            length += RoundUp((long)shape.Rows * shape.Columns);
        Length = length;
        Values = Zeroed(length);
        Gradients = Zeroed(length);
        long offset = 0;
        foreach (var shape in list)
        {
            var tensor = new Tensor(Values + offset, Gradients + offset, shape.Rows, shape.Columns);
            var parameter = new Parameter(shape.Name, tensor, offset, shape.IsVector);
            _all.Add(parameter);
            _byName.Add(shape.Name, parameter);
            offset += RoundUp(tensor.Length);
            Count += tensor.Length;
        }
    }

    /// <summary>Frees the native memory of a set that was not disposed.</summary>
    ~ParameterSet() => Free();

    /// <summary>All parameters in order of their offset.</summary>
    public IReadOnlyList<Parameter> All => _all;

    /// <summary>The number of parameters, padding left out.</summary>
    public long Count { get; }

    /// <summary>The length of each flat buffer in floats, padding counted.</summary>
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

    /// <summary>Copies all values from a set of the same layout.</summary>
    public void CopyValuesFrom(ParameterSet source)
    {
        if (source.Length != Length || source._all.Count != _all.Count)
            throw new ArgumentException("The parameter sets differ in layout.", nameof(source));
        Buffer.MemoryCopy(source.Values, Values, Length * sizeof(float), Length * sizeof(float));
    }

    /// <summary>Frees the native memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static long RoundUp(long count) => (count + Alignment - 1) / Alignment * Alignment;

    private static float* Zeroed(long length)
    {
        nuint bytes = (nuint)Math.Max(length, 1) * sizeof(float);
        void* memory = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(memory, bytes);
        return (float*)memory;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(Values);
        NativeMemory.AlignedFree(Gradients);
        Values = null;
        Gradients = null;
    }
}

/// <summary>The name and shape of a parameter. A vector is stored as [1, Columns] and saved with one dimension.</summary>
public readonly record struct ParameterShape(string Name, int Rows, int Columns, bool IsVector = false);

/// <summary>A named, trainable matrix [Rows, Columns] or vector [1, Columns] of a model.</summary>
public sealed class Parameter
{
    internal Parameter(string name, Tensor tensor, long offset, bool isVector)
    {
        (Name, Tensor, Offset, IsVector) = (name, tensor, offset, isVector);
    }

    /// <summary>The name, as in a Hugging Face checkpoint: <c>model.layers.0.mlp.up_proj.weight</c>.</summary>
    public string Name { get; }

    /// <summary>Values and gradient.</summary>
    public Tensor Tensor { get; }

    /// <summary>Where it starts in the flat buffers, in floats.</summary>
    public long Offset { get; }

    /// <summary>Whether it has one dimension (norm weights, biases): such parameters take no weight decay.</summary>
    public bool IsVector { get; }

    /// <summary>Whether training changes it; operations compute no gradient for a frozen parameter.</summary>
    public bool IsTrainable { get; set; } = true;
}
