using System.Runtime.InteropServices;
using Tandem.Tensors.Operations;

namespace Tandem.Tensors;

/// <summary>
/// Cosines and sines of the rotary position embedding (arXiv 2104.09864) for every position, computed as Hugging Face
/// does: frequency base^(-2i/D) and angle position · frequency both rounded to fp32.
/// </summary>
public sealed unsafe class RotaryTable : IDisposable
{
    /// <summary>Computes the table without scaling.</summary>
    /// <param name="headSize">D, even.</param>
    /// <param name="maximumPositions">Positions 0 to this number - 1 are available.</param>
    /// <param name="rotaryBase"><c>rope_theta</c>, such as 10000.</param>
    public RotaryTable(int headSize, int maximumPositions, float rotaryBase)
        : this(headSize, maximumPositions, rotaryBase, static frequency => frequency)
    {
    }

    private RotaryTable(int headSize, int maximumPositions, float rotaryBase, Func<float, float> scale)
    {
        if (headSize <= 0 || headSize % 2 != 0)
            throw new ArgumentOutOfRangeException(nameof(headSize), $"The head size is {headSize}; it must be even and positive.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumPositions);
        HeadSize = headSize;
        MaximumPositions = maximumPositions;
        int half = headSize / 2;
        nuint bytes = (nuint)maximumPositions * (nuint)half * sizeof(float);
        Cosines = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        Sines = (float*)NativeMemory.AlignedAlloc(bytes, 64);
        for (int i = 0; i < half; i++)
        {
            float frequency = scale((float)(1.0 / (float)Math.Pow(rotaryBase, (float)(2 * i) / headSize)));
            for (int position = 0; position < maximumPositions; position++)
            {
                float angle = position * frequency;
                Cosines[((long)position * half) + i] = (float)Math.Cos(angle);
                Sines[((long)position * half) + i] = (float)Math.Sin(angle);
            }
        }
    }

    /// <summary>Frees the native memory of a table that was not disposed.</summary>
    ~RotaryTable() => Free();

    /// <summary>D.</summary>
    public int HeadSize { get; }

    /// <summary>The number of positions.</summary>
    public int MaximumPositions { get; }

    /// <summary>[MaximumPositions, D/2].</summary>
    public float* Cosines { get; private set; }

    /// <summary>[MaximumPositions, D/2].</summary>
    public float* Sines { get; private set; }

    /// <summary>
    /// The table of Llama 3.1 (Hugging Face <c>rope_type: llama3</c>): wavelengths longer than original / low factor are
    /// stretched by the factor, those shorter than original / high factor are kept, and those between are blended.
    /// </summary>
    /// <param name="headSize">D, even.</param>
    /// <param name="maximumPositions">Positions 0 to this number - 1 are available.</param>
    /// <param name="rotaryBase"><c>rope_theta</c>, such as 500000.</param>
    /// <param name="factor">How much long wavelengths are stretched: <c>factor</c>.</param>
    /// <param name="lowFrequencyFactor"><c>low_freq_factor</c>.</param>
    /// <param name="highFrequencyFactor"><c>high_freq_factor</c>, above the low one.</param>
    /// <param name="originalPositions"><c>original_max_position_embeddings</c>: the context of pre-training.</param>
    public static RotaryTable Llama3(
        int headSize, int maximumPositions, float rotaryBase, float factor, float lowFrequencyFactor,
        float highFrequencyFactor, int originalPositions)
    {
        return new RotaryTable(headSize, maximumPositions, rotaryBase, Scale);

        float Scale(float frequency)
        {
            double wavelength = 2.0 * Math.PI / frequency;
            if (wavelength > originalPositions / (double)lowFrequencyFactor)
                return frequency / factor;
            if (wavelength < originalPositions / (double)highFrequencyFactor)
                return frequency;
            double smooth = ((originalPositions / wavelength) - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
            return (float)(((1.0 - smooth) * frequency / factor) + (smooth * frequency));
        }
    }

    /// <summary>Turns rows of heads in place, as <see cref="Tape.Attention"/> turns queries and keys.</summary>
    /// <param name="x">[N, heads·D].</param>
    /// <param name="positions">The position of each row, N of them.</param>
    public void Turn(Tensor x, ReadOnlySpan<int> positions)
    {
        Require(HeadSize, positions, x.Rows);
        if (x.Columns % HeadSize != 0)
            throw new ArgumentException($"x has shape {x}, whole heads of {HeadSize} columns are needed.", nameof(x));
        int half = HeadSize / 2;
        for (int i = 0; i < x.Rows; i++)
        {
            long angles = (long)positions[i] * half;
            for (int column = 0; column < x.Columns; column += HeadSize)
            {
                float* head = x.Data + ((long)i * x.Columns) + column;
                RotaryRows.Turn(head, head, Cosines + angles, Sines + angles, half, 1f);
            }
        }
    }

    /// <summary>Faults unless heads of this size have an angle for each of the rows.</summary>
    internal void Require(int headSize, ReadOnlySpan<int> positions, int rows)
    {
        if (headSize != HeadSize)
            throw new ArgumentException($"The heads have {headSize} columns, the rotation is for {HeadSize}.", nameof(headSize));
        if (positions.Length != rows)
            throw new ArgumentException($"There are {positions.Length} positions for {rows} rows.", nameof(positions));
        for (int i = 0; i < positions.Length; i++)
        {
            if ((uint)positions[i] >= (uint)MaximumPositions)
                throw new ArgumentOutOfRangeException(nameof(positions), $"positions[{i}] = {positions[i]} is outside [0, {MaximumPositions}).");
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(Cosines);
        NativeMemory.AlignedFree(Sines);
        Cosines = null;
        Sines = null;
    }
}
