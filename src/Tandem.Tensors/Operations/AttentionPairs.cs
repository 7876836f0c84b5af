using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Attention's products over no more than the pairs of a row and a key that it sees. Tiles of six rows also multiply what
/// some of them do not see, by a probability of 0; that gives the same bits unless a factor is not finite. Where one is,
/// these scalar products keep it from rows and keys that have nothing to do with it.
/// </summary>
internal static unsafe class AttentionPairs
{
    /// <summary>Whether no number is infinite or NaN.</summary>
    public static bool AllFinite(float* values, int count)
    {
        Vector256<float> sum = Vector256<float>.Zero;
        int i = 0;

        // Zero times a number that is not finite is NaN, and stays it.
        for (; i + 8 <= count; i += 8)
            sum = Vector256.FusedMultiplyAdd(Vector256.Load(values + i), Vector256<float>.Zero, sum);
        float rest = Vector256.Sum(sum);
        for (; i < count; i++)
            rest += values[i] * 0f;
        return rest == 0f;
    }

    /// <summary>outputs[i] = Σ over the keys j that row i sees of weights[i, j]·keys[j].</summary>
    /// <param name="start">The position of the first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="weights">[rows, keys].</param>
    /// <param name="stride">Floats between rows of weights.</param>
    /// <param name="keys">[keys, padded].</param>
    /// <param name="outputs">[rows, padded].</param>
    /// <param name="padded">Columns.</param>
    public static void SumOverKeys(int start, int rows, float* weights, int stride, float* keys, float* outputs, int padded)
    {
        new Span<float>(outputs, rows * padded).Clear();
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j <= start + i; j++)
                Add(weights[((long)i * stride) + j], keys + ((long)j * padded), outputs + (i * padded), padded);
        }
    }

    /// <summary>gradients[j] += Σ over the rows i that see key j of weights[i, j]·x[i]. Parameters as above.</summary>
    public static void AddOverRows(int start, int rows, float* weights, int stride, float* x, float* gradients, int padded)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j <= start + i; j++)
                Add(weights[((long)i * stride) + j], x + (i * padded), gradients + ((long)j * padded), padded);
        }
    }

    private static void Add(float weight, float* from, float* to, int count)
    {
        for (int c = 0; c < count; c++)
            to[c] = MathF.FusedMultiplyAdd(weight, from[c], to[c]);
    }
}
