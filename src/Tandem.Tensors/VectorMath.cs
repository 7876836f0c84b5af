using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors;

/// <summary>
/// Elementary functions and reductions over fp32, with the same bits on every processor: only exactly rounded
/// operations (add, multiply, divide, fused multiply-add) in a fixed order. The scalar forms are twins of the vector
/// forms, so an element's result does not depend on where in a row it stands.
/// </summary>
public static unsafe class VectorMath
{
    /// <summary>The number of partial results of a reduction: element i belongs to lane i mod 16.</summary>
    public const int Lanes = 16;

    // exp(x) = 2^n · exp(r) with n = round(x / ln 2), |r| ≤ ln 2 / 2. Beyond the limits the result is ∞ or 0 anyway.
    private const float ExpMaximum = 89f;
    private const float ExpMinimum = -105f;
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693147182464599609375f;
    private const float Ln2Low = -1.904654323148236017e-9f;

    // Adding it rounds to an integer (nearest, ties to even) that then stands in the low bits of the sum.
    private const float Rounder = 12582912f;
    private const int RounderBits = 0x4B400000;

    // Added to the rounder, they make the low bits of the sum the exponent of 2^n · 2^33 and of 2^n / 2. They are even, so
    // that ties round as without them.
    private const float NonPositiveOffset = 127 + 33;
    private const float SigmoidOffset = 127 - 1;
    private const float SigmoidMaximum = 60f;

    // exp(r) = 1 + r + r² · q(r), q of degree 4: relative minimax fit on |r| ≤ ln 2 / 2, error 3.1e-9.
    private const float Q0 = 0.49999993432110135f;
    private const float Q1 = 0.1666652039900649f;
    private const float Q2 = 0.04166839078782113f;
    private const float Q3 = 0.008368745112251217f;
    private const float Q4 = 0.0013814539950253856f;

    /// <summary>
    /// e to the power of each element, within 1.01 ulp (subnormal results too); ∞ above 88.72, 0 below −103.98, NaN for NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        // The order of the operands lets NaN through.
        x = Vector256.MinNative(Vector256.Create(ExpMaximum), x);
        x = Vector256.MaxNative(Vector256.Create(ExpMinimum), x);
        Vector256<float> power = PowerOfRemainder(x, Rounder, out Vector256<float> rounded);

        // 2^n in two factors, since n reaches from −152 to 128.
        Vector256<int> exponent = rounded.AsInt32() - Vector256.Create(RounderBits);
        Vector256<int> half = Vector256.ShiftRightArithmetic(exponent, 1);
        Vector256<int> bias = Vector256.Create(127);
        Vector256<float> scale1 = Vector256.ShiftLeft(half + bias, 23).AsSingle();
        Vector256<float> scale2 = Vector256.ShiftLeft(exponent - half + bias, 23).AsSingle();
        return power * scale1 * scale2;
    }

    /// <summary>
    /// The bits of <see cref="Exp(Vector256{float})"/> of exponents that are not positive, as those of a softmax, in two
    /// thirds of the instructions.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> ExpOfNonPositive(Vector256<float> x)
    {
        x = Vector256.MaxNative(Vector256.Create(ExpMinimum), x);
        Vector256<float> power = PowerOfRemainder(x, Rounder + NonPositiveOffset, out Vector256<float> rounded);

        // 2^n · 2^33 is a normal number for every n here: only the last product rounds.
        return power * Vector256.ShiftLeft(rounded.AsInt32(), 23).AsSingle() * Vector256.Create(1f / (1L << 33));
    }

    // exp(r) of x = n · ln 2 + r. The low bits of rounded hold n plus what the rounder exceeds Rounder by.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PowerOfRemainder(Vector256<float> x, float rounder, out Vector256<float> rounded)
    {
        rounded = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2E), Vector256.Create(rounder));
        Vector256<float> n = rounded - Vector256.Create(rounder);
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2High), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2Low), r);
        Vector256<float> q = Vector256.FusedMultiplyAdd(Vector256.Create(Q4), r, Vector256.Create(Q3));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q2));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q1));
        q = Vector256.FusedMultiplyAdd(q, r, Vector256.Create(Q0));
        return Vector256.FusedMultiplyAdd(q, r * r, r) + Vector256<float>.One;
    }

    /// <summary>The twin of <see cref="Exp(Vector256{float})"/> for one number.</summary>
    public static float Exp(float x)
    {
        x = ExpMaximum < x ? ExpMaximum : x;
        x = ExpMinimum > x ? ExpMinimum : x;
        float rounded = MathF.FusedMultiplyAdd(x, Log2E, Rounder);
        float n = rounded - Rounder;
        float r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        float q = MathF.FusedMultiplyAdd(Q4, r, Q3);
        q = MathF.FusedMultiplyAdd(q, r, Q2);
        q = MathF.FusedMultiplyAdd(q, r, Q1);
        q = MathF.FusedMultiplyAdd(q, r, Q0);
        float power = MathF.FusedMultiplyAdd(q, r * r, r) + 1f;
        int exponent = BitConverter.SingleToInt32Bits(rounded) - RounderBits;
        int half = exponent >> 1;
        float scale1 = BitConverter.Int32BitsToSingle((half + 127) << 23);
        float scale2 = BitConverter.Int32BitsToSingle((exponent - half + 127) << 23);
        return power * scale1 * scale2;
    }

    /// <summary>
    /// 1 / (1 + e⁻ˣ) of each element, within 3 ulp where the result is at least 2⁻¹²⁶; 0 below −88.72, 1 above 17,
    /// NaN for NaN. silu(x) = x · Sigmoid(x).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sigmoid(Vector256<float> x)
    {
        // From 18 on, 1 + e⁻ˣ is 1 whatever e⁻ˣ is. The order of the operands lets NaN through.
        x = Vector256.MinNative(Vector256.Create(ExpMaximum), -x);
        x = Vector256.MaxNative(Vector256.Create(-SigmoidMaximum), x);
        Vector256<float> power = PowerOfRemainder(x, Rounder + SigmoidOffset, out Vector256<float> rounded);

        // 2^n / 2 is a normal number for every n here, and e⁻ˣ is exactly twice its product with the power.
        Vector256<float> half = power * Vector256.ShiftLeft(rounded.AsInt32(), 23).AsSingle();
        return Vector256<float>.One / Vector256.FusedMultiplyAdd(half, Vector256.Create(2f), Vector256<float>.One);
    }

    /// <summary>The twin of <see cref="Sigmoid(Vector256{float})"/> for one number.</summary>
    public static float Sigmoid(float x) => 1f / (1f + Exp(-x));

    /// <summary>
    /// The natural logarithm, correctly rounded but for about one argument in a million; −∞ at 0, NaN below, ∞ at ∞.
    /// </summary>
    public static float Log(float x)
    {
        if (!(x > 0) || float.IsPositiveInfinity(x))
            return x == 0 ? float.NegativeInfinity : x > 0 ? x : float.NaN;
        return (float)LogOfPositive(x);
    }

    /// <summary>ln(1 + eˣ), the loss of a logit: x for large x, eˣ for very negative x; NaN for NaN.</summary>
    public static float Softplus(float x)
    {
        if (float.IsNaN(x))
            return x;
        float small = Exp(-MathF.Abs(x));

        // In double precision 1 + small keeps all digits that a float result needs, until ln(1 + small) = small.
        double tail = small < 1e-8f ? small : LogOfPositive(1.0 + small);
        return (float)(Math.Max(x, 0f) + tail);
    }

    /// <summary>
    /// Stores e^(x[i] − <paramref name="shift"/>) and returns the sum, over <see cref="Lanes"/> lanes and their fixed tree.
    /// </summary>
    /// <param name="x">The exponents.</param>
    /// <param name="count">How many.</param>
    /// <param name="shift">Subtracted first, and no smaller than any of them: the row's maximum in a softmax.</param>
    /// <param name="to">The powers; may be <paramref name="x"/> itself.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ExpAndSum(float* x, int count, float shift, float* to)
    {
        Vector256<float> low = default, high = default, shifts = Vector256.Create(shift);
        int i = 0;

        // One vector at a time: the constants of two would not find room in the registers.
        for (int whole = count / Lanes * Lanes; i < whole; i += 8)
        {
            Vector256<float> power = ExpOfNonPositive(Vector256.Load(x + i) - shifts);
            power.Store(to + i);
            (low, high) = (high, low + power);
        }

        if (i < count)
        {
            float* tail = stackalloc float[Lanes];
            for (int lane = 0; lane < Lanes; lane++)
                tail[lane] = i + lane < count ? x[i + lane] - shift : float.NegativeInfinity;
            Vector256<float> e0 = ExpOfNonPositive(Vector256.Load(tail)), e1 = ExpOfNonPositive(Vector256.Load(tail + 8));
            low += e0;
            high += e1;
            e0.Store(tail);
            e1.Store(tail + 8);
            for (int lane = 0; i + lane < count; lane++)
                to[i + lane] = tail[lane];
        }

        return SumLanes(low, high);
    }

    /// <summary>The sum, over <see cref="Lanes"/> lanes and their fixed tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(float* x, int count)
    {
        Vector256<float> low = default, high = default;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            low += Vector256.Load(x + i);
            high += Vector256.Load(x + i + 8);
        }

        if (i < count)
        {
            float* tail = stackalloc float[Lanes];
            CopyPadded(x + i, count - i, 0, tail);
            low += Vector256.Load(tail);
            high += Vector256.Load(tail + 8);
        }

        return SumLanes(low, high);
    }

    /// <summary>The inner product, over <see cref="Lanes"/> chains of fused multiply-adds and their fixed tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* x, float* y, int count)
    {
        Vector256<float> low = default, high = default;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            low = Vector256.FusedMultiplyAdd(Vector256.Load(x + i), Vector256.Load(y + i), low);
            high = Vector256.FusedMultiplyAdd(Vector256.Load(x + i + 8), Vector256.Load(y + i + 8), high);
        }

        if (i < count)
        {
            float* tail = stackalloc float[2 * Lanes];
            CopyPadded(x + i, count - i, 0, tail);
            CopyPadded(y + i, count - i, 0, tail + Lanes);
            low = Vector256.FusedMultiplyAdd(Vector256.Load(tail), Vector256.Load(tail + Lanes), low);
            high = Vector256.FusedMultiplyAdd(Vector256.Load(tail + 8), Vector256.Load(tail + Lanes + 8), high);
        }

        return SumLanes(low, high);
    }

    /// <summary>The largest element; −∞ of none, NaN if one is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(float* x, int count)
    {
        Vector256<float> low = Vector256.Create(float.NegativeInfinity), high = low;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            low = Vector256.Max(low, Vector256.Load(x + i));
            high = Vector256.Max(high, Vector256.Load(x + i + 8));
        }

        if (i < count)
        {
            float* tail = stackalloc float[Lanes];
            CopyPadded(x + i, count - i, float.NegativeInfinity, tail);
            low = Vector256.Max(low, Vector256.Load(tail));
            high = Vector256.Max(high, Vector256.Load(tail + 8));
        }

        Vector256<float> both = Vector256.Max(low, high);
        Vector128<float> four = Vector128.Max(both.GetLower(), both.GetUpper());
        return MathF.Max(MathF.Max(four[0], four[2]), MathF.Max(four[1], four[3]));
    }

    /// <summary>
    /// The fixed tree that ends a reduction: lanes 0–7 of <paramref name="low"/> and 8–15 of <paramref name="high"/> are
    /// added at distance 8, then 4, 2 and 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumLanes(Vector256<float> low, Vector256<float> high)
    {
        Vector256<float> eight = low + high;
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }

    /// <summary><see cref="SumLanes(Vector256{float}, Vector256{float})"/> of four rows, given low + high of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> SumLanes(
        Vector256<float> row0, Vector256<float> row1, Vector256<float> row2, Vector256<float> row3)
    {
        Vector128<float> a = row0.GetLower() + row0.GetUpper(), b = row1.GetLower() + row1.GetUpper();
        Vector128<float> c = row2.GetLower() + row2.GetUpper(), d = row3.GetLower() + row3.GetUpper();
        if (!Sse.IsSupported)
        {
            return Vector128.Create(
                a[0] + a[2] + (a[1] + a[3]), b[0] + b[2] + (b[1] + b[3]), c[0] + c[2] + (c[1] + c[3]), d[0] + d[2] + (d[1] + d[3]));
        }

        Vector128<float> first = Sse.UnpackLow(a, b) + Sse.UnpackHigh(a, b);  // a0 + a2, b0 + b2, a1 + a3, b1 + b3
        Vector128<float> second = Sse.UnpackLow(c, d) + Sse.UnpackHigh(c, d);
        return Sse.MoveLowToHigh(first, second) + Sse.MoveHighToLow(second, first);
    }

    private static void CopyPadded(float* from, int count, float padding, float* to)
    {
        for (int lane = 0; lane < Lanes; lane++)
            to[lane] = lane < count ? from[lane] : padding;
    }

    // ln(m · 2^e) = e · ln 2 + 2 · atanh(s), s = (m − 1) / (m + 1), √½ ≤ m < √2: |s| ≤ 0.1716, and the series up to
    // s¹⁷ leaves 2e-16. Plain double operations, so that no mathematical library decides the bits.
    private static double LogOfPositive(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x) - 0x3FE6A09E667F3BCDL;
        long exponent = bits >> 52;
        double m = BitConverter.Int64BitsToDouble(bits - (exponent << 52) + 0x3FE6A09E667F3BCDL);
        double s = (m - 1) / (m + 1), t = s * s;
        double series = 1.0 / 17;
        for (int power = 15; power > 0; power -= 2)
            series = (series * t) + (1.0 / power);
        return (exponent * 0.69314718055994530942) + (2 * s * series);
    }
}
