namespace Tandem.Datasets.Hub;

/// <summary>Suggestions for misspelt names.</summary>
internal static class NearestText
{
    private const int LongestCompared = 256;

    /// <summary>The candidate with the least edit distance, null if more than a third of the letters differ, and more than two.</summary>
    public static string? Find(string text, IEnumerable<string> candidates)
    {
        if (text.Length > LongestCompared)
            return null;
        string? best = null;
        int least = int.MaxValue;
        foreach (string candidate in candidates.Where(c => c.Length is > 0 and <= LongestCompared))
        {
            int distance = Distance(text.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance < least && distance <= Math.Max(2, Math.Max(text.Length, candidate.Length) / 3))
                (best, least) = (candidate, distance);
        }

        return best;
    }

    /// <summary>The number of insertions, deletions and substitutions between two texts (Levenshtein).</summary>
    private static int Distance(string a, string b)
    {
        int[] above = [.. Enumerable.Range(0, b.Length + 1)];
        int[] row = new int[b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                row[j] = Math.Min(Math.Min(row[j - 1], above[j]) + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            (above, row) = (row, above);
        }

        return above[b.Length];
    }
}
