using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>The trainable part of one adapted projection.</summary>
internal sealed class LowRankAdapter
{
    private readonly Parameter _a, _b;
    private readonly float _scale, _dropout;
    private readonly ulong _place;

    private LowRankAdapter(Parameter a, Parameter b, LowRankConfiguration configuration, ulong place) =>
        (_a, _b, _scale, _dropout, _place) = (a, b, configuration.Scale, configuration.Dropout, place);

    public static string NameOfA(string weight) => weight.Replace(".weight", ".lora_A.weight", StringComparison.Ordinal);

    public static string NameOfB(string weight) => weight.Replace(".weight", ".lora_B.weight", StringComparison.Ordinal);

    /// <summary>The adapter of a weight, if it has one.</summary>
    /// <param name="weight">The adapted projection.</param>
    /// <param name="parameters">Where the adapter's are.</param>
    /// <param name="configuration">The adapters of the model.</param>
    /// <param name="place">A number of its own among the adapters of the model, for its dropout mask.</param>
    public static LowRankAdapter? Of(Parameter weight, ParameterSet parameters, LowRankConfiguration? configuration, ulong place) =>
        configuration is not null && parameters.Find(NameOfA(weight.Name)) is { } a
            ? new LowRankAdapter(a, parameters[NameOfB(weight.Name)], configuration, place) : null;

    /// <summary>y + scale·(x·Aᵀ)·Bᵀ in the place of a projection's result y; with a key, of x after dropout.</summary>
    public Tensor Add(Tape tape, Tensor y, Tensor x, ulong? dropout)
    {
        if (dropout is { } key)
            x = tape.Dropout(x, _dropout, DropoutMask.Derive(key, _place));
        Tensor inner = tape.Scale(tape.Linear(x, _a), _scale); // [N, r]
        return tape.AddLinearInPlace(y, inner, _b);            // [N, out]
    }

    /// <summary>A as PyTorch draws a linear layer's weights, uniform within ±1/√in; B zero, so that nothing changes at first.</summary>
    public void Initialize(RandomStream random)
    {
        double bound = 1 / Math.Sqrt(_a.Tensor.Columns);
        RandomStream stream = random.Fork(_a.Name);
        foreach (ref float value in _a.Tensor.Values)
            value = (float)(bound * ((2 * stream.NextDouble()) - 1));
        _b.Tensor.Values.Clear();
    }

    /// <summary>Adds scale·B·A to a weight of the same shape.</summary>
    public void MergeInto(Parameter weight)
    {
        int columns = weight.Tensor.Columns;
        float[] row = new float[columns];
        for (int i = 0; i < weight.Tensor.Rows; i++)
        {
            weight.ReadValues(i * columns, row);
            ReadOnlySpan<float> b = _b.Tensor.Row(i); // [r]
            for (int rank = 0; rank < b.Length; rank++)
            {
                ReadOnlySpan<float> a = _a.Tensor.Row(rank); // [in]
                for (int j = 0; j < columns; j++)
                    row[j] += _scale * b[rank] * a[j];
            }

            weight.WriteValues(i * columns, row);
        }
    }
}
