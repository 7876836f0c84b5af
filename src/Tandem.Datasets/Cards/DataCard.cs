namespace Tandem.Datasets;

/// <summary>What a reader has to know of the data of a run.</summary>
public sealed record DataCard
{
    /// <summary>The known data set's name, or the path that was given.</summary>
    public required string Name { get; init; }

    /// <summary>What its publishers say about its use.</summary>
    public required string Licence { get; init; }

    /// <summary>The layout that was read.</summary>
    public required string Format { get; init; }

    /// <summary>The type of the records.</summary>
    public required string RecordType { get; init; }

    /// <summary>The files with their checksums.</summary>
    public required IReadOnlyList<FileNote> Files { get; init; }

    /// <summary>What became of the rows.</summary>
    public required DatasetCounts Counts { get; init; }

    /// <summary>Lengths in words, by part.</summary>
    public required IReadOnlyDictionary<string, LengthQuantiles> Lengths { get; init; }

    /// <summary>Records by label: the right option's letter, the behaviour expected, or the like; empty where there are none.</summary>
    public required IReadOnlyDictionary<string, long> Labels { get; init; }

    /// <summary>Records by section; empty where there are none.</summary>
    public required IReadOnlyDictionary<string, long> Sections { get; init; }

    /// <summary>Whether the place or the length of an answer tells that it is right; null where there are no answers.</summary>
    public AnswerBias? Bias { get; init; }

    /// <summary>Records whose text, normalised, stands earlier in the set.</summary>
    public required long Duplicates { get; init; }

    /// <summary>Records by split of the content hash.</summary>
    public required IReadOnlyDictionary<string, long> Splits { get; init; }

    /// <summary>Overlap with other data, where it was looked for.</summary>
    public ContaminationReport? Contamination { get; init; }
}

/// <summary>A file of a data set.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes as they lie on the disk.</param>
public sealed record FileNote(string Path, long Bytes, string Sha256);

/// <summary>Quantiles of lengths in words (nearest rank).</summary>
/// <param name="Least">The shortest.</param>
/// <param name="Quarter">25%.</param>
/// <param name="Median">50%.</param>
/// <param name="ThreeQuarters">75%.</param>
/// <param name="NinetyFive">95%.</param>
/// <param name="Most">The longest.</param>
public sealed record LengthQuantiles(int Least, int Quarter, int Median, int ThreeQuarters, int NinetyFive, int Most);

/// <summary>What a guesser gains who does not read the question.</summary>
/// <param name="Items">Items with a right answer, or pairs.</param>
/// <param name="BestPosition">The accuracy of always choosing the commonest place of the right option; null for pairs, which have no order.</param>
/// <param name="ChanceOfPosition">The mean of one over the number of options; null for pairs.</param>
/// <param name="LongestIsRight">The share of items of which the right or preferred answer is the longest in words; ties count in part.</param>
/// <param name="ChanceOfLongest">What that share is on average when length says nothing.</param>
public sealed record AnswerBias(long Items, double? BestPosition, double? ChanceOfPosition, double LongestIsRight, double ChanceOfLongest);
