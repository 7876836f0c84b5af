namespace Tandem.Tensors;

/// <summary>Finds the name that a mistyped one was meant to be.</summary>
public static class NearestName
{
    // Names can be as long as a damaged file makes them.
    private const int Longest = 256;

    /// <summary>
    /// The candidate with the least edit distance to <paramref name="name"/>, or null when none is close
    /// (more than a third of the letters differ, and more than two) and none begins with it, or the name is very long.
    /// </summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > Longest)
            return null;
        string[] comparable = [.. candidates.Where(candidate => candidate.Length <= Longest)];
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string candidate in comparable)
        {
            int distance = Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            int limit = Math.Max(2, Math.Max(name.Length, candidate.Length) / 3);
            if (distance <= limit && distance < bestDistance && distance < candidate.Length)
                (best, bestDistance) = (candidate, distance);
        }

        return best ?? comparable.FirstOrDefault(c => name.Length >= 3 && c.StartsWith(name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>
    /// The number of insertions, deletions, substitutions and swaps of neighbours that turn one text into the other
    /// (optimal string alignment, Damerau 1964).
    /// </summary>
    public static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
