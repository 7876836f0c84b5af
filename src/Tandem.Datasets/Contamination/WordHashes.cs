namespace Tandem.Datasets;

/// <summary>64-bit hashes of words and of runs of words. Two runs collide with a probability of about 2⁻⁶⁴ a pair.</summary>
internal static class WordHashes
{
    private const ulong Base = 0x9E3779B97F4A7C15UL;

    /// <summary>FNV-1a over the UTF-16 units, mixed.</summary>
    public static ulong OfWord(string word)
    {
        ulong hash = 14695981039346656037UL;
        foreach (char c in word)
            hash = (hash ^ c) * 1099511628211UL;
        return Mix(hash);
    }

    /// <summary>Calls back with the start and the hash of every run of <paramref name="n"/> words (rolling: one step per word).</summary>
    public static void Runs(ReadOnlySpan<ulong> words, int n, Action<int, ulong> visit)
    {
        if (words.Length < n)
            return;
        ulong power = 1;
        for (int i = 1; i < n; i++)
            power *= Base;
        ulong sum = 0;
        for (int i = 0; i < words.Length; i++)
        {
            if (i >= n)
                sum -= words[i - n] * power;
            sum = (sum * Base) + words[i];
            if (i >= n - 1)
                visit(i - n + 1, Mix(sum + (ulong)n));
        }
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
