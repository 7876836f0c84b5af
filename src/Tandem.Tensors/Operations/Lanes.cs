using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Row reductions and elementary functions over 16 fixed lanes, kept as two 256-bit vectors. The element at index i of
/// a row always goes to lane i mod 16, and the lanes are always combined by the same tree, so the bits depend neither
/// on the vector width of the machine nor on the number of threads. <see cref="Vector256"/> compiles to AVX2 where
/// there is one, and to narrower instructions with the same roundings elsewhere.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>The number of lanes of a row reduction.</summary>
    public const int Count = 16;

    /// <summary>The sum of 16 lanes: i and i + 8, then i and i + 4, then i and i + 2, then the last pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> low, Vector256<float> high)
    {
        Vector256<float> eight = low + high;
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return (four[0] + four[2]) + (four[1] + four[3]);
    }

    /// <summary>The largest of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector256<float> values)
    {
        Vector128<float> four = Vector128.Max(values.GetLower(), values.GetUpper());
        return MathF.Max(MathF.Max(four[0], four[2]), MathF.Max(four[1], four[3]));
    }

    /// <summary>The first <paramref name="count"/> (0 to 8) of eight floats, the others set to <paramref name="fill"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector256<float> LoadPart(float* source, int count, float fill = 0f)
    {
        Vector256<float> result = Vector256.Create(fill);
        float* buffer = (float*)&result;
        for (int i = 0; i < count; i++)
            buffer[i] = source[i];
        return result;
    }

    /// <summary>Stores the first <paramref name="count"/> (0 to 8) lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StorePart(Vector256<float> values, float* destination, int count)
    {
        float* buffer = (float*)&values;
        for (int i = 0; i < count; i++)
            destination[i] = buffer[i];
    }

    /// <summary>Σ a[i]·b[i].</summary>
    public static float Dot(float* a, float* b, int count)
    {
        Vector256<float> low = Vector256<float>.Zero, high = Vector256<float>.Zero;
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            low = Vector256.FusedMultiplyAdd(Vector256.Load(a + i), Vector256.Load(b + i), low);
            high = Vector256.FusedMultiplyAdd(Vector256.Load(a + i + 8), Vector256.Load(b + i + 8), high);
        }

        if (i + 8 <= count)
        {
            low = Vector256.FusedMultiplyAdd(Vector256.Load(a + i), Vector256.Load(b + i), low);
            i += 8;
            if (i < count)
                high = Vector256.FusedMultiplyAdd(LoadPart(a + i, count - i), LoadPart(b + i, count - i), high);
        }
        else if (i < count)
        {
            low = Vector256.FusedMultiplyAdd(LoadPart(a + i, count - i), LoadPart(b + i, count - i), low);
        }

        return Sum(low, high);
    }

    /// <summary>destination[i] = or += source[i].</summary>
    public static void Copy(float* source, float* destination, long count, bool accumulate)
    {
        if (!accumulate)
        {
            Buffer.MemoryCopy(source, destination, count * sizeof(float), count * sizeof(float));
            return;
        }

        long i = 0;
        for (; i + 8 <= count; i += 8)
            Vector256.Store(Vector256.Load(destination + i) + Vector256.Load(source + i), destination + i);
        for (; i < count; i++)
            destination[i] += source[i];
    }

    /// <summary>
    /// e^x to about 1e-7 relative: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial in r (Cephes expf, Moshier 1992),
    /// and n added to the exponent. Below -87.3 (also at -∞) the result is 0; above 88 it is capped at e^88.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> capped = Vector256.Min(x, Vector256.Create(88f));
        Vector256<float> magic = Vector256.Create(12582912f); // 1.5 · 2^23: adding it rounds to an integer
        Vector256<float> shifted = Vector256.FusedMultiplyAdd(capped, Vector256.Create(1.44269504f), magic);
        Vector256<float> n = shifted - magic;
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-0.693359375f), capped);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(2.12194440e-4f), r);
        Vector256<float> p = Vector256.Create(1.9875691500e-4f);
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1.3981999507e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(8.3334519073e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(4.1665795894e-2f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1.6666665459e-1f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(5.0000001201e-1f));
        p = Vector256.FusedMultiplyAdd(p, r * r, r) + Vector256<float>.One;
        Vector256<int> power = Vector256.ShiftLeft(shifted.AsInt32(), 23); // the low bits of shifted hold n
        Vector256<float> scaled = (p.AsInt32() + power).AsSingle();
        return Vector256.ConditionalSelect(
            Vector256.LessThan(x, Vector256.Create(-87.3f)), Vector256<float>.Zero, scaled);
    }
}
