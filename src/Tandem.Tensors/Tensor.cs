namespace Tandem.Tensors;

/// <summary>
/// A row-major fp32 matrix [Rows, Columns] over native memory that something else owns (an <see cref="Arena"/> or a
/// <see cref="ParameterSet"/>), with the place of its gradient. Rows are tokens (all sequences of a batch packed one
/// after the other), columns are features; other dimensions are named where they matter, as in [N, H·D].
/// </summary>
public readonly unsafe struct Tensor : IEquatable<Tensor>
{
    /// <summary>Creates a view.</summary>
    public Tensor(float* data, float* gradient, int rows, int columns)
    {
        Data = data;
        Gradient = gradient;
        Rows = rows;
        Columns = columns;
    }

    /// <summary>The first value; null for a parameter that is not kept in fp32.</summary>
    public float* Data { get; }

    /// <summary>The first value of d loss / d this; null when no gradient is wanted.</summary>
    public float* Gradient { get; }

    /// <summary>The number of rows.</summary>
    public int Rows { get; }

    /// <summary>The number of columns.</summary>
    public int Columns { get; }

    /// <summary>Rows × Columns.</summary>
    public int Length => Rows * Columns;

    /// <summary>The values, row by row; empty when they are not kept in fp32.</summary>
    public Span<float> Values => Data == null ? default : new(Data, Length);

    /// <summary>The gradient, row by row; empty when no gradient is wanted.</summary>
    public Span<float> Gradients => Gradient == null ? default : new(Gradient, Length);

    /// <summary>One row.</summary>
    public Span<float> Row(int row) => new(Data + ((long)row * Columns), Columns);

    /// <summary>The same memory.</summary>
    public bool Equals(Tensor other) => Data == other.Data && Rows == other.Rows && Columns == other.Columns;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine((nint)Data, Rows, Columns);

    /// <summary>Same memory.</summary>
    public static bool operator ==(Tensor left, Tensor right) => left.Equals(right);

    /// <summary>Different memory.</summary>
    public static bool operator !=(Tensor left, Tensor right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => $"[{Rows}, {Columns}]";
}
