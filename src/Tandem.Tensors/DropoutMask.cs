namespace Tandem.Tensors;

/// <summary>
/// Which elements a dropout (Srivastava et al. 2014) keeps: a function of a key and the element's number alone, so that a
/// pass that is computed again, or cut otherwise over threads, keeps the same.
/// </summary>
public static class DropoutMask
{
    /// <summary>The key of a part, such as one layer's, of what another key stands for.</summary>
    public static ulong Derive(ulong key, ulong part) => Mix(key + (0x9E3779B97F4A7C15UL * (part + 1)));

    /// <summary>Whether an element is kept: its 32 bits of Mix(key + (index / 2)·φ), the lower for even numbers, reach the threshold.</summary>
    /// <param name="key">The key.</param>
    /// <param name="index">The element's number, row by row.</param>
    /// <param name="probability">The probability to be dropped, in [0, 1), heeded to 32 bits.</param>
    public static bool Keeps(ulong key, long index, float probability) =>
        (uint)(Bits(key, index) >> (int)(32 * (index & 1))) >= Threshold(probability);

    internal static uint Threshold(float probability) => (uint)(probability * 4294967296.0);

    /// <summary>The bits of an element of even number and of the next.</summary>
    internal static ulong Bits(ulong key, long index) => Mix(key + ((ulong)(index >> 1) * 0x9E3779B97F4A7C15UL));

    // SplitMix64 (Steele, Lea and Flood 2014).
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
