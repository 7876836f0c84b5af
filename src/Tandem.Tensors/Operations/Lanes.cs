using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tandem.Tensors.Operations;

/// <summary>
/// Loads, stores and copies of parts of rows, beside <see cref="VectorMath"/>: the element at index i of a row belongs to
/// lane i mod 16 of its reductions. <see cref="Vector256"/> compiles to AVX2 where there is one, and to narrower
/// instructions with the same roundings elsewhere.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>The largest of 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector256<float> values)
    {
        Vector128<float> four = Vector128.MaxNative(values.GetLower(), values.GetUpper());
        return MathF.Max(MathF.Max(four[0], four[2]), MathF.Max(four[1], four[3]));
    }

    /// <summary>The largest of 8 lanes of each of four rows. Of zeros of both signs, and with NaN, any may be taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Largest(
        Vector256<float> row0, Vector256<float> row1, Vector256<float> row2, Vector256<float> row3)
    {
        if (!Sse.IsSupported)
            return Vector128.Create(Largest(row0), Largest(row1), Largest(row2), Largest(row3));
        Vector128<float> a = Sse.Max(row0.GetLower(), row0.GetUpper()), b = Sse.Max(row1.GetLower(), row1.GetUpper());
        Vector128<float> c = Sse.Max(row2.GetLower(), row2.GetUpper()), d = Sse.Max(row3.GetLower(), row3.GetUpper());
        Vector128<float> first = Sse.Max(Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b)); // a, b of 0 and 2, then of 1 and 3
        Vector128<float> second = Sse.Max(Sse.UnpackLow(c, d), Sse.UnpackHigh(c, d));
        return Sse.Max(Sse.MoveLowToHigh(first, second), Sse.MoveHighToLow(second, first));
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

    /// <summary>destination[i] = or += source[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
}
