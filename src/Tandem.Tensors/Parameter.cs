namespace Tandem.Tensors;

/// <summary>How a parameter is kept.</summary>
public enum ParameterStorage
{
    /// <summary>fp32 with a gradient of the same size.</summary>
    Trainable,

    /// <summary>fp32 without a gradient: never trained.</summary>
    FrozenSingle,

    /// <summary>bfloat16 without a gradient: never trained, half the memory, widened exactly where it is used.</summary>
    FrozenBFloat16,
}

/// <summary>The name and shape of a parameter. A vector is stored as [1, Columns] and saved with one dimension.</summary>
public readonly record struct ParameterShape(
    string Name, int Rows, int Columns, bool IsVector = false, ParameterStorage Storage = ParameterStorage.Trainable);

/// <summary>A named matrix [Rows, Columns] or vector [1, Columns] of a model.</summary>
public sealed unsafe class Parameter
{
    private bool _trainable;

    internal Parameter(in ParameterShape shape, float* values, float* gradient, BFloat16* halves, long offset)
    {
        (Name, IsVector, Storage, Offset) = (shape.Name, shape.IsVector, shape.Storage, offset);
        Halves = halves;
        Tensor = new Tensor(values, gradient, shape.Rows, shape.Columns);
        _trainable = Storage == ParameterStorage.Trainable;
    }

    /// <summary>The name, as in a Hugging Face checkpoint: <c>model.layers.0.mlp.up_proj.weight</c>.</summary>
    public string Name { get; }

    /// <summary>Shape, values and gradient; the values are null where the storage is bfloat16, the gradient where it is frozen.</summary>
    public Tensor Tensor { get; }

    /// <summary>How it is kept.</summary>
    public ParameterStorage Storage { get; }

    /// <summary>The values where the storage is bfloat16, otherwise null.</summary>
    public BFloat16* Halves { get; }

    /// <summary>Where it starts in the flat buffers, in floats; -1 for frozen storage, which is not in them.</summary>
    public long Offset { get; }

    /// <summary>Whether it has one dimension (norm weights, biases): such parameters take no weight decay.</summary>
    public bool IsVector { get; }

    /// <summary>Whether training changes it; operations compute no gradient for a frozen parameter.</summary>
    /// <exception cref="InvalidOperationException">It is set for a parameter that is stored as frozen.</exception>
    public bool IsTrainable
    {
        get => _trainable;
        set
        {
            if (value && Storage != ParameterStorage.Trainable)
                throw new InvalidOperationException($"{Name} is stored as {Storage}: it has no gradient and cannot be trained.");
            _trainable = value;
        }
    }

    /// <summary>Widens some values to fp32.</summary>
    /// <param name="start">The first, counted row by row.</param>
    /// <param name="destination">As many as are wanted.</param>
    public void ReadValues(int start, Span<float> destination)
    {
        if (Halves == null)
        {
            Tensor.Values.Slice(start, destination.Length).CopyTo(destination);
            return;
        }

        var halves = new ReadOnlySpan<BFloat16>(Halves, Tensor.Length).Slice(start, destination.Length);
        for (int i = 0; i < halves.Length; i++)
            destination[i] = halves[i].Widen();
    }

    /// <summary>Sets some values, rounded to the storage.</summary>
    /// <param name="start">The first, counted row by row.</param>
    /// <param name="source">As many as are given.</param>
    public void WriteValues(int start, ReadOnlySpan<float> source)
    {
        if (Halves == null)
        {
            source.CopyTo(Tensor.Values[start..]);
            return;
        }

        Span<BFloat16> halves = new Span<BFloat16>(Halves, Tensor.Length).Slice(start, source.Length);
        for (int i = 0; i < halves.Length; i++)
            halves[i] = BFloat16.Round(source[i]);
    }

    /// <summary>Takes the values of a parameter of the same shape.</summary>
    public void CopyValuesFrom(Parameter source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Tensor.Rows != Tensor.Rows || source.Tensor.Columns != Tensor.Columns)
            throw new ArgumentException($"{source.Name} has shape {source.Tensor}, {Name} {Tensor}.", nameof(source));
        Span<float> part = stackalloc float[1024];
        for (int start = 0; start < Tensor.Length; start += part.Length)
        {
            Span<float> some = part[..Math.Min(part.Length, Tensor.Length - start)];
            source.ReadValues(start, some);
            WriteValues(start, some);
        }
    }
}
