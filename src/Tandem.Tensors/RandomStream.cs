using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Tandem.Tensors;

/// <summary>
/// A seeded stream of random numbers (xoshiro256++, Blackman and Vigna 2019). Its whole state can be saved and
/// restored, and independent streams are forked by name, so that adding a consumer never shifts another's numbers.
/// </summary>
public sealed class RandomStream
{
    private const int LongestNameOnStack = 128;
    private ulong _seed, _s0, _s1, _s2, _s3;

    /// <summary>Creates the stream of a seed.</summary>
    public RandomStream(ulong seed) => Begin(seed);

    /// <summary>Restores a stream from <see cref="Save"/>.</summary>
    public RandomStream(RandomState state)
    {
        (_seed, _s0, _s1, _s2, _s3) = (state.Seed, state.S0, state.S1, state.S2, state.S3);
    }

    /// <summary>The whole state: a stream made from it continues with the same numbers.</summary>
    public RandomState Save() => new(_seed, _s0, _s1, _s2, _s3);

    /// <summary>An independent stream that depends on this stream's seed and the name only, not on how far it has run.</summary>
    public RandomStream Fork(string name, ulong index = 0) => new(SeedOfFork(name, index));

    /// <summary>Makes this stream what <see cref="Fork"/> of a parent returns, without allocating a stream.</summary>
    public void BecomeFork(RandomStream parent, string name, ulong index = 0)
    {
        ArgumentNullException.ThrowIfNull(parent);
        Begin(parent.SeedOfFork(name, index));
    }

    /// <summary>64 uniform random bits.</summary>
    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(_s0 + _s3, 23) + _s0;
        ulong t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A uniform integer in [0, <paramref name="bound"/>), without bias (Lemire 2019).</summary>
    public int NextInt32(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        uint range = (uint)bound;
        ulong product = (NextUInt64() >> 32) * range;
        uint low = (uint)product;
        if (low < range)
        {
            uint threshold = unchecked(0u - range) % range;
            while (low < threshold)
            {
                product = (NextUInt64() >> 32) * range;
                low = (uint)product;
            }
        }

        return (int)(product >> 32);
    }

    /// <summary>A uniform number in [0, 1).</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with the given probability.</summary>
    public bool NextBoolean(double probability) => NextDouble() < probability;

    /// <summary>A standard normal number (Box and Muller 1958; the second of the pair is discarded to keep the state small).</summary>
    public double NextGaussian()
    {
        double u = 1.0 - NextDouble();
        double v = NextDouble();
        return Math.Sqrt(-2.0 * Math.Log(u)) * Math.Cos(2.0 * Math.PI * v);
    }

    /// <summary>A uniformly chosen element.</summary>
    public T Choose<T>(IReadOnlyList<T> items) => items[NextInt32(items.Count)];

    /// <summary>Shuffles in place (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private void Begin(ulong seed)
    {
        _seed = seed;
        ulong mixer = seed;
        _s0 = SplitMix(ref mixer);
        _s1 = SplitMix(ref mixer);
        _s2 = SplitMix(ref mixer);
        _s3 = SplitMix(ref mixer);
    }

    // FNV-1a over the name's UTF-8, then SplitMix over seed, name and index.
    private ulong SeedOfFork(string name, ulong index)
    {
        int most = Encoding.UTF8.GetMaxByteCount(name.Length);
        Span<byte> bytes = most <= LongestNameOnStack ? stackalloc byte[LongestNameOnStack] : new byte[most];
        ulong hash = 14695981039346656037UL;
        foreach (byte b in bytes[..Encoding.UTF8.GetBytes(name, bytes)])
            hash = (hash ^ b) * 1099511628211UL;
        ulong mixer = _seed ^ hash;
        ulong first = SplitMix(ref mixer);
        mixer = first ^ (index * 0x9E3779B97F4A7C15UL);
        return SplitMix(ref mixer);
    }

    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}

/// <summary>The whole state of a <see cref="RandomStream"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct RandomState(ulong Seed, ulong S0, ulong S1, ulong S2, ulong S3);
