using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors.Operations;

/// <summary>
/// What attention does to rows of scores between its products. Rows have room for whole groups of 16 columns.
/// </summary>
internal static unsafe class AttentionRows
{
    /// <summary>
    /// Replaces six rows of scores by exp(score - largest), and by 0 for keys after the row's own, which is
    /// <paramref name="own"/> for the first row (a row before the first key sees that one); gives each row's largest score and
    /// 1 / Σ exp(score - largest).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* scores, int stride, int own, int width, float* statistics)
    {
        float* s0 = scores, s1 = s0 + stride, s2 = s1 + stride, s3 = s2 + stride, s4 = s3 + stride, s5 = s4 + stride;
        int seen = Math.Max(own + 1, 1);
        Vector256<float> m0 = Vector256.Create(float.NegativeInfinity), m1 = m0, m2 = m0, m3 = m0, m4 = m0, m5 = m0;
        int j = 0;
        for (; j + 8 <= seen; j += 8)
        {
            m0 = Vector256.MaxNative(m0, Vector256.Load(s0 + j));
            m1 = Vector256.MaxNative(m1, Vector256.Load(s1 + j));
            m2 = Vector256.MaxNative(m2, Vector256.Load(s2 + j));
            m3 = Vector256.MaxNative(m3, Vector256.Load(s3 + j));
            m4 = Vector256.MaxNative(m4, Vector256.Load(s4 + j));
            m5 = Vector256.MaxNative(m5, Vector256.Load(s5 + j));
        }

        for (; j < width; j += 8)
        {
            m0 = Vector256.MaxNative(m0, Seen(s0 + j, seen - j));
            m1 = Vector256.MaxNative(m1, Seen(s1 + j, Math.Max(own + 2, 1) - j));
            m2 = Vector256.MaxNative(m2, Seen(s2 + j, Math.Max(own + 3, 1) - j));
            m3 = Vector256.MaxNative(m3, Seen(s3 + j, Math.Max(own + 4, 1) - j));
            m4 = Vector256.MaxNative(m4, Seen(s4 + j, Math.Max(own + 5, 1) - j));
            m5 = Vector256.MaxNative(m5, Seen(s5 + j, Math.Max(own + 6, 1) - j));
        }

        Vector128<float> first = Lanes.Largest(m0, m1, m2, m3), last = Lanes.Largest(m4, m5, m4, m5);
        (statistics[0], statistics[2], statistics[4], statistics[6]) = (first[0], first[1], first[2], first[3]);
        (statistics[8], statistics[10]) = (last[0], last[1]);
        Vector256<float>* sums = stackalloc Vector256<float>[SmallProduct.TileRows];
        for (int r = 0; r < SmallProduct.TileRows; r++)
            sums[r] = PowersOfRow(scores + (r * stride), Math.Max(own + r + 1, 1), width, statistics[2 * r]);
        first = Vector128<float>.One / VectorMath.SumLanes(sums[0], sums[1], sums[2], sums[3]);
        last = Vector128<float>.One / VectorMath.SumLanes(sums[4], sums[5], sums[4], sums[5]);
        (statistics[1], statistics[3], statistics[5], statistics[7]) = (first[0], first[1], first[2], first[3]);
        (statistics[9], statistics[11]) = (last[0], last[1]);
    }

    /// <summary>Replaces a row of scores as <see cref="Softmax"/> does, given the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Powers(float* row, int visible, int width, float largest) => PowersOfRow(row, visible, width, largest);

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
    private static Vector256<float> PowersOfRow(float* row, int visible, int width, float largest)
    {
        // One vector at a time: the constants of two would not find room in the registers.
        Vector256<float> shift = Vector256.Create(largest), sum = default, other = default;
        int j = 0;
        for (; j + 8 <= visible; j += 8)
        {
            Vector256<float> power = VectorMath.ExpOfNonPositive(Vector256.Load(row + j) - shift);
            Vector256.Store(power, row + j);
            (sum, other) = (other, sum + power);
        }

        if (j < visible)
        {
            // Keys that are not seen get the power of 0 first: one that is too small to be a normal number takes several times as long.
            Vector256<float> seen = FirstLanes(visible - j);
            Vector256<float> power = VectorMath.ExpOfNonPositive((Vector256.Load(row + j) - shift) & seen) & seen;
            Vector256.Store(power, row + j);
            sum += power;
            j += 8;
        }

        for (; j < width; j += 8)
            Vector256.Store(Vector256<float>.Zero, row + j);
        return sum + other;
    }

    // Scores of the first keys, -∞ for the others.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Seen(float* scores, int count) =>
        Vector256.ConditionalSelect(FirstLanes(count), Vector256.Load(scores), Vector256.Create(float.NegativeInfinity));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FirstLanes(int count) => Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();
}
