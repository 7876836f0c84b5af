using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tandem.Tensors;

namespace Tandem.Language;

/// <summary>Converts the floating-point values of a file to those of a parameter. The bytes need no alignment.</summary>
internal static unsafe class StoredValues
{
    private const int Part = 1024;

    /// <summary>Whether <see cref="Widen"/> reads a type.</summary>
    public static bool IsReadable(SafeTensorType type) => type is SafeTensorType.F32 or SafeTensorType.F16 or SafeTensorType.BF16;

    /// <summary>F32, F16 or BF16 to fp32, exactly.</summary>
    public static void Widen(byte* source, SafeTensorType type, Span<float> destination)
    {
        if (type == SafeTensorType.F32)
        {
            new ReadOnlySpan<byte>(source, destination.Length * sizeof(float)).CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }

        ushort* halves = (ushort*)source;
        int i = 0;
        fixed (float* to = destination)
        {
            if (type == SafeTensorType.BF16)
            {
                for (; i + 16 <= destination.Length; i += 16)
                {
                    (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load(halves + i));
                    Vector256.Store(Vector256.ShiftLeft(low, 16).AsSingle(), to + i);
                    Vector256.Store(Vector256.ShiftLeft(high, 16).AsSingle(), to + i + 8);
                }

                for (; i < destination.Length; i++)
                    to[i] = new BFloat16(halves[i]).Widen();
                return;
            }

            for (; i < destination.Length; i++)
                to[i] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
        }
    }

    /// <summary>F32, F16 or BF16 to bfloat16, rounded to nearest; bfloat16 bit for bit.</summary>
    public static void Round(byte* source, SafeTensorType type, Span<BFloat16> destination)
    {
        if (type == SafeTensorType.BF16)
        {
            new ReadOnlySpan<byte>(source, destination.Length * sizeof(BFloat16)).CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }

        Span<float> part = stackalloc float[Part];
        for (int start = 0; start < destination.Length; start += Part)
        {
            Span<float> some = part[..Math.Min(Part, destination.Length - start)];
            Widen(source + ((long)start * type.Size()), type, some);
            for (int i = 0; i < some.Length; i++)
                destination[start + i] = BFloat16.Round(some[i]);
        }
    }
}
