namespace Tandem.Datasets;

/// <summary>Finds the name that a missing one was probably meant to be.</summary>
internal static class NearestField
{
    /// <summary>The candidate nearest to <paramref name="name"/>, or null when none is close: at most two edits, or a third of the letters.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string candidate in candidates)
        {
            int distance = Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            int limit = Math.Max(2, Math.Max(name.Length, candidate.Length) / 3);
            if (distance <= limit && distance < bestDistance && distance < Math.Min(name.Length, candidate.Length))
                (best, bestDistance) = (candidate, distance);
        }

        return best;
    }

    // Levenshtein's distance with one row of the table. Names of fields can be as long as a damaged file makes them.
    private static int Distance(string a, string b)
    {
        const int longest = 64;
        if (a.Length > longest || b.Length > longest)
            return int.MaxValue;
        Span<int> row = stackalloc int[longest + 1];
        for (int j = 0; j <= b.Length; j++)
            row[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
