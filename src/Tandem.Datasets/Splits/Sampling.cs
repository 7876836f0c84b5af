using Tandem.Tensors;

namespace Tandem.Datasets;

/// <summary>Seeded choices of records.</summary>
public static class Sampling
{
    /// <summary>The records in a random order.</summary>
    /// <param name="records">The records.</param>
    /// <param name="random">The stream; its fork "shuffle" is used, so that it does not run on.</param>
    public static T[] Shuffled<T>(IEnumerable<T> records, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(random);
        T[] shuffled = [.. records];
        random.Fork("shuffle").Shuffle<T>(shuffled);
        return shuffled;
    }

    /// <summary>Exactly as many records of each class as the rarest one has, drawn uniformly, in the order given.</summary>
    /// <param name="records">The records.</param>
    /// <param name="classOf">The class of a record; null leaves the record out.</param>
    /// <param name="random">The stream; its fork "balance" is used, one for each class by name.</param>
    public static IReadOnlyList<T> Balanced<T>(IEnumerable<T> records, Func<T, string?> classOf, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(classOf);
        ArgumentNullException.ThrowIfNull(random);
        var classes = records
            .Select((record, index) => (Record: record, Index: index, Class: classOf(record)))
            .Where(r => r.Class is not null)
            .GroupBy(r => r.Class!)
            .ToList();
        if (classes.Count == 0)
            return [];
        int each = classes.Min(c => c.Count());
        return
        [
            .. classes.SelectMany(c => Shuffled(c, random.Fork("balance").Fork(c.Key)).Take(each)).OrderBy(r => r.Index).Select(r => r.Record),
        ];
    }
}
