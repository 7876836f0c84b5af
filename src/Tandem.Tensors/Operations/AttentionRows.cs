using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors.Operations;

/// <summary>
/// What attention does to rows of scores between its products. Rows have room for whole groups of 16 columns, of which
/// only the last group holds columns that the row does not see.
/// </summary>
internal static unsafe class AttentionRows
{
    /// <summary>
    /// Replaces four rows of scores by exp(score - largest), and by 0 for keys after the row's own, which is
    /// <paramref name="own"/> for the first row; gives each row's largest score and 1 / Σ exp(score - largest).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* scores, int stride, int own, int length, int width, float* statistics)
    {
        float* s0 = scores;
        float* s1 = s0 + stride;
        float* s2 = s1 + stride;
        float* s3 = s2 + stride;
        for (int r = 0; r < 4; r++)
            Mask(scores + (r * stride), Math.Min(own + r + 1, length), width);
        Vector256<float> m0 = Vector256.Create(float.NegativeInfinity), m1 = m0, m2 = m0, m3 = m0;
        for (int j = 0; j < width; j += 8)
        {
            m0 = Vector256.MaxNative(m0, Vector256.Load(s0 + j));
            m1 = Vector256.MaxNative(m1, Vector256.Load(s1 + j));
            m2 = Vector256.MaxNative(m2, Vector256.Load(s2 + j));
            m3 = Vector256.MaxNative(m3, Vector256.Load(s3 + j));
        }

        Vector128<float> largest = Lanes.Largest(m0, m1, m2, m3);
        (statistics[0], statistics[2]) = (largest[0], largest[1]);
        (statistics[4], statistics[6]) = (largest[2], largest[3]);
        Vector128<float> inverses = Vector128<float>.One / VectorMath.SumLanes(
            Exponentials(s0, width, largest[0]), Exponentials(s1, width, largest[1]),
            Exponentials(s2, width, largest[2]), Exponentials(s3, width, largest[3]));
        (statistics[1], statistics[3]) = (inverses[0], inverses[1]);
        (statistics[5], statistics[7]) = (inverses[2], inverses[3]);
    }

    /// <summary>Replaces a row of scores as <see cref="Softmax"/> does, given the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exponentials(float* scores, int visible, int width, float largest)
    {
        Mask(scores, visible, width);
        Exponentials(scores, width, largest);
    }

    /// <summary>p = power·inverse and g = p·(g - delta), for powers that are 0 where the row does not see the key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ScoreGradients(float* powers, float* p, float* g, int width, float inverse, float delta)
    {
        Vector256<float> scale = Vector256.Create(inverse), center = Vector256.Create(delta);
        for (int j = 0; j < width; j += 8)
        {
            Vector256<float> probability = Vector256.Load(powers + j) * scale;
            Vector256.Store(probability, p + j);
            Vector256.Store(probability * (Vector256.Load(g + j) - center), g + j);
        }
    }

    /// <summary>to[i] = the inner product of row i of x and row i of y, as <see cref="VectorMath.Dot"/> gives it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dots(float* x, float* y, nint stride, int rows, int columns, float* to)
    {
        int i = 0;
        if (columns % VectorMath.Lanes == 0)
        {
            for (; i + 4 <= rows; i += 4, x += 4 * stride, y += 4 * stride)
            {
                Vector128.Store(
                    VectorMath.SumLanes(
                        Products(x, y, columns), Products(x + stride, y + stride, columns),
                        Products(x + (2 * stride), y + (2 * stride), columns), Products(x + (3 * stride), y + (3 * stride), columns)),
                    to + i);
            }
        }

        for (; i < rows; i++, x += stride, y += stride)
            to[i] = VectorMath.Dot(x, y, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Products(float* x, float* y, int columns)
    {
        Vector256<float> low = default, high = default;
        for (int j = 0; j < columns; j += 16)
        {
            low = Vector256.FusedMultiplyAdd(Vector256.Load(x + j), Vector256.Load(y + j), low);
            high = Vector256.FusedMultiplyAdd(Vector256.Load(x + j + 8), Vector256.Load(y + j + 8), high);
        }

        return low + high;
    }

    /// <summary>
    /// Fetches rows into the second-level cache. Heads lie side by side in a row, so a head's part of consecutive rows is
    /// a pattern that the processor does not foresee. Any address may be given.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* rows, nint stride, int count, int columns)
    {
        if (!Sse.IsSupported)
            return;
        for (; count > 0; count--, rows += stride)
        {
            for (int j = 0; j < columns; j += 16)
                Sse.Prefetch1(rows + j);
        }
    }

    // The powers of a row in place of its scores, and the sums of their 16 lanes, folded once.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Exponentials(float* row, int width, float largest)
    {
        Vector256<float> shift = Vector256.Create(largest), low = default, high = default;
        for (int j = 0; j < width; j += 16)
        {
            Vector256<float> first = VectorMath.ExpOfNonPositive(Vector256.Load(row + j) - shift);
            Vector256.Store(first, row + j);
            low += first;
            Vector256<float> second = VectorMath.ExpOfNonPositive(Vector256.Load(row + j + 8) - shift);
            Vector256.Store(second, row + j + 8);
            high += second;
        }

        return low + high;
    }

    /// <summary>
    /// Sets the scores from <paramref name="visible"/> to <paramref name="width"/>, fewer than 16, to -∞: by whole vectors,
    /// since the wide loads that follow would wait for narrow stores.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mask(float* scores, int visible, int width)
    {
        float* last = scores + width - 16;
        Vector256<int> limit = Vector256.Create(visible - width + 16);
        Vector256<float> masked = Vector256.Create(float.NegativeInfinity);
        Vector256<int> columns = Vector256<int>.Indices;
        Vector256<float> low = Vector256.ConditionalSelect(
            Vector256.LessThan(columns, limit).AsSingle(), Vector256.Load(last), masked);
        Vector256<float> high = Vector256.ConditionalSelect(
            Vector256.LessThan(columns + Vector256.Create(8), limit).AsSingle(), Vector256.Load(last + 8), masked);
        Vector256.Store(low, last);
        Vector256.Store(high, last + 8);
    }
}
