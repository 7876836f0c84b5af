using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tandem.Tensors;

/// <summary>
/// The upper half of an fp32 number: its sign, its exponent and the first 7 bits of its fraction. A format of storage only:
/// it is widened, exactly, before anything is computed.
/// </summary>
/// <param name="Bits">The sixteen bits.</param>
public readonly record struct BFloat16(ushort Bits) : IStoredElement<BFloat16>
{
    /// <summary>Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.</summary>
    public static BFloat16 Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return new BFloat16(float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>The exact value.</summary>
    public float Widen() => BitConverter.UInt32BitsToSingle((uint)Bits << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float IStoredElement<BFloat16>.Widen(BFloat16 element) => element.Widen();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static unsafe Vector256<float> IStoredElement<BFloat16>.Load(BFloat16* from)
    {
        Vector128<ushort> halves = Vector128.Load((ushort*)from);
        return Vector256.ShiftLeft(Vector256.Create(Vector128.WidenLower(halves), Vector128.WidenUpper(halves)), 16).AsSingle();
    }
}

/// <summary>An fp32 number as an element of storage.</summary>
internal readonly record struct Float32(float Value) : IStoredElement<Float32>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float IStoredElement<Float32>.Widen(Float32 element) => element.Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static unsafe Vector256<float> IStoredElement<Float32>.Load(Float32* from) => Vector256.Load((float*)from);
}

/// <summary>What weights may be stored as: one method body becomes one reader per element.</summary>
internal unsafe interface IStoredElement<TSelf>
    where TSelf : unmanaged, IStoredElement<TSelf>
{
    /// <summary>The value in fp32.</summary>
    static abstract float Widen(TSelf element);

    /// <summary>Eight values in fp32.</summary>
    static abstract Vector256<float> Load(TSelf* from);
}
